"""Adaptation by the rule of maximum a posteriori, against its formulas in NumPy."""

from typing import Any

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.em.adaptation import adapted
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture, in_shape_of, matrices_of

PARTS = ("weights", "means", "covariances")
NOTHING = Regularization()


def problem(kind: Any, rng: np.random.Generator) -> tuple[Mixture, np.ndarray]:
    """Return a mixture, and rows of another one near it."""
    truth = correlated_mixture(4, 3, rng, separation=1.5)
    covariances = truth.covariances_as(kind)
    mixture = Mixture.from_covariances(truth.weights, truth.means, covariances, kind)
    return mixture, truth.sample(300, rng)[0] * 1.2 + 0.4


def by_reynolds(mixture: Mixture, rows: np.ndarray, relevance: float) -> tuple[np.ndarray, ...]:
    """Return weights, means and matrices by equations 11 to 13 of Reynolds et al. (2000).

    Of matrices the squares are outer products; what is tied is the mean of its components by the
    rows that each holds and stands for.
    """
    shares = np.empty((len(rows), mixture.n_components))
    responsibilities(mixture, rows, shares)
    held = shares.sum(axis=0)
    alpha = held / (held + relevance)
    first = shares.T @ rows / held[:, None]
    second = np.einsum("nk,ni,nj->kij", shares, rows, rows) / held[:, None, None]
    weights = alpha * held / len(rows) + (1.0 - alpha) * mixture.weights
    means = alpha[:, None] * first + (1.0 - alpha[:, None]) * mixture.means
    own = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    own = own + np.einsum("ki,kj->kij", mixture.means, mixture.means)
    a = alpha[:, None, None]
    covariances = a * second + (1.0 - a) * own - np.einsum("ki,kj->kij", means, means)
    counted = held + relevance
    return (
        weights / weights.sum(),
        means,
        in_shape_of(mixture.covariance_type, covariances, counted / counted.sum()),
    )


@pytest.mark.parametrize("relevance", [0.5, 16.0, 1e6])
def test_the_formulas_of_reynolds(
    relevance: float, covariance_type: Any, rng: np.random.Generator
) -> None:
    mixture, rows = problem(covariance_type, rng)
    statistics = expectation(mixture, RowData(rows))
    found = adapted(mixture, statistics, relevance, PARTS, NOTHING)
    for name, expected in zip(PARTS, by_reynolds(mixture, rows, relevance), strict=True):
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-12, atol=1e-12)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-15)
    means = adapted(mixture, statistics, relevance, ("means",), NOTHING)
    np.testing.assert_array_equal(means.means, found.means)
    np.testing.assert_array_equal(means.weights, mixture.weights)
    np.testing.assert_array_equal(means.covariances, mixture.covariances)
    weights = adapted(mixture, statistics, relevance, ("weights",), NOTHING)
    np.testing.assert_array_equal(weights.weights, found.weights)
    np.testing.assert_array_equal(weights.means, mixture.means)


def test_covariances_alone_are_about_the_means_that_stay(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """Wherever the origin is."""
    mixture, rows = problem(covariance_type, rng)
    statistics = expectation(mixture, RowData(rows))
    shares = np.empty((len(rows), 4))
    responsibilities(mixture, rows, shares)
    held = shares.sum(axis=0)
    apart = rows[:, None, :] - mixture.means
    scatter = np.einsum("nk,nki,nkj->kij", shares, apart, apart)
    own = matrices_of(covariance_type, mixture.covariances, mixture.means)
    both = (scatter + 16.0 * own) / (held + 16.0)[:, None, None]
    counted = (held + 16.0) / (held + 16.0).sum()
    found = adapted(mixture, statistics, 16.0, ("covariances",), NOTHING)
    expected = in_shape_of(covariance_type, both, counted)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.means, mixture.means)


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
def test_the_two_ends(ridge: float, covariance_type: Any, rng: np.random.Generator) -> None:
    """No relevance is one step of EM, and infinite relevance the mixture itself."""
    mixture, rows = problem(covariance_type, rng)
    regularization = Regularization.of(ridge)
    statistics = expectation(mixture, RowData(rows))
    step = maximization(statistics, regularization)
    found = adapted(mixture, statistics, 0.0, PARTS, regularization)
    same = adapted(mixture, statistics, np.inf, PARTS, regularization)
    nearly = adapted(mixture, statistics, 1e12, PARTS, regularization)
    for name in PARTS:
        np.testing.assert_allclose(getattr(found, name), getattr(step, name), rtol=1e-14)
        np.testing.assert_array_equal(getattr(same, name), getattr(mixture, name))
        np.testing.assert_allclose(getattr(nearly, name), getattr(mixture, name), atol=1e-7)


def test_components_without_rows_stay(rng: np.random.Generator) -> None:
    mixture, rows = problem("diag", rng)
    means = mixture.means.copy()
    means[3] = 1e5
    mixture = Mixture.from_covariances(mixture.weights, means, mixture.covariances, "diag")
    statistics = expectation(mixture, RowData(rows))
    assert statistics.component_weight[3] == 0.0
    for relevance in (16.0, 0.0):
        found = adapted(mixture, statistics, relevance, PARTS, Regularization.of(1e-6))
        assert np.isfinite(found.covariances).all()
        np.testing.assert_array_equal(found.means[3], means[3])
    found = adapted(mixture, statistics, 16.0, PARTS, Regularization.of(1e-6))
    np.testing.assert_allclose(found.covariances[3], mixture.covariances[3], rtol=1e-12)


def test_a_common_offset_is_no_matter(rng: np.random.Generator) -> None:
    """Reynolds' E[x^2] - mean^2 loses all digits where rows are far from zero."""
    mixture, rows = problem("diag", rng)
    found = adapted(mixture, expectation(mixture, RowData(rows)), 16.0, PARTS, NOTHING)
    offset = 2.0**30
    far = Mixture.from_covariances(
        mixture.weights, mixture.means + offset, mixture.covariances, "diag"
    )
    there = np.round(rows * 2.0**20) / 2.0**20 + offset
    moved = adapted(far, expectation(far, RowData(there)), 16.0, PARTS, NOTHING)
    np.testing.assert_allclose(moved.covariances, found.covariances, rtol=1e-5)
