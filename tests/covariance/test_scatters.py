"""Sums over points by their label."""

import numpy as np

from fastgmm.covariance.scatters import scatters_of_labels, sums_of_labels


def test_sums_of_labels(rng: np.random.Generator) -> None:
    rows, labels = rng.normal(size=(50, 3)), rng.integers(0, 4, 50)
    expected = np.zeros((6, 3))  # two labels that no row has
    np.add.at(expected, labels, rows)
    np.testing.assert_allclose(sums_of_labels(rows, labels, 6), expected, rtol=1e-12, atol=1e-12)


def test_scatters_of_labels(rng: np.random.Generator) -> None:
    rows, labels = rng.normal(size=(50, 3)), rng.integers(0, 4, 50)
    expected = np.zeros((6, 3, 3))
    np.add.at(expected, labels, rows[:, :, None] * rows[:, None, :])
    got = scatters_of_labels(rows, labels, 6)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
