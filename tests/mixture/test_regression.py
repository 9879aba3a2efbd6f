"""Regression of many rows, against the conditional mixture of each row."""

from typing import Any

import numpy as np
import pytest

from fastgmm.mixture import regression as module
from fastgmm.mixture.conditioning import conditional, cut_of, marginal
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
from fastgmm.mixture.regression import regression, regression_with_gaps
from support import correlated_mixture, matrices_of, three_in_four


@pytest.fixture
def mixture(covariance_type: Any, rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(3, 5, rng, separation=1.5)
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


@pytest.mark.parametrize("asked", [(1,), (4, 0), (3, 2, 1, 0)])
def test_each_row_is_that_of_its_conditional_mixture(
    asked: tuple[int, ...],
    mixture: Mixture,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = cut_of(mixture, tuple(j for j in range(5) if j not in asked), asked)
    rows = 2.0 * rng.standard_normal((50, 5 - len(asked)))
    whole = regression(cut, rows, return_cov=True, n_threads=1)
    monkeypatch.setattr(module, "NUMBERS_AT_ONCE", 200)  # some ten rows at a time
    means, covariances = regression(cut, rows, return_cov=True, n_threads=1)
    assert covariances is not None
    np.testing.assert_array_equal(covariances, np.swapaxes(covariances, 1, 2))
    for one, other in zip(whole, (means, covariances), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)
    for row, mean, covariance in zip(rows, means, covariances, strict=True):
        left = conditional(cut, row[None])
        np.testing.assert_allclose(mean, left.weights @ left.means, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(covariance, total_covariance(left), rtol=1e-11, atol=1e-12)
    alone, nothing = regression(cut, rows, return_cov=False, n_threads=1)
    assert nothing is None
    np.testing.assert_allclose(alone, means, rtol=1e-12, atol=1e-13)


def test_float32_rows_give_float32(mixture: Mixture, rng: np.random.Generator) -> None:
    cut = cut_of(mixture, (0, 1, 2), (3, 4))
    rows = rng.standard_normal((20, 3)).astype(np.float32)
    single = regression(cut, rows, return_cov=True, n_threads=1)
    double = regression(cut, rows.astype(float), return_cov=True, n_threads=1)
    for one, other in zip(single, double, strict=True):
        assert one is not None
        assert other is not None
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other.astype(np.float32))


def test_an_offset_moves_the_means_and_nothing_else(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    truth = correlated_mixture(3, 4, rng)
    covariances = truth.covariances_as(covariance_type)
    rows = truth.means[0, :2] + rng.standard_normal((20, 2))
    found = []
    for off in (0.0, 1e6):
        mixture = Mixture.from_covariances(
            truth.weights, truth.means + off, covariances, covariance_type
        )
        cut = cut_of(mixture, (0, 1), (2, 3))
        means, spread = regression(cut, rows + off, return_cov=True, n_threads=1)
        found.append((means - off, spread))
    for near, far in zip(*found, strict=True):
        np.testing.assert_allclose(far, near, rtol=1e-6, atol=1e-7)


def test_a_component_far_away_costs_the_others_no_digits(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    truth = correlated_mixture(3, 4, rng, separation=1.5)
    means = truth.means.copy()
    means[2] += 1e9
    covariances = truth.covariances_as(covariance_type)
    mixture = Mixture.from_covariances(truth.weights, means, covariances, covariance_type)
    cut = cut_of(mixture, (3, 0), (1, 2))
    rows = np.concatenate([rng.standard_normal((20, 2)), 1e9 + rng.standard_normal((5, 2))])
    found, spread = regression(cut, rows, return_cov=True, n_threads=1)
    assert spread is not None
    for row, mean, covariance in zip(rows, found, spread, strict=True):
        left = conditional(cut, row[None])
        np.testing.assert_allclose(mean, left.weights @ left.means, rtol=1e-12, atol=1e-12)
        # The middle of the means is exact to a rounding of 1e9, so that the total is not.
        if row[0] < 1e6:
            few = left.weights > 0.0
            off = left.means[few] - mean
            matrices = matrices_of(covariance_type, left.covariances, left.means)[few]
            each = matrices + off[:, :, None] * off[:, None, :]
            expected = np.tensordot(left.weights[few], each, 1)
            np.testing.assert_allclose(covariance, expected, rtol=1e-11, atol=1e-12)


def test_numbers_of_gmr() -> None:
    """gmr 2.0.3: GMM(3, weights, means, covariances).predict(np.array([1, 3]), rows)."""
    mixture = Mixture.from_covariances(*three_in_four(), "full")
    rows = np.array([[0.5, 1.0], [-4.0, 3.0], [6.0, -2.0]])
    means, _ = regression(cut_of(mixture, (1, 3), (0, 2)), rows, return_cov=False, n_threads=1)
    expected = [
        [-1.4974359548098335, 1.6608195186501504],
        [-0.8116787840401322, -1.2689483325141862],
        [-2.0877473770937973, -1.1728724897482687],
    ]
    np.testing.assert_allclose(means, expected, rtol=1e-12)


def test_gaps_are_integrated_out(covariance_type: Any, rng: np.random.Generator) -> None:
    truth = correlated_mixture(3, 5, rng, separation=1.5)
    covariances = truth.covariances_as(covariance_type)
    mixture = Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)
    asked, others = (4, 1), (0, 2, 3)
    rows = truth.sample(60, rng)[0][:, list(others)]
    rows[rng.random(rows.shape) < 0.4] = np.nan
    rows[7] = np.nan
    found, spread = regression_with_gaps(mixture, asked, others, rows, return_cov=True, n_threads=1)
    assert spread is not None
    for row, mean, covariance in zip(rows, found, spread, strict=True):
        known = np.flatnonzero(~np.isnan(row))
        left = marginal(mixture, np.array(asked))
        if len(known):
            cut = cut_of(mixture, tuple(others[j] for j in known), asked)
            left = conditional(cut, row[None, known])
        np.testing.assert_allclose(mean, left.weights @ left.means, rtol=1e-12, atol=1e-12)
        off = left.means - mean
        matrices = matrices_of(covariance_type, left.covariances, left.means)
        each = matrices + off[:, :, None] * off[:, None, :]
        expected = np.tensordot(left.weights, each, 1)
        np.testing.assert_allclose(covariance, expected, rtol=1e-11, atol=1e-12)
    alone, _ = regression_with_gaps(mixture, asked, others, rows, return_cov=False, n_threads=1)
    np.testing.assert_array_equal(alone, found)
