"""From the constructor's parameters to the plan of a fit, for each of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.trail import Moments, Trail
from fastgmm.estimators.planning import pace_of, plan_of, regularization_of, regularizing_of
from fastgmm.estimators.state import Report, State
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture

INITIAL: dict[str, Any] = {
    "weights_init": [0.5, 0.5],
    "means_init": [[0.0, 1.0], [2.0, 3.0]],
    "precisions_init": [np.eye(2), np.eye(2)],
}


def state_of(rng: np.random.Generator, kind: Any = "full", **report: Any) -> State:
    truth = correlated_mixture(2, 2, rng)
    covariances = truth.covariances_as(kind)
    mixture = Mixture.from_covariances(truth.weights, truth.means, covariances, kind)
    return State(mixture, given=Report(**report))


def test_the_defaults() -> None:
    plan = plan_of(GaussianMixture(2), 3)
    stopping, settings, start = plan.settings.stopping, plan.settings, plan.start
    assert (stopping.tol, stopping.gap_tol, stopping.both) == (1e-3, None, True)
    assert stopping.max_iter == 100
    assert (settings.acceleration, settings.on_collapse, start.n_init) == ("auto", "repair", 1)
    assert (start.method, start.n_components, start.covariance_type) == ("ward", 2, "full")
    assert (start.weights, start.means, start.precisions) == (None, None, None)
    assert (plan.random_state, plan.seed, plan.sample, plan.warm) == (None, None, None, None)
    assert plan.trail is None
    assert plan.family is MAXIMUM_LIKELIHOOD


def test_every_parameter_arrives() -> None:
    prior = NormalInverseWishart(shrinkage=0.5)
    params = {
        "covariance_type": "tied_diag",
        "tol": 0.25,
        "reg_covar": 0.125,
        "max_iter": 7,
        "n_init": 4,
        "init_params": "kmeans",
        "random_state": 11,
        "verbose": 2,
        "verbose_interval": 3,
        "half_life": 90.0,
        "learning_exponent": 0.75,
        "gap_tol": 1e-5,
        "acceleration": "lbfgs",
        "on_collapse": "warn",
        "prior": prior,
    }
    model = GaussianMixture(3, **params)
    plan = plan_of(model, 2)
    stopping, settings, start = plan.settings.stopping, plan.settings, plan.start
    assert (stopping.tol, stopping.gap_tol, stopping.both) == (0.25, 1e-5, False)
    assert (stopping.max_iter, start.n_init) == (7, 4)
    assert (settings.verbose, settings.verbose_interval) == (2, 3)
    assert (settings.acceleration, settings.on_collapse) == ("lbfgs", "warn")
    assert (start.method, start.covariance_type, start.n_components) == ("kmeans", "tied_diag", 3)
    regularizing = settings.regularizing
    assert (regularizing.reg_covar, regularizing.prior) == (0.125, prior)
    assert (regularizing.covariance_type, regularizing.n_components) == ("tied_diag", 3)
    assert regularizing_of(model) == regularizing
    assert plan.random_state == 11
    assert (pace_of(model).half_life, pace_of(model).learning_exponent) == (90.0, 0.75)


@pytest.mark.parametrize("missing", [None, *INITIAL])
def test_a_complete_start_is_scikit_learns_path(missing: str | None) -> None:
    """Then "auto" asks for nothing that would leave it; what is asked for by name stays."""
    given = {name: value for name, value in INITIAL.items() if name != missing}
    plan = plan_of(GaussianMixture(2, **given), 2)
    assert plan.settings.stopping.both == (missing is not None)
    assert plan.settings.acceleration == (None if missing is None else "auto")
    plan = plan_of(GaussianMixture(2, gap_tol=1e-6, acceleration="lbfgs", **given), 2)
    assert (plan.settings.stopping.gap_tol, plan.settings.acceleration) == (1e-6, "lbfgs")
    for name in INITIAL:
        checked = getattr(plan.start, name.removesuffix("_init"))
        if name == missing:
            assert checked is None
        else:
            np.testing.assert_array_equal(checked, np.array(INITIAL[name]))
            assert checked.dtype == np.float64


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"means_init": [[0.0], [1.0]]}, "means"),
        ({"weights_init": [0.5, 0.6]}, "weights"),
        ({"precisions_init": np.ones((2, 3, 3))}, "precision"),
        ({"prior": NormalInverseWishart(shrinkage=-1.0)}, "shrinkage"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        plan_of(GaussianMixture(2, **change), 2)


# ---------------------------------------------------------------- a warm start


def test_a_warm_start_is_the_old_mixture(covariance_type: Any, rng: np.random.Generator) -> None:
    state = state_of(rng, covariance_type)
    model = GaussianMixture(2, covariance_type=covariance_type, warm_start=True)
    assert plan_of(model, 2, state).warm is state.mixture
    assert plan_of(model, 2, None).warm is None
    assert plan_of(model, 2, replace(state, mixture=None)).warm is None
    assert plan_of(model.set_params(warm_start=False), 2, state).warm is None


def test_a_warm_start_goes_on_with_the_trail(rng: np.random.Generator) -> None:
    moments = Moments(5, 5.0, np.zeros(2), np.ones(2))
    trail = Trail((-3.0, -2.0), moments, Regularization())
    state = replace(state_of(rng), trail=trail)
    model = GaussianMixture(2, warm_start=True)
    assert plan_of(model, 2, state).trail is trail
    assert plan_of(model, 2, replace(state, trail=None)).trail is None
    assert plan_of(model.set_params(warm_start=False), 2, state).trail is None


@pytest.mark.parametrize("change", [{"n_components": 3}, {"covariance_type": "diag"}, {}])
def test_a_warm_start_of_another_shape(change: dict[str, Any], rng: np.random.Generator) -> None:
    model = GaussianMixture(2, warm_start=True).set_params(**change)
    sentence = "^warm_start=True goes on from 2 full components in 2 features, and this fit is of "
    with pytest.raises(ValueError, match=sentence):
        plan_of(model, 2 if change else 3, state_of(rng))


# ---------------------------------------------------------------- further steps


def test_the_regularisation_of_further_steps(rng: np.random.Generator) -> None:
    """A number is taken as it is now; what rows have decided stays what the fit made of it."""
    state = state_of(rng)
    known = Regularization.of(np.array([0.5, 0.25]))
    of_fit = replace(state, regularization=known)
    assert regularization_of(GaussianMixture(2, reg_covar=0.125), of_fit).reg_covar == 0.125
    auto = GaussianMixture(2, reg_covar="auto")
    assert regularization_of(auto, of_fit) is known
    of_parameters = regularization_of(auto, state)
    np.testing.assert_allclose(
        of_parameters.reg_covar, regularizing_of(auto).of_mixture(state.mixture).reg_covar
    )
