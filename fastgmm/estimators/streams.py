"""What estimators of a stream share: the learner that they begin with, and what it comes to."""

from typing import Any

import numpy as np

from fastgmm.em.m_step import Family
from fastgmm.errors import not_fitted_error
from fastgmm.estimators.planning import family_of, kind_of, pace_of, regularization_of
from fastgmm.estimators.state import Report, State
from fastgmm.fits.learned import Learned
from fastgmm.fits.online import Learner
from fastgmm.fits.plan import Plan
from fastgmm.fits.target import Target
from fastgmm.validation import as_generator, check_factors
from fastgmm.validation.gaps import listed_columns


def begun(
    rows: np.ndarray, params: Any, state: State | None, family: Family | None = None
) -> Learner:
    """A learner of the first rows (n, D), or one that goes on from a fit."""
    pace, n_threads = pace_of(params), params.n_threads
    mixture = None if state is None else state.mixture
    family = family or family_of(params, rows.shape[1], mixture)
    if mixture is not None:
        family = family.following(mixture)
    if state is None or mixture is None:
        check_factors(params, rows.shape[1])
        k, kind = params.n_components, kind_of(params)
        target = Target(rows.shape[1], rows.dtype, k, kind, family)
        target.check_memory()
        seed = int(as_generator(params.random_state).integers(2**63))
        return Learner(target, pace, n_threads, seed)
    k, d = mixture.means.shape
    target = Target(d, mixture.dtype, k, mixture.covariance_type, family)
    seen = float(state.seen or target.first_rows)
    regularization = regularization_of(params, state)
    learned = Learned.implied(mixture, regularization, seen, family)
    return Learner(target, pace, n_threads, learned=learned)


def following(learner: Learner, params: Any, wishes: tuple[Any, ...]) -> Learner:
    """The learner with parameters that were set since the last call.

    `wishes` are the parameters as the user gave them, by which the next call tells what is new.
    """
    learned = learner.learned
    if learned is not None and params.reg_covar != "auto":
        learned = learned.with_reg_covar(params.reg_covar)
    return learner.having(
        n_threads=params.n_threads, pace=pace_of(params), learned=learned, wishes=wishes
    )


def fitted_early(state: State, plan: Plan, estimator: str) -> State:
    """The state with a fit of the rows that a stream has gathered so far.

    Raises
    ------
    NotFittedError
        When they are too few; it names the columns that have no value yet.
    """
    learner = state.learner
    assert learner is not None
    found = learner.first_fit(plan)
    if found is not None:
        run = found.run
        report = Report.of_run(run, found.initializations)
        return State(run.mixture, run.regularization, report, state.names, None, learner)
    rows, _ = learner.waiting.held()
    empty = np.flatnonzero(np.isnan(rows).all(axis=0)).tolist() if len(rows) else []
    lacking = f"too few or too alike for {plan.start.n_components} components"
    if empty:
        columns = listed_columns(empty, state.names)
        lacking = f"without a value in column{'s' if len(empty) > 1 else ''} {columns}"
    raise not_fitted_error(
        estimator, f"Only {len(rows)} rows have come to partial_fit, {lacking}: give more"
    )
