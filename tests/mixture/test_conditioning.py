"""Cuts into observed and missing columns, against matrices, one component at a time."""

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from fastgmm.covariance.agreement import factors_agree
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.conditioning import MOST_KEPT, conditional, cut_of, factors_of, marginal
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture, matrices_of, three_in_four

CUTS = [((2, 0), (1, 3, 4)), ((0, 1, 2, 3), (4,)), ((3,), (4, 0, 1, 2)), ((1,), (2,))]


@pytest.fixture
def mixture(covariance_type: Any, rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(4, 5, rng, separation=1.5)
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


def matrices(mixture: Mixture) -> np.ndarray:
    return matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)


def oracle(
    mixture: Mixture, observed: tuple[int, ...], missing: tuple[int, ...], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights, means and covariances of the missing columns, by the textbook."""
    logs, means, covariances = [], [], []
    o, m = list(observed), list(missing)
    for weight, mean, S in zip(mixture.weights, mixture.means, matrices(mixture), strict=True):
        slopes = np.linalg.solve(S[np.ix_(o, o)], S[np.ix_(o, m)]).T
        logs.append(np.log(weight) + multivariate_normal(mean[o], S[np.ix_(o, o)]).logpdf(values))
        means.append(mean[m] + slopes @ (values - mean[o]))
        covariances.append(S[np.ix_(m, m)] - slopes @ S[np.ix_(o, m)])
    return np.exp(logs - logsumexp(logs)), np.array(means), np.array(covariances)


@pytest.mark.parametrize(("observed", "missing"), CUTS)
def test_conditional_is_the_textbooks(
    observed: tuple[int, ...],
    missing: tuple[int, ...],
    covariance_type: str,
    mixture: Mixture,
    rng: np.random.Generator,
) -> None:
    values = mixture.means[0, list(observed)] + rng.standard_normal(len(observed))
    found = conditional(cut_of(mixture, observed, missing), values[None])
    weights, means, covariances = oracle(mixture, observed, missing, values)
    np.testing.assert_allclose(found.weights, weights, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.means, means, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(matrices(found), covariances, rtol=1e-11, atol=1e-12)
    assert found.covariance_type == covariance_type
    found.check()


def test_the_arrays_of_both_parts_agree(covariance_type: str, mixture: Mixture) -> None:
    for observed, missing in CUTS:
        cut = cut_of(mixture, observed, missing)
        for part in (cut.given, cut.rest):
            arrays = part.covariances, part.factors, part.inverse_factors
            assert factors_agree(part.covariance_model, *arrays)
            part.check()
        if covariance_type not in ("full", "tied"):
            assert cut.slopes is None
            continue
        assert cut.slopes is not None
        slopes = np.broadcast_to(cut.slopes, (4, len(missing), len(observed)))
        for A, S in zip(slopes, matrices(mixture), strict=True):
            expected = S[np.ix_(missing, observed)] @ np.linalg.inv(S[np.ix_(observed, observed)])
            np.testing.assert_allclose(A, expected, rtol=1e-11, atol=1e-12)


def test_marginal_is_the_columns_of_the_parameters(mixture: Mixture) -> None:
    for columns in ([0], [3, 1], [4, 3, 2, 1, 0]):
        part = marginal(mixture, np.array(columns))
        np.testing.assert_array_equal(part.weights, mixture.weights)
        np.testing.assert_array_equal(part.means, mixture.means[:, columns])
        expected = matrices(mixture)[:, columns][:, :, columns]
        np.testing.assert_array_equal(matrices(part), expected)
        part.check()


def test_far_values_give_the_weight_to_the_nearest_component(mixture: Mixture) -> None:
    cut = cut_of(mixture, (0, 3), (1, 2, 4))
    for far in (1e3, 1e6, -1e6, 1e100):
        values = np.array([far, -far])
        found = conditional(cut, values[None])
        weights, _, _ = oracle(mixture, (0, 3), (1, 2, 4), values)
        assert np.isfinite(found.means).all()
        assert found.weights.sum() == pytest.approx(1.0, abs=1e-14)
        if abs(far) < 1e100:
            np.testing.assert_allclose(found.weights, weights, atol=1e-9)


def test_means_that_overflow_are_refused() -> None:
    S = np.array([[1.0, 100.0], [100.0, 20000.0]])
    for dtype, far in ((np.float64, 1e307), (np.float32, 1e38)):
        mixture = Mixture.from_covariances(
            np.ones(1), np.zeros((1, 2)), S[None], "full", np.dtype(dtype)
        )
        cut = cut_of(mixture, (0,), (1,))
        np.testing.assert_allclose(conditional(cut, np.array([[far / 1e3]])).means, [[far / 10]])
        with pytest.raises(ValueError, match=rf"overflow {np.dtype(dtype)}: give values nearer"):
            conditional(cut, np.array([[far]]))


def test_nearly_singular_covariances_are_cut_as_well() -> None:
    """The entries of a correlation of 1 - 1e-18 are those of 1, which has no factor."""
    factors = np.array([[[1.0, 0.0], [1.0, 1e-9]], [[2.0, 0.0], [-2.0, 1e-9]]])
    covariances = factors @ np.swapaxes(factors, 1, 2)
    mixture = Mixture(
        "full", np.full(2, 0.5), np.zeros((2, 2)), covariances, factors, np.linalg.inv(factors)
    )
    order = np.array([1, 0])
    with pytest.raises(IllDefinedCovarianceError):
        mixture.covariance_model.form.factor(covariances[:, order][:, :, order])
    _, rotated, inverses = factors_of(mixture.covariance_model, mixture, order)
    squares = covariances[:, order][:, :, order]
    np.testing.assert_allclose(rotated @ np.swapaxes(rotated, 1, 2), squares, rtol=1e-14)
    assert (np.diagonal(rotated, axis1=1, axis2=2) > 0.0).all()
    for array in (rotated, inverses):
        np.testing.assert_array_equal(array, np.tril(array))
    np.testing.assert_allclose(inverses @ rotated, np.stack([np.eye(2)] * 2), atol=1e-6)
    left = conditional(cut_of(mixture, (1,), (0,)), np.array([[1.0]]))
    np.testing.assert_allclose(left.means, [[1.0], [-1.0]], rtol=1e-9)
    np.testing.assert_allclose(left.covariances[:, 0, 0], [1e-18, 1e-18], rtol=1e-6)


def test_a_cut_is_made_once_and_few_are_kept(mixture: Mixture) -> None:
    first = cut_of(mixture, (0,), (1, 2))
    assert cut_of(mixture, (0,), (1, 2)) is first
    for j in range(1, 5):
        for i in range(5):
            if i != j:
                cut_of(mixture, (i,), (j,))
    assert len(mixture.cuts) == MOST_KEPT
    assert cut_of(mixture, (0,), (1, 2)) is not first
    large = Mixture.from_covariances(
        np.full(2, 0.5), np.zeros((2, 300)), np.stack([np.eye(300)] * 2), "full"
    )
    for j in range(1, 4):
        cut_of(large, (0,), (j,))
    assert list(large.cuts) == [((0,), (3,))]


def test_pickles_leave_the_cuts_behind(mixture: Mixture) -> None:
    before = len(pickle.dumps(mixture))
    cut_of(mixture, (0,), (1, 2))
    assert len(pickle.dumps(mixture)) == before
    assert pickle.loads(pickle.dumps(mixture)).cuts == {}


def test_numbers_of_gmr() -> None:
    """gmr 2.0.3: GMM(3, weights, means, covariances).condition([2, 0], [0.75, -1.25])."""
    weights, means, covariances = three_in_four()
    mixture = Mixture.from_covariances(weights, means, covariances, "full")
    found = conditional(cut_of(mixture, (2, 0), (1, 3)), np.array([[0.75, -1.25]]))
    expected = [0.9573637722473564, 0.03129667339623384, 0.01133955435640981]
    np.testing.assert_allclose(found.weights, expected, rtol=1e-12)
    expected_means = [
        [1.4926470588235297, 2.6433823529411766],
        [1.9326923076923084, 1.4086538461538463],
        [4.4, -1.5375],
    ]
    np.testing.assert_allclose(found.means, expected_means, rtol=1e-12)
    expected_covariances = [
        [[2.1176470588235294, -0.7941176470588236], [-0.7941176470588235, 0.5477941176470589]],
        [[2.769230769230769, 1.6153846153846154], [1.6153846153846154, 2.5048076923076925]],
        [[0.8, 0.8], [0.8, 1.8]],
    ]
    np.testing.assert_allclose(found.covariances, expected_covariances, rtol=1e-12)
