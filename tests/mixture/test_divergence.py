"""Divergences of mixtures, by samples and by the bound, against closed forms and integrals."""

from typing import Any

import numpy as np
import pytest

from fastgmm.mixture.divergence import divergence_bound, pair_divergences, sampled_divergence
from fastgmm.mixture.mixture import Mixture
from support import COVARIANCE_TYPES, correlated_mixture, matrices_of


def made(k: int, d: int, covariance_type: Any, rng: np.random.Generator) -> Mixture:
    truth = correlated_mixture(k, d, rng, separation=1.5)
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


def closed_form(
    mean: np.ndarray, S: np.ndarray, other_mean: np.ndarray, other_S: np.ndarray
) -> float:
    """Return the divergence of two Gaussians, as textbooks write it."""
    off, inverse = other_mean - mean, np.linalg.inv(other_S)
    logs = np.linalg.slogdet(other_S)[1] - np.linalg.slogdet(S)[1]
    return float(0.5 * (np.trace(inverse @ S) + off @ inverse @ off - len(mean) + logs))


@pytest.mark.parametrize("other_type", COVARIANCE_TYPES)
def test_pairs_have_the_closed_form(
    covariance_type: Any, other_type: Any, rng: np.random.Generator
) -> None:
    p, q = made(3, 4, covariance_type, rng), made(2, 4, other_type, rng)
    of_p = matrices_of(covariance_type, p.covariances, p.means)
    of_q = matrices_of(other_type, q.covariances, q.means)
    found = pair_divergences(p, q)
    assert found.shape == (3, 2)
    for a, b in np.ndindex(3, 2):
        expected = closed_form(p.means[a], of_p[a], q.means[b], of_q[b])
        assert found[a, b] == pytest.approx(expected, rel=1e-11, abs=1e-12)
    np.testing.assert_allclose(np.diag(pair_divergences(p, p)), 0.0, atol=1e-14)


def test_single_gaussians_have_the_closed_form(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    p, q = made(1, 3, covariance_type, rng), made(1, 3, "full", rng)
    S = matrices_of(covariance_type, p.covariances, p.means)[0]
    expected = closed_form(p.means[0], S, q.means[0], q.covariances[0])
    assert divergence_bound(p, q) == pytest.approx(expected, rel=1e-12)
    value, error = sampled_divergence(p, q, 20_000, rng)
    assert 0.0 < error < 0.1 * expected
    assert abs(value - expected) < 4.0 * error


def test_equal_mixtures_are_not_apart(covariance_type: Any, rng: np.random.Generator) -> None:
    p = made(4, 3, covariance_type, rng)
    assert sampled_divergence(p, p, 100, rng) == (0.0, 0.0)
    assert divergence_bound(p, p) < 1e-3
    far = Mixture.from_covariances(p.weights, 20.0 * p.means, p.covariances, covariance_type)
    assert divergence_bound(far, far) < 1e-9
    backwards = far.reordered(np.array([3, 2, 1, 0]))
    assert divergence_bound(far, backwards) < 1e-9


def test_samples_agree_with_the_integral(rng: np.random.Generator) -> None:
    p, q = made(3, 1, "full", rng), made(2, 1, "diag", rng)
    x = np.linspace(-30.0, 30.0, 200_001)
    logs = []
    for one in (p, q):
        variances = matrices_of(one.covariance_type, one.covariances, one.means)[:, 0, 0]
        squares = (x[:, None] - one.means[:, 0]) ** 2 / variances
        parts = np.log(one.weights) - 0.5 * (squares + np.log(2.0 * np.pi * variances))
        logs.append(np.logaddexp.reduce(parts, axis=1))
    exact = float(np.exp(logs[0]) @ (logs[0] - logs[1]) * (x[1] - x[0]))
    value, error = sampled_divergence(p, q, 40_000, rng)
    assert abs(value - exact) < 4.0 * error
    assert divergence_bound(p, q) >= exact


def test_the_bound_is_one_and_no_more_than_that_of_the_best_pairs(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    p, q = made(4, 2, covariance_type, rng), made(3, 2, "full", rng)
    bound = divergence_bound(p, q)
    value, error = sampled_divergence(p, q, 20_000, rng)
    assert bound > value - 4.0 * error
    # The first update begins with a split by both weights: the convexity bound.
    assert bound <= p.weights @ pair_divergences(p, q) @ q.weights


def test_components_without_weight_take_no_part(rng: np.random.Generator) -> None:
    p, q = made(3, 2, "full", rng), made(3, 2, "full", rng)
    weights = np.array([0.5, 0.0, 0.5])
    one, two = (Mixture.from_covariances(weights, m.means, m.covariances, "full") for m in (p, q))
    half, kept = np.full(2, 0.5), [0, 2]
    less, fewer = (
        Mixture.from_covariances(half, m.means[kept], m.covariances[kept], "full") for m in (p, q)
    )
    assert divergence_bound(one, two) == divergence_bound(less, fewer)


def test_mixtures_beyond_all_numbers_are_infinitely_far_apart() -> None:
    p, q = (
        Mixture.from_covariances(np.ones(1), np.array([[mean]]), np.ones((1, 1, 1)), "full")
        for mean in (0.0, 1e200)
    )
    assert divergence_bound(p, q) == np.inf
