"""Variational Bayes: scikit-learn's path, step by step; the entropy of statistics; the bound."""

import warnings
from typing import Any

import numpy as np
import pytest
from posteriors import PRIORS, RIDGE, after_one_step, posterior_of

from fastgmm.data.rows import RowData
from fastgmm.em.e_step import Passes, carried_bounds, expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.variational import VariationalBayes, entropy
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.posterior import Posterior
from support import correlated_mixture

NAMES = {
    "means_": "means",
    "covariances_": "covariances",
    "weights_": "weights",
    "precisions_cholesky_": "precisions_cholesky",
    "mean_precision_": "mean_precision",
    "degrees_of_freedom_": "dof",
}


def relative(ours: Any, theirs: Any) -> float:
    return float(np.abs(ours - np.asarray(theirs)).max() / np.abs(theirs).max())


@pytest.mark.parametrize("weights", PRIORS)
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_path_of_scikit_learn(
    offset: float, weights: Any, scikit_learns_type: Any, rng: np.random.Generator
) -> None:
    """Sixty iterations from the same start, on two data sets."""
    rows = correlated_mixture(5, 4, rng, separation=1.2).sample(1200, rng)[0] + offset
    theirs, posterior = after_one_step(
        rows,
        n_components=6,
        covariance_type=scikit_learns_type,
        weight_concentration_prior_type=weights,
    )
    family = VariationalBayes(posterior.prior)
    for _ in range(60):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.fit(rows)
        statistics = expectation(posterior, RowData(rows), reg_covar=RIDGE.reg_covar)
        bound = family.bound(posterior, statistics, RIDGE)
        posterior = family.maximize(statistics, RIDGE)
        assert relative(bound, np.ravel(theirs.lower_bound_)) < 1e-9
        for name, ours in NAMES.items():
            assert relative(getattr(posterior, ours), getattr(theirs, name)) < 1e-9, name
        concentration = np.asarray(theirs.weight_concentration_)
        assert relative(posterior.concentration, concentration) < 1e-9


@pytest.mark.parametrize("weights", PRIORS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_entropy_needs_no_responsibilities(
    weighted: bool, weights: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    posterior, rows = posterior_of(weights, covariance_type, rng)
    weight = rng.exponential(size=len(rows)) if weighted else None
    statistics = expectation(posterior, RowData(rows, weight))
    shares = responsibilities(posterior, rows, np.empty((len(rows), 4)))
    logarithms = np.log(np.maximum(shares, 1e-300))
    expected = -(shares * logarithms).sum(axis=1) @ (np.ones(600) if weight is None else weight)
    assert entropy(posterior, statistics) == pytest.approx(expected, rel=1e-10, abs=1e-8)
    elsewhere = statistics.moved(posterior.means + 0.5)
    assert entropy(posterior, elsewhere) == pytest.approx(expected, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize("weights", PRIORS)
def test_the_bound_never_falls(
    weights: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    """Without a ridge, whose share is not in scikit-learn's bound."""
    posterior, rows = posterior_of(weights, covariance_type, rng)
    family, none = VariationalBayes(posterior.prior), Regularization()
    bounds = []
    for _ in range(150):
        statistics = expectation(posterior, RowData(rows))
        bounds.append(family.bound(posterior, statistics, none))
        posterior = family.maximize(statistics, none)
    assert np.diff(bounds).min() > -1e-12 * abs(bounds[0])
    assert bounds[-1] > bounds[0] + 0.1


def test_a_run_begins_with_the_posterior_of_a_start(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    posterior, rows = posterior_of(PRIORS[0], covariance_type, rng)
    family = VariationalBayes(posterior.prior)
    assert posterior.held.sum() == pytest.approx(len(rows))
    assert family.begun(posterior, RIDGE, 1.0) is posterior
    again = family.begun(posterior.reordered(np.arange(4)), RIDGE, 1.0)
    assert isinstance(again, Posterior)


@pytest.mark.parametrize("weights", PRIORS)
def test_of_sticks_the_heaviest_comes_first(weights: Any, rng: np.random.Generator) -> None:
    posterior, _ = posterior_of(weights, "full", rng)
    family = VariationalBayes(posterior.prior)
    light = np.array([0.1, 0.2, 0.6, 0.1])
    start = Mixture.from_covariances(light, posterior.means, posterior.covariances, "full")
    begun = family.begun(start, RIDGE, 100.0)
    order = [2, 1, 0, 3] if weights == "dirichlet_process" else [0, 1, 2, 3]
    np.testing.assert_allclose(begun.held, 100.0 * light[order])
    as_it_was = family.maximize(
        MAXIMUM_LIKELIHOOD.imply(start.reordered(np.array(order)), RIDGE).scaled(100.0), RIDGE
    )
    np.testing.assert_array_equal(begun.means, as_it_was.means)


def test_an_empty_component_is_the_prior(rng: np.random.Generator) -> None:
    posterior, rows = posterior_of(PRIORS[1], "full", rng)
    statistics = expectation(posterior, RowData(rows))
    for name in ("component_weight", "first_moment", "second_moment"):
        array = getattr(statistics, name).copy()
        array[2] = 0.0
        object.__setattr__(statistics, name, array)
    found = VariationalBayes(posterior.prior).maximize(statistics, RIDGE)
    prior = posterior.prior
    np.testing.assert_allclose(found.means[2], prior.mean, rtol=1e-12)
    np.testing.assert_allclose(found.covariances[2] * prior.dof, prior.covariance, rtol=1e-9)
    assert found.dof[2] == pytest.approx(prior.dof)


@pytest.mark.parametrize("kind", ["tied_diag", "tied_spherical"])
def test_our_own_types_are_parts_of_tied(kind: Any, rng: np.random.Generator) -> None:
    """One step from given statistics: the diagonal of the tied scatter, and its mean."""
    posterior, rows = posterior_of(PRIORS[0], kind, rng)
    found = VariationalBayes(posterior.prior).maximize(
        expectation(posterior, RowData(rows)), Regularization()
    )
    shares = responsibilities(posterior, rows, np.empty((len(rows), 4)))
    prior, scatter = posterior.prior, np.zeros(3)
    for j in range(4):
        apart = rows - found.means[j]
        scatter += shares[:, j] @ apart**2
        scatter += prior.mean_precision * (found.means[j] - prior.mean) ** 2
    scatter = scatter / 4 if kind == "tied_diag" else scatter.mean() / 4
    np.testing.assert_allclose(
        found.covariances, (prior.covariance + scatter) / found.dof, rtol=1e-11
    )


@pytest.mark.parametrize("weights", PRIORS)
def test_bounds_that_are_carried_change_no_sums(weights: Any, rng: np.random.Generator) -> None:
    """What a pass skips, since the last one says that it cannot matter, is by these constants."""
    posterior, _ = posterior_of(weights, "full", rng, k=12, d=32)
    rows = correlated_mixture(12, 32, rng, separation=3.0).sample(6000, rng)[0]
    family, data = VariationalBayes(posterior.prior), RowData(rows)
    assert carried_bounds(rows, "full", 12).possible
    passes = Passes(data, "full", 12, RIDGE.reg_covar)
    for _ in range(6):
        whole = expectation(posterior, data, reg_covar=RIDGE.reg_covar)
        carried = passes(posterior)
        assert carried.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
        largest = np.abs(whole.second_moment).max()
        np.testing.assert_allclose(
            carried.second_moment, whole.second_moment, rtol=1e-9, atol=1e-10 * largest
        )
        posterior = family.maximize(carried, RIDGE)
