"""Factors as they are shown: an order and signs of their own, and what rows have of them."""

import numpy as np
import pytest
from low_rank_cases import factor_mixture, rows_of

from fastgmm.mixture import factors
from fastgmm.mixture.density import responsibilities


def test_loadings_are_turned_and_change_no_covariance(rng: np.random.Generator) -> None:
    mixture = factor_mixture(3, 8, 3, rng)
    found, noise = factors.loadings(mixture), factors.noise_variances(mixture)
    matrices = found @ found.swapaxes(1, 2) + noise[:, :, None] * np.eye(8)
    np.testing.assert_allclose(matrices, mixture.shown_covariances, rtol=1e-11, atol=1e-12)
    strength = found.swapaxes(1, 2) @ (found / noise[:, :, None])
    for matrix in strength:
        diagonal = np.diagonal(matrix)
        np.testing.assert_allclose(matrix, np.diag(diagonal), atol=1e-10 * diagonal.max())
        assert (np.diff(diagonal) < 0).all()
    assert (found.sum(axis=1) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_expected_factors_are_those_of_the_joint_gaussian(
    dtype: type, rng: np.random.Generator
) -> None:
    mixture = factor_mixture(3, 8, 2, rng)
    rows = rows_of(mixture, 5000, rng).astype(dtype)
    shares = responsibilities(mixture, rows, np.empty((5000, 3), dtype))
    found = factors.expected(mixture, rows, 1)
    assert found.shape == (5000, 6)
    assert found.dtype == dtype
    pairs = zip(factors.loadings(mixture), mixture.shown_covariances, strict=True)
    for k, (loadings, covariance) in enumerate(pairs):
        slopes = np.linalg.solve(covariance, loadings)
        wanted = (rows - mixture.means[k]) @ slopes * shares[:, k, None]
        tolerance = 1e-10 if dtype == np.float64 else 1e-4
        np.testing.assert_allclose(found[:, 2 * k : 2 * k + 2], wanted, atol=tolerance)
