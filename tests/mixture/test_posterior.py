"""A posterior: what the kernels read of it, its parts, and what is refused."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from posteriors import PRIORS, posterior_of
from scipy.special import betaln, digamma, gammaln

from fastgmm.archive import codec
from fastgmm.covariance.types import model_of
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.posterior import (
    NormalWishart,
    Posterior,
    concentration_of,
    expected_log_weights,
    expected_weights,
    log_normalizer,
)
from support import matrices_of


@pytest.fixture(params=PRIORS)
def weights(request: pytest.FixtureRequest) -> Any:
    """Run the test once per prior of the weights."""
    return request.param


def test_weights_are_the_expectations_of_draws(weights: Any, rng: np.random.Generator) -> None:
    held = np.array([3.0, 0.5, 8.0, 1.0])
    prior = NormalWishart(weights, 0.7, np.zeros(1), 1.0, 1.0, np.ones((1, 1)))
    concentration = concentration_of(held, prior)
    if weights == "dirichlet_process":
        shares = rng.beta(*concentration, size=(200_000, 4))
        left = np.cumprod(1.0 - shares, axis=1)
        draws = shares * np.concatenate([np.ones((len(left), 1)), left[:, :-1]], axis=1)
        expected = draws.mean(axis=0) / draws.mean(axis=0).sum()
    else:
        draws = rng.dirichlet(concentration, size=200_000)
        expected = draws.mean(axis=0)
    np.testing.assert_allclose(expected_weights(concentration), expected, atol=2e-3)
    np.testing.assert_allclose(
        expected_log_weights(concentration), np.log(draws).mean(axis=0), atol=3e-2
    )


def test_responsibilities_are_by_the_definition(
    weights: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    """Bishop 2006, 10.46 and 10.64 to 10.66, row by row."""
    posterior, rows = posterior_of(weights, covariance_type, rng)
    k, d = posterior.means.shape
    matrices = matrices_of(covariance_type, posterior.covariances, posterior.means)
    dof = np.broadcast_to(posterior.dof, k)
    joint = np.empty((len(rows), k))
    for j in range(k):
        scale = np.linalg.inv(matrices[j]) / dof[j]
        apart = rows - posterior.means[j]
        log_determinant = digamma(0.5 * (dof[j] - np.arange(d))).sum() + d * np.log(2.0)
        log_determinant += np.linalg.slogdet(scale)[1]
        distance = d / posterior.mean_precision[j]
        distance = distance + dof[j] * np.einsum("ni,ij,nj->n", apart, scale, apart)
        joint[:, j] = 0.5 * (log_determinant - distance)
    joint += expected_log_weights(posterior.concentration)
    expected = np.exp(joint - joint.max(axis=1)[:, None])
    expected /= expected.sum(axis=1)[:, None]
    got = responsibilities(posterior, rows, np.empty((len(rows), k)))
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_log_normalizer(weights: Any, rng: np.random.Generator) -> None:
    posterior, _ = posterior_of(weights, "full", rng)
    _, d = posterior.means.shape
    concentration, dof = posterior.concentration, posterior.dof
    expected = -0.5 * d * np.log(posterior.mean_precision).sum()
    for j, covariance in enumerate(posterior.covariances):
        log_scale = -np.linalg.slogdet(covariance)[1] - d * np.log(dof[j])
        expected += 0.5 * dof[j] * (log_scale + d * np.log(2.0))
        expected += gammaln(0.5 * (dof[j] - np.arange(d))).sum()
    if concentration.ndim == 2:
        expected += betaln(*concentration).sum()
    else:
        expected += gammaln(concentration).sum() - gammaln(concentration.sum())
    assert log_normalizer(posterior) == pytest.approx(expected, rel=1e-13)


def test_reordered_components_keep_what_is_known_of_them(
    weights: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    posterior, _ = posterior_of(weights, covariance_type, rng)
    order = np.array([2, 0, 3, 1])
    moved = posterior.reordered(order)
    np.testing.assert_array_equal(moved.held, posterior.held[order])
    np.testing.assert_array_equal(moved.means, posterior.means[order])
    np.testing.assert_array_equal(moved.mean_precision, posterior.mean_precision[order])
    if not model_of(covariance_type).tied:
        np.testing.assert_array_equal(moved.covariances, posterior.covariances[order])


def test_pickles_and_files_bring_it_back(weights: Any, rng: np.random.Generator) -> None:
    posterior, _ = posterior_of(weights, "tied", rng)
    for one in (
        pickle.loads(pickle.dumps(posterior)),
        codec.restore(Posterior, *codec.describe(posterior)),
    ):
        np.testing.assert_array_equal(one.held, posterior.held)
        np.testing.assert_array_equal(one.concentration, posterior.concentration)
        np.testing.assert_array_equal(one.prior.covariance, posterior.prior.covariance)
        np.testing.assert_array_equal(one.constants.log_weights, posterior.constants.log_weights)
        assert not one.held.flags.writeable


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"held": np.array([1.0, 2.0, -1.0, 3.0])}, "hold"),
        ({"held": np.ones(3)}, "hold"),
    ],
)
def test_numbers_of_no_posterior_are_refused(
    change: Any, what: str, rng: np.random.Generator
) -> None:
    posterior, _ = posterior_of("dirichlet_process", "full", rng)
    with pytest.raises(ValueError, match=what):
        replace(posterior, **change).check()


@pytest.mark.parametrize(
    "change",
    [
        {"dof": 2.0},
        {"concentration": 0.0},
        {"mean_precision": -1.0},
        {"mean": np.full(3, np.nan)},
        {"covariance": np.ones((2, 2))},
    ],
)
def test_numbers_of_no_prior_are_refused(change: Any, rng: np.random.Generator) -> None:
    posterior, _ = posterior_of("dirichlet_process", "full", rng)
    with pytest.raises(ValueError, match="the prior"):
        replace(posterior.prior, **change).check()


def test_empty_components_are_dropped(
    weights: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    posterior, _ = posterior_of(weights, covariance_type, rng)
    assert posterior.without_empty(1.0) is posterior
    held = posterior.held.copy()
    held[[0, 2]] = 0.3, 0.0
    found = Posterior.of(posterior, held, posterior.prior).without_empty(1.0)
    np.testing.assert_array_equal(found.held, held[[1, 3]])
    np.testing.assert_array_equal(found.means, posterior.means[[1, 3]])
    assert found.weights.sum() == pytest.approx(1.0)
    found.check()
    assert posterior.without_empty(1e9).n_components == 1
