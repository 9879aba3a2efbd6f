"""What a mixture says of rows, against the definitions written out in NumPy."""

from typing import Any

import numpy as np
import pytest

from fastgmm.data.labels import bits_of
from fastgmm.mixture import density
from fastgmm.mixture.mixture import Mixture
from fastgmm.threads import FEWEST_ROWS
from support import CorrelatedMixture, correlated_mixture, matrices_of

FEW, MANY = FEWEST_ROWS, 8 * FEWEST_ROWS + 5
"""Rows that one call takes, and rows that are cut into blocks."""


def log_normal(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    """Return log N(x | mean_k, covariance_k), (n, K): no factor and no kernel on the way."""
    matrices = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    off = rows[:, None, :].astype(np.float64) - mixture.means
    squared = np.einsum("nki,kij,nkj->nk", off, np.linalg.inv(matrices), off)
    log_determinants = np.linalg.slogdet(matrices)[1]
    return -0.5 * (squared + log_determinants + rows.shape[1] * np.log(2.0 * np.pi))


def posterior(mixture: Mixture, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log densities (n,) and the responsibilities (n, K)."""
    joint = np.log(mixture.weights) + log_normal(mixture, rows)
    largest = joint.max(axis=1, keepdims=True)
    total = largest + np.log(np.exp(joint - largest).sum(axis=1, keepdims=True))
    return total[:, 0], np.exp(joint - total)


@pytest.fixture
def truth(rng: np.random.Generator) -> CorrelatedMixture:
    return correlated_mixture(4, 3, rng, separation=1.5)


def of_type(truth: CorrelatedMixture, covariance_type: Any) -> Mixture:
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "n_threads"), [(1, None), (FEW, 2), (MANY, 1), (MANY, 2)])
def test_densities_are_those_of_the_definition(
    n: int,
    n_threads: int | None,
    dtype: Any,
    covariance_type: str,
    truth: CorrelatedMixture,
) -> None:
    mixture = of_type(truth, covariance_type)
    rows = truth.sample(MANY, np.random.default_rng(n))[0][:n].astype(dtype)
    rtol = 1e-11 if dtype is np.float64 else 1e-4
    totals, odds = posterior(mixture, rows)
    k = mixture.n_components
    for call, expected in (
        (density.log_density, totals),
        (density.component_log_density, log_normal(mixture, rows)),
        (density.responsibilities, odds),
    ):
        out = np.full(expected.shape, np.nan, dtype)
        assert call(mixture, rows, out, n_threads) is out
        np.testing.assert_allclose(out, expected, rtol=rtol, atol=rtol)
    labels = density.labels(mixture, rows, n_threads)
    assert labels.dtype == np.int64
    assert labels.shape == (n,)
    clear = np.sort(odds, axis=1)[:, -1] - np.sort(odds, axis=1)[:, -2] > 1e-3
    np.testing.assert_array_equal(labels[clear], odds.argmax(axis=1)[clear])
    assert set(np.unique(labels)) <= set(range(k))


@pytest.mark.parametrize("weighted", [False, True])
def test_classification_is_a_weighted_sum(
    weighted: bool, covariance_type: str, truth: CorrelatedMixture, rng: np.random.Generator
) -> None:
    """Over more rows than one of its blocks; a row without weight has no say, even far away."""
    mixture = of_type(truth, covariance_type)
    rows = truth.sample(16384 + 77, rng)[0]
    weight = rng.uniform(0.0, 3.0, len(rows)) if weighted else None
    if weight is not None:
        weight[::5] = 0.0
        rows[0] = 1e200
    counts = np.ones(len(rows)) if weight is None else weight
    counted = counts > 0
    totals, odds = posterior(mixture, rows[counted])
    expected = counts[counted] @ totals, counts[counted] @ np.log(odds.max(axis=1))
    with np.errstate(over="ignore"):
        got = density.classification(mixture, rows, weight, 2)
    np.testing.assert_allclose(got, expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_log_likelihood(dtype: Any, covariance_type: str, truth: CorrelatedMixture) -> None:
    mixture = of_type(truth, covariance_type)
    rows = truth.sample(MANY, np.random.default_rng(5))[0].astype(dtype)
    expected = posterior(mixture, rows)[0]
    weight = np.random.default_rng(6).integers(0, 3, len(rows)).astype(np.float64)
    rtol = 1e-12 if dtype is np.float64 else 1e-6
    assert density.log_likelihood(mixture, rows, None, 2) == pytest.approx(expected.sum(), rel=rtol)
    weighted = density.log_likelihood(mixture, rows, weight, 2)
    assert weighted == pytest.approx(weight @ expected, rel=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_responsibilities_among_some_components(dtype: Any, rng: np.random.Generator) -> None:
    truth = correlated_mixture(5, 3, rng)
    mixture = Mixture.from_covariances(truth.weights, truth.means, truth.covariances, "full")
    rows = truth.sample(200, rng)[0].astype(dtype)
    sets = rng.random((200, 5)) < 0.5
    sets[np.arange(200), rng.integers(5, size=200)] = True
    found = density.responsibilities_among(mixture, rows, bits_of(sets))
    joint = np.where(sets, np.log(mixture.weights) + log_normal(mixture, rows), -np.inf)
    expected = np.exp(joint - joint.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=1e-12 if dtype is np.float64 else 1e-4)
