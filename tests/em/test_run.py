"""What a run says of itself, and what no file may say of one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm.em.regularization import Prior, Regularization
from fastgmm.em.run import Run
from fastgmm.em.trail import Moments, Trail
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture


def mixture_of(n_components: int = 3, n_features: int = 2, seed: int = 0) -> Mixture:
    made = correlated_mixture(n_components, n_features, np.random.default_rng(seed))
    return Mixture.from_covariances(made.weights, made.means, made.covariances, "full")


def trail_of(*bounds: float, n_features: int = 2) -> Trail:
    moments = Moments(10, 10.0, np.zeros(n_features), np.ones(n_features))
    return Trail(bounds, moments, Regularization.of(1e-6))


def test_the_trace_begins_before_the_run() -> None:
    run = Run(mixture_of(), -1.0, 2, lower_bounds=[-2.0, -1.0])
    assert run.trace == (-2.0, -1.0)
    assert run.passed is None
    run = replace(run, trail=trail_of(-4.0, -3.0))
    assert run.trace == (-4.0, -3.0, -2.0, -1.0)
    assert run.passed is not None
    assert run.passed.lower_bounds == run.trace


@pytest.mark.parametrize(
    ("changes", "ended"),
    [({}, False), ({"converged": True}, True), ({"stopped": True}, True), ({"noise": 0.1}, True)],
)
def test_when_a_run_has_ended(changes: dict[str, Any], ended: bool) -> None:
    assert replace(Run(mixture_of(), -1.0), **changes).ended is ended


def test_a_good_run_passes() -> None:
    run = Run(mixture_of(), -1.0, 2, lower_bounds=[-2.0, -1.0], trail=trail_of(-3.0))
    run.check()


@pytest.mark.parametrize(
    "changes",
    [
        {"mixture": None},
        {"n_iter": -1},
        {"n_passes": -3},
        {"lower_bound": np.nan},
        {"lower_bounds": [np.inf]},
        {"noise": -0.5},
        {"noise": np.nan},
        {"ahead": mixture_of(2)},
        {"ahead": mixture_of(seed=1)},
        {"trail": trail_of(-1.0, n_features=3)},
        {"regularization": Regularization(prior=Prior(np.zeros(3), 1.0, 5.0, np.eye(3)))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_no_run_can_be_is_refused(changes: dict[str, Any]) -> None:
    run = replace(Run(mixture_of(), -1.0, 1, lower_bounds=[-1.0]), **changes)
    with pytest.raises(ValueError, match=r"\w"):
        run.check()
