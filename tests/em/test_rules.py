"""The rules of a run as the kernels read them."""

import numpy as np
import pytest

from fastgmm import kernels
from fastgmm.covariance.types import model_of
from fastgmm.em.acceleration import Search
from fastgmm.em.extrapolation import Extrapolation
from fastgmm.em.factor_search import FactorSearch
from fastgmm.em.m_step import MaximumLikelihood
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stopping import Stopping
from fastgmm.em.trail import Moments, Trail
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import Acceleration

DOUBLE, SINGLE = np.dtype(np.float64), np.dtype(np.float32)
SLOW = (-3.0 - 0.01 * 0.95 ** np.arange(12.0)).tolist()
"""Bounds of a run that EM would need many more passes for."""


def rules_of(acceleration: Acceleration | None, tol: float = 1e-6) -> Rules:
    return Rules(Stopping(tol, None, both=True, max_iter=100), acceleration=acceleration)


@pytest.mark.parametrize(
    ("acceleration", "tol", "begins"),
    [(None, 1e-6, False), ("auto", 1e-6, True), ("auto", 0.0, False), ("lbfgs", 0.0, True)],
)
def test_when_a_search_begins(acceleration: Acceleration | None, tol: float, begins: bool) -> None:
    run = Run(None, SLOW[-1], len(SLOW), lower_bounds=SLOW)
    rules = rules_of(acceleration, tol)
    assert rules.foretold(run, DOUBLE)[2] is begins
    assert rules.foretold(Run(None, SLOW[8], 9, lower_bounds=SLOW[:9]), DOUBLE)[2] is False


def test_a_family_that_is_not_accelerated() -> None:
    class Own(MaximumLikelihood):
        """A family whose mixtures do not move freely."""

        accelerates = False

    rules = Rules(rules_of(None).stopping, acceleration="lbfgs", family=Own())
    assert rules.foretold(Run(None, SLOW[-1], 12, lower_bounds=SLOW), DOUBLE)[2] is False


def test_bounds_from_before_the_run_count() -> None:
    """What is foretold of a run is foretold of one that was cut, too."""
    moments = Moments(9, 9.0, np.zeros(1), np.ones(1))
    rules = rules_of("lbfgs")
    whole = rules.foretold(Run(None, SLOW[-1], lower_bounds=SLOW), DOUBLE)
    for at in (1, 7, 11):
        trail = Trail(tuple(SLOW[:at]), moments, rules.regularization)
        run = Run(None, SLOW[-1], lower_bounds=SLOW[at:], trail=trail)
        assert rules.foretold(run, DOUBLE) == whole
        assert run.recent(24) == SLOW
        assert run.recent(3) == SLOW[-3:]
    assert whole[0] == pytest.approx(0.01 * 0.95**10, rel=1e-6)


def test_rounding_is_that_of_the_sums() -> None:
    bounds = [-4.0, -4.0 + 1e-8]
    run = Run(None, bounds[-1], lower_bounds=bounds)
    assert rules_of(None).foretold(run, SINGLE)[0] == 0.0
    assert rules_of(None).foretold(run, DOUBLE)[0] == np.inf


def test_a_run_begins_with_the_last_bound_of_its_trail() -> None:
    mixture = Mixture.from_covariances(np.ones(1), np.zeros((1, 1)), np.ones((1, 1)), "diag")
    assert rules_of(None).begun(mixture).lower_bound == -np.inf
    trail = Trail((-3.0, -2.0), Moments(1, 1.0, np.zeros(1), np.ones(1)), Regularization())
    rules = Rules(rules_of(None).stopping, trail=trail)
    assert rules.begun(mixture).lower_bound == -2.0
    assert rules.begun(mixture).trail is trail


def test_the_kernels_have_as_many_numbers() -> None:
    numbers = rules_of("auto").numbers(DOUBLE)
    with pytest.raises(ValueError, match="expected"):
        kernels.foretold(numbers[:-1], np.zeros(3))


def test_what_is_ahead_of_em_by_model() -> None:
    rules, ahead = rules_of("auto"), {"full": Search, "VEI": Extrapolation, "EEV": Extrapolation}
    for kind, expected in (ahead | {"low_rank(2)": FactorSearch}).items():
        assert type(rules.search(model_of(kind), 9.0)) is expected

    class Own(MaximumLikelihood):
        pass

    own = Rules(rules.stopping, family=Own())
    assert isinstance(own.search(model_of("full"), 9.0), Search)
    assert own.search(model_of("VEI"), 9.0) is own.search(model_of("low_rank(2)"), 9.0) is None
