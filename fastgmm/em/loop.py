"""The loop of expectation-maximisation.

A fold of E-steps and M-steps until the log-likelihood stays, with L-BFGS steps in between where EM
is slow, and a look at every component after each M-step.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from fastgmm.em.acceleration import FEWEST_PASSES, FIRST_PASSES, LARGEST_GAIN, SLOW_RATES, Search
from fastgmm.em.collapse import Repair, Repairer
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, Family
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import ROUNDING, Stopping, predicted_gap, predicted_passes, recent_gain
from fastgmm.errors import IllDefinedCovarianceError, data_range_error
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import Acceleration

Pass = Callable[[Mixture], SufficientStatistics]
"""One E-step over all rows."""
LEAST_FALL = 1e-14
"""Relative: by less than this the mean log-likelihood falls by rounding."""


@dataclass(frozen=True)
class Iteration:
    """What a callback sees of one iteration.

    Parameters
    ----------
    n_iter : int
        Its number, from 1.
    lower_bound : float
        Mean log-likelihood per row under the parameters that it began with, in nats; with a prior,
        its log density per row on top.
    change : float
        Rise of that since the iteration before; infinite in the first.
    init : int
        Index of the start, below ``n_init``.

    Examples
    --------
    >>> import fastgmm
    >>> seen = []
    >>> model = fastgmm.GaussianMixture(random_state=0)
    >>> model = model.fit([[1.0], [2.0], [6.0]], callback=seen.append)
    >>> seen[0].n_iter, seen[0].init, seen[0].lower_bound == model.lower_bounds_[0]
    (1, 0, True)
    """

    n_iter: int
    lower_bound: float
    change: float
    init: int = 0


@dataclass(frozen=True)
class Run:
    """One run of EM from one start; without parameters if a covariance was singular.

    Parameters
    ----------
    mixture : Mixture, optional
        After the last M-step.
    lower_bound : float
        Of the parameters that the last iteration began with.
    n_iter, n_passes : int
        Iterations, and passes over the rows: more, where accelerated steps have failed.
    converged, stopped : bool
        Whether the rule of stopping was met, or the callback ended it.
    lower_bounds : list of float
        Of each iteration.
    failure : IllDefinedCovarianceError, optional
    gap : float
        Predicted distance of the lower bound from its limit, in nats; inf where unknown.
    repairs : tuple of Repair
    ahead : Mixture, optional
        What the next iteration begins with, where that is not EM's own step.
    search : Search, optional
        What has been learned for such steps.
    regularization : Regularization
        That of the M-steps.
    """

    mixture: Mixture | None
    lower_bound: float
    n_iter: int = 0
    converged: bool = False
    stopped: bool = False
    lower_bounds: list[float] = field(default_factory=list)
    failure: IllDefinedCovarianceError | None = None
    n_passes: int = 0
    gap: float = np.inf
    repairs: tuple[Repair, ...] = ()
    ahead: Mixture | None = None
    search: Search | None = None
    regularization: Regularization = field(default_factory=Regularization)


class Observer(Protocol):
    """Who looks on while EM runs."""

    def iterated(self, run: Run, change: float) -> bool:
        """See one iteration; True ends the run."""

    def passed(self, run: Run) -> None:
        """See the run after each M-step, with the observer's own answer in it."""


@dataclass(frozen=True)
class Rules:
    """How EM goes about a run.

    Parameters
    ----------
    stopping : Stopping
    regularization : Regularization
    acceleration : {"auto", "lbfgs"}, optional
    history : tuple of float
        Lower bounds from before the first iteration, for the changes.
    family : Family
    """

    stopping: Stopping
    regularization: Regularization = field(default_factory=Regularization)
    acceleration: Acceleration | None = None
    history: tuple[float, ...] = ()
    family: Family = MAXIMUM_LIKELIHOOD

    def begun(self, mixture: Mixture) -> Run:
        """A run that begins with a mixture."""
        bound = self.history[-1] if self.history else -np.inf
        return Run(mixture, bound, regularization=self.regularization)


def run_em(
    run: Run,
    one_pass: Pass,
    rules: Rules,
    repairer: Repairer | None = None,
    observer: Observer | None = None,
) -> Run:
    """Iterate until EM has converged.

    That is when the rule of stopping is met; the run ends, too, when `max_iter` is reached or the
    observer says so.

    The lower bound of an iteration is that of the mixture it began with, as in scikit-learn, so
    that a fit costs one pass per iteration and stops after the same one; what the run ends with is
    EM's step from there.  A covariance that is not positive definite and cannot be repaired ends
    the run with `failure` set.
    """
    max_iter = rules.stopping.max_iter
    if run.failure is not None:
        return run
    if max_iter == 0:
        return replace(run, mixture=run.ahead or run.mixture)
    loop = _Loop(one_pass, rules, repairer)
    loop.run = run
    del run  # the M-step needs room: the mixture is the loop's alone
    while loop.run.n_iter < max_iter:
        try:
            loop.iterate()
        except IllDefinedCovarianceError as error:
            return replace(loop.run, mixture=None, failure=error)
        if observer is not None:
            change = _change(loop.run.lower_bounds, rules.history)
            if observer.iterated(loop.run, change):
                loop.run = replace(loop.run, stopped=True)
            observer.passed(loop.run)
        if loop.run.converged or loop.run.stopped:
            break
    return loop.run


class _Loop:
    """A run under way, and what stays the same from iteration to iteration."""

    def __init__(self, one_pass: Pass, rules: Rules, repairer: Repairer | None) -> None:
        self._one_pass, self._rules, self._repairer = one_pass, rules, repairer
        self.run: Run

    def iterate(self) -> None:
        """One iteration, from the mixture ahead or from that which EM falls back on."""
        run, rules = self.run, self._rules
        candidate, fallback = run.ahead or run.mixture, run.mixture if run.ahead else None
        assert candidate is not None
        run = self.run = replace(run, mixture=None, ahead=None)
        statistics, lower_bound = self._evaluated(candidate)
        n_passes, search = run.n_passes + 1, run.search
        if search is not None and fallback is not None:
            least = run.lower_bound - LEAST_FALL * abs(run.lower_bound)
            climbs = search.falls or lower_bound >= least
            if search.accepts(candidate, lower_bound) and climbs:
                search.failures = 0
            else:
                search.reject(candidate, statistics)
                candidate = fallback
                statistics, lower_bound = self._evaluated(candidate)
                n_passes += 1
                search.falls |= lower_bound < least
        bounds = [*run.lower_bounds, lower_bound]
        trace = (*rules.history, *bounds)
        run = self.run = replace(
            run,
            n_iter=run.n_iter + 1,
            n_passes=n_passes,
            lower_bounds=bounds,
            lower_bound=lower_bound,
        )
        can = rules.family.accelerates and statistics.covariance_model.chart is not None
        if search is None and can and self._is_slow(trace, statistics.dtype):
            search = Search(rules.regularization, statistics.weight)
        previous = candidate if rules.family.needs_previous else None
        if search is None:
            del candidate
        del fallback
        step, moved = self._m_step(statistics, previous)
        gap, ahead = predicted_gap(trace, statistics.dtype), None
        if moved:
            # A moved component changes which optimum the fit approaches: what the search has
            # learned is of another one.
            search, gap = None, np.inf
        elif search is not None and not search.given_up:
            ahead = search.propose(candidate, statistics, lower_bound, step)
            gap = max(search.gap, recent_gain(trace))
            ahead = None if ahead is step else ahead
        change = _change(bounds, rules.history)
        rounding = ROUNDING[statistics.dtype] * abs(lower_bound)
        self.run = replace(
            run,
            mixture=step,
            converged=not moved and rules.stopping.met(change, gap, rounding),
            gap=gap,
            repairs=tuple(self._repairer.repairs) if self._repairer is not None else (),
            ahead=ahead,
            search=search,
        )

    def _evaluated(self, mixture: Mixture) -> tuple[SufficientStatistics, float]:
        """The statistics under a mixture, and its lower bound."""
        statistics, rules = self._one_pass(mixture), self._rules
        lower_bound = rules.family.bound(mixture, statistics, rules.regularization)
        if lower_bound == -np.inf:
            raise data_range_error(statistics.dtype)
        return statistics, lower_bound

    def _is_slow(self, trace: tuple[float, ...], dtype: np.dtype) -> bool:
        acceleration, target = self._rules.acceleration, self._rules.stopping.target
        if acceleration is None or len(trace) < FIRST_PASSES:
            return False
        if acceleration == "auto" and target == 0.0:
            return False  # max_iter iterations are asked for, and no limit
        least, most = SLOW_RATES
        gains = np.diff(trace[-4:])
        slow = (gains[1:] > least * gains[:-1]).all() and (gains[1:] < most * gains[:-1]).all()
        if not slow or gains[-1] > LARGEST_GAIN:
            return False
        return predicted_passes(trace, target, dtype) >= FEWEST_PASSES

    def _m_step(
        self, statistics: SufficientStatistics, previous: Mixture | None
    ) -> tuple[Mixture, bool]:
        """The M-step with what collapsed in it repaired, and whether a component has moved."""
        rules, repairer = self._rules, self._repairer

        def maximize(statistics: SufficientStatistics) -> Mixture:
            return rules.family.maximize(statistics, rules.regularization, previous)

        if repairer is None:
            return maximize(statistics), False
        n_known = len(repairer.repairs)
        mixture = repairer.m_step(maximize, statistics, self.run.n_iter)
        return mixture, any(repair.action == "moved" for repair in repairer.repairs[n_known:])


def _change(bounds: list[float], history: tuple[float, ...]) -> float:
    trace = [*history[-1:], *bounds[-2:]]
    return trace[-1] - trace[-2] if len(trace) > 1 else np.inf
