"""Merged components keep the moments of their parts, and the cheapest pair goes first."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, SufficientStatistics
from fastgmm.errors import DataRangeError
from fastgmm.mixture.divergence import divergence_bound
from fastgmm.mixture.merging import merge_groups, merged, pooled
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
from support import correlated_mixture, in_shape_of, matrices_of


def made(truth: Any, covariance_type: Any) -> Mixture:
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


@pytest.fixture
def mixture(covariance_type: Any, rng: np.random.Generator) -> Mixture:
    return made(correlated_mixture(6, 3, rng, separation=1.5), covariance_type)


def log_volume(mixture: Mixture) -> float:
    """Return sum w log det S / 2, whose growth is the bound."""
    matrices = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    return float(0.5 * mixture.weights @ np.linalg.slogdet(matrices)[1])


def oracle(mixture: Mixture, n_components: int) -> np.ndarray:
    """Return the groups of components when each pair is tried at each step."""
    groups = np.arange(mixture.n_components)
    while groups.max() + 1 > n_components:
        tries = []
        for i, j in combinations(range(groups.max() + 1), 2):
            other = np.where(groups == j, i, groups)
            tries.append(other - (other > j))
        groups = min(tries, key=lambda one: log_volume(pooled(mixture, one)))
    return groups


@pytest.mark.parametrize("n_components", [1, 2, 4, 5, 6])
def test_the_cheapest_pair_is_merged_first(n_components: int, mixture: Mixture) -> None:
    groups = merge_groups(mixture, n_components)
    np.testing.assert_array_equal(groups, oracle(mixture, n_components))
    assert merged(mixture, n_components).n_components == n_components


def test_moments_stay(covariance_type: str, mixture: Mixture) -> None:
    fewer = merged(mixture, 3)
    np.testing.assert_allclose(fewer.weights.sum(), 1.0, rtol=1e-15)
    mean, expected = fewer.weights @ fewer.means, mixture.weights @ mixture.means
    np.testing.assert_allclose(mean, expected, rtol=1e-13, atol=1e-14)
    total, expected = total_covariance(fewer), total_covariance(mixture)
    if covariance_type in ("full", "tied"):
        np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-13)
    elif covariance_type.endswith("diag"):
        np.testing.assert_allclose(np.diag(total), np.diag(expected), rtol=1e-13)
    else:
        np.testing.assert_allclose(np.trace(total), np.trace(expected), rtol=1e-13)
    fewer.check()


def test_each_covariance_is_that_of_its_parts(covariance_type: str, mixture: Mixture) -> None:
    groups = np.array([0, 1, 0, 2, 1, 0])
    found = pooled(mixture, groups)
    matrices = matrices_of(covariance_type, mixture.covariances, mixture.means)
    wanted = []
    for g in range(3):
        inside = np.flatnonzero(groups == g)
        share = mixture.weights[inside] / mixture.weights[inside].sum()
        mean = share @ mixture.means[inside]
        off = mixture.means[inside] - mean
        np.testing.assert_allclose(found.weights[g], mixture.weights[inside].sum(), rtol=1e-14)
        np.testing.assert_allclose(found.means[g], mean, rtol=1e-13, atol=1e-14)
        each = matrices[inside] + off[:, :, None] * off[:, None, :]
        wanted.append(np.tensordot(share, each, 1))
    expected = in_shape_of(covariance_type, np.array(wanted), found.weights)
    np.testing.assert_allclose(found.covariances, expected, rtol=1e-13, atol=1e-13)


def test_merged_statistics_are_merged_parameters(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """Sums of rows about one reference add, and their M-step is the merged mixture."""
    truth = correlated_mixture(4, 3, rng, separation=1.5)
    rows = truth.sample(500, rng)[0]
    model = GaussianMixture(4, covariance_type=covariance_type, random_state=0, reg_covar=0.0)
    statistics = model.fit(rows).e_step(rows)
    fitted = model.m_step(statistics)
    before = Mixture.from_covariances(
        fitted.weights_, fitted.means_, fitted.covariances_, covariance_type
    )
    groups = merge_groups(before, 2)
    first = np.unique(groups, return_index=True)[1]
    moved = statistics.moved(before.means[first[groups]])
    joined = SufficientStatistics(
        covariance_type,
        before.means[first],
        np.array([moved.component_weight[groups == g].sum() for g in range(2)]),
        np.array([moved.first_moment[groups == g].sum(axis=0) for g in range(2)]),
        moved.second_moment
        if covariance_type.startswith("tied")
        else np.array([moved.second_moment[groups == g].sum(axis=0) for g in range(2)]),
        statistics.n_samples,
        statistics.weight,
        statistics.log_likelihood,
    )
    again = GaussianMixture.from_parameters(
        [0.5, 0.5],
        before.means[first],
        pooled(before, groups).covariances,
        covariance_type=covariance_type,
        reg_covar=0.0,
    ).m_step(joined)
    fewer = merged(before, 2)
    np.testing.assert_allclose(again.weights_, fewer.weights, rtol=1e-13)
    np.testing.assert_allclose(again.means_, fewer.means, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(again.covariances_, fewer.covariances, rtol=1e-13, atol=1e-13)


def test_the_sum_of_the_costs_bounds_the_divergence(mixture: Mixture) -> None:
    """Pair by pair the bound of the divergence is at most what Runnalls' sum has grown by."""
    for n_components in (5, 3, 1):
        fewer = merged(mixture, n_components)
        growth = log_volume(fewer) - log_volume(mixture)
        assert 0.0 <= divergence_bound(mixture, fewer) <= growth + 1e-7


def test_equal_components_merge_at_no_cost_and_without_a_trace(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    truth = correlated_mixture(3, 2, rng)
    plain = made(truth, covariance_type)
    order = np.array([0, 1, 0, 2, 1])
    weights = np.array([0.25, 0.5, 0.75, 1.0, 0.5])[:, None] * truth.weights[order, None]
    tied = plain.covariance_model.tied
    doubled = Mixture.from_covariances(
        weights[:, 0],
        plain.means[order],
        plain.covariances if tied else plain.covariances[order],
        covariance_type,
    )
    fewer = merged(doubled, 3)
    np.testing.assert_allclose(fewer.weights, plain.weights, rtol=1e-14)
    np.testing.assert_allclose(fewer.means, plain.means, rtol=1e-14)
    np.testing.assert_allclose(fewer.covariances, plain.covariances, rtol=1e-13, atol=1e-15)


def test_components_without_weight_go_first(covariance_type: Any, rng: np.random.Generator) -> None:
    truth = correlated_mixture(4, 2, rng)
    full = made(truth, covariance_type)
    weights = np.array([0.0, 0.6, 0.0, 0.4])
    mixture = Mixture.from_covariances(weights, full.means, full.covariances, covariance_type)
    fewer = merged(mixture, 2)
    np.testing.assert_allclose(np.sort(fewer.weights), [0.4, 0.6], rtol=1e-15)
    np.testing.assert_allclose(fewer.weights @ fewer.means, weights @ full.means, rtol=1e-14)
    assert np.isfinite(fewer.covariances).all()


def test_means_too_far_apart_are_refused() -> None:
    mixture = Mixture.from_covariances(
        np.full(2, 0.5), np.array([[0.0], [1e200]]), np.ones((2, 1, 1)), "full"
    )
    with pytest.raises(DataRangeError, match="overflow float64"):
        merged(mixture, 1)
