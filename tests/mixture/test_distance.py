"""Mahalanobis distances, against solved matrices."""

from typing import Any

import numpy as np
import pytest

from fastgmm.mixture.conditioning import marginal
from fastgmm.mixture.distance import mahalanobis, mahalanobis_with_gaps
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture, matrices_of

SHAPES = [(1, 1), (3, 2), (4, 3), (2, 7), (3, 17)]


def made(truth: Any, covariance_type: Any) -> Mixture:
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


@pytest.mark.parametrize(("n_components", "n_features"), SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 3e-5)])
def test_distances_are_the_textbooks(
    n_components: int,
    n_features: int,
    dtype: Any,
    tolerance: float,
    covariance_type: Any,
    rng: np.random.Generator,
) -> None:
    truth = correlated_mixture(n_components, n_features, rng)
    mixture = made(truth, covariance_type)
    rows = truth.sample(200, rng)[0].astype(dtype)
    matrices = matrices_of(covariance_type, mixture.covariances, mixture.means)
    found = mahalanobis(mixture, rows, np.empty((200, n_components), dtype))
    assert found.dtype == dtype
    for k, (mean, S) in enumerate(zip(mixture.means, matrices, strict=True)):
        off = rows - mean
        expected = np.sqrt((off.T * np.linalg.solve(S, off.T)).sum(axis=0))
        np.testing.assert_allclose(found[:, k], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("n_features", [1, 2, 3, 5, 8, 13])
def test_small_distances_keep_their_digits(
    n_features: int, covariance_type: Any, rng: np.random.Generator
) -> None:
    """A distance of 1e-6 has a square that would be lost beside an offset of some nats."""
    mixture = made(correlated_mixture(1, n_features, rng), covariance_type)
    S = matrices_of(covariance_type, mixture.covariances, mixture.means)[0]
    step = rng.standard_normal(n_features)
    step *= 1e-6 / np.sqrt(step @ np.linalg.solve(S, step))
    rows = np.stack([mixture.means[0], mixture.means[0] + step])
    off = rows[1] - mixture.means[0]
    expected = np.sqrt(off @ np.linalg.solve(S, off))
    (at_mean,), (near,) = mahalanobis(mixture, rows, np.empty((2, 1)))
    assert at_mean < 1e-12
    assert near == pytest.approx(expected, rel=1e-8)


def test_far_rows_are_far_and_no_nan(covariance_type: Any, rng: np.random.Generator) -> None:
    mixture = made(correlated_mixture(2, 2, rng), covariance_type)
    rows = np.array([[1e100, 0.0], [1e200, -1e200]])
    found = mahalanobis(mixture, rows, np.empty((2, 2)))
    assert np.isfinite(found[0]).all()
    assert (found[1] == np.inf).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_of_gaps_the_other_columns_count(
    dtype: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    truth = correlated_mixture(3, 4, rng)
    mixture, rows = made(truth, covariance_type), truth.sample(50, rng)[0].astype(dtype)
    rows[rng.random(rows.shape) < 0.4] = np.nan
    rows[3] = np.nan
    found = mahalanobis_with_gaps(mixture, rows, np.empty((50, 3), dtype))
    for row, distances in zip(rows, found, strict=True):
        seen = np.flatnonzero(~np.isnan(row))
        expected = np.zeros((1, 3), dtype)
        if len(seen):
            mahalanobis(marginal(mixture, seen), row[None, seen], expected)
        np.testing.assert_allclose(
            distances, expected[0], rtol=1e-6 if dtype is np.float32 else 1e-12
        )
