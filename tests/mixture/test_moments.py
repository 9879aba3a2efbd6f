"""The moments of a mixture as a whole, against those of its rows."""

from typing import Any

import numpy as np
import pytest

from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
from support import correlated_mixture, matrices_of


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 4), (5, 2)])
def test_total_covariance_is_the_mean_of_the_squares_about_the_mean(
    n_components: int, n_features: int, covariance_type: Any, rng: np.random.Generator
) -> None:
    """E[(x - m)(x - m)^T] = sum of w (C + (mean - m)(mean - m)^T), one component at a time."""
    truth = correlated_mixture(n_components, n_features, rng)
    covariances = truth.covariances_as(covariance_type)
    mixture = Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)
    mean = truth.weights @ truth.means
    expected = np.zeros((n_features, n_features))
    matrices = matrices_of(covariance_type, covariances, truth.means)
    for weight, matrix, center in zip(truth.weights, matrices, truth.means, strict=True):
        expected += weight * (matrix + np.outer(center - mean, center - mean))
    got = total_covariance(mixture)
    assert got.shape == (n_features, n_features)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_an_offset_of_all_means_changes_nothing(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    truth = correlated_mixture(3, 2, rng)
    covariances = truth.covariances_as(covariance_type)
    near, far = (
        total_covariance(
            Mixture.from_covariances(truth.weights, truth.means + off, covariances, covariance_type)
        )
        for off in (0.0, 1e8)
    )
    np.testing.assert_allclose(far, near, rtol=1e-6)


def test_it_is_the_covariance_of_many_rows(rng: np.random.Generator) -> None:
    truth = correlated_mixture(3, 3, rng)
    mixture = Mixture.from_covariances(truth.weights, truth.means, truth.covariances, "full")
    rows = truth.sample(200_000, rng)[0]
    total = total_covariance(mixture)
    scale = np.sqrt(np.outer(np.diag(total), np.diag(total)))
    assert (np.abs(np.cov(rows.T) - total) < 0.02 * scale).all()
