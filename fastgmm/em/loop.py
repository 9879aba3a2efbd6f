"""The loop of expectation-maximisation.

A fold of E-steps and M-steps until the log-likelihood stays, with L-BFGS steps in between where EM
is slow, and a look at every component after each M-step.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from fastgmm.em.acceleration import FEWEST_PASSES, FIRST_PASSES, LARGEST_GAIN, SLOW_RATES, Search
from fastgmm.em.collapse import Repair, Repairer
from fastgmm.em.m_step import maximization
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


def run_em(
    begin: Callable[[], Mixture],
    one_pass: Pass,
    stopping: Stopping,
    regularization: Regularization,
    *,
    acceleration: Acceleration | None = None,
    repairer: Repairer | None = None,
    history: tuple[float, ...] = (),
    init: int = 0,
    callback: Callable[[Iteration], object] | None = None,
    earlier: Run | None = None,
    after_pass: Callable[[Run], None] | None = None,
) -> Run:
    """Iterate until EM has converged.

    That is when the rule of stopping is met; the run ends, too, when `max_iter` is reached or the
    callback returns True.

    The lower bound of an iteration is that of the parameters it began with, as in scikit-learn, so
    that a fit costs one pass per iteration and stops after the same one; what the run ends with is
    EM's step from there.  A covariance that is not positive definite and cannot be repaired ends
    the run with `failure` set.

    `history` holds lower bounds from before the first iteration, for the changes; `earlier` is the
    run to go on with; `after_pass` sees the run after each M-step.
    """
    run = earlier or Run(None, history[-1] if history else -np.inf, regularization=regularization)
    try:
        candidate = begin() if run.mixture is None else run.ahead or run.mixture
    except IllDefinedCovarianceError as error:
        return replace(run, failure=error)
    if stopping.max_iter == 0:
        return replace(run, mixture=candidate)
    loop = _Loop(one_pass, stopping, regularization, acceleration, repairer, history)
    loop.run = replace(run, mixture=candidate) if run.mixture is None else run
    del run, earlier, candidate  # the M-step needs room: the parameters are the loop's alone
    while loop.run.n_iter < stopping.max_iter:
        try:
            loop.iterate()
        except IllDefinedCovarianceError as error:
            return replace(loop.run, mixture=None, failure=error)
        bounds = loop.run.lower_bounds
        change = _change(bounds, history)
        stopped = callback is not None and _is_true(
            callback(Iteration(len(bounds), bounds[-1], change, init))
        )
        loop.run = replace(loop.run, stopped=stopped)
        if after_pass is not None:
            after_pass(loop.run)
        if loop.run.converged or stopped:
            break
    return loop.run


class _Loop:
    """What stays the same from iteration to iteration."""

    def __init__(
        self,
        one_pass: Pass,
        stopping: Stopping,
        regularization: Regularization,
        acceleration: Acceleration | None,
        repairer: Repairer | None,
        history: tuple[float, ...],
    ) -> None:
        self._one_pass, self._stopping = one_pass, stopping
        self._regularization, self._acceleration = regularization, acceleration
        self._repairer, self._history = repairer, history
        self.run: Run

    def iterate(self) -> None:
        """One iteration, from the parameters ahead or from those that EM falls back on."""
        run, n_passes = self.run, self.run.n_passes + 1
        candidate, fallback, search = run.ahead or run.mixture, None, run.search
        assert candidate is not None
        if run.ahead is not None:
            fallback = run.mixture
        run = self.run = replace(run, mixture=None, ahead=None)
        statistics = self._one_pass(candidate)
        lower_bound = self._lower_bound(candidate, statistics)
        if search is not None and fallback is not None:
            least = run.lower_bound - LEAST_FALL * abs(run.lower_bound)
            climbs = search.falls or lower_bound >= least
            if not (search.accepts(candidate, lower_bound) and climbs):
                search.reject(candidate, statistics)
                candidate = fallback
                statistics = self._one_pass(candidate)
                lower_bound = self._lower_bound(candidate, statistics)
                n_passes += 1
                search.falls |= lower_bound < least
            else:
                search.failures = 0
        bounds = [*run.lower_bounds, lower_bound]
        trace = (*self._history, *bounds)
        run = self.run = replace(
            run, n_iter=run.n_iter + 1, n_passes=n_passes, lower_bounds=bounds,
            lower_bound=lower_bound,
        )  # fmt: skip
        has_chart = statistics.covariance_model.chart is not None
        if search is None and has_chart and self._is_slow(trace, statistics.dtype):
            search = Search(self._regularization, statistics.weight)
        if search is None:
            del candidate
        del fallback
        repaired = len(self._repairer.repairs) if self._repairer is not None else 0
        step = self._m_step(statistics, run.n_iter)
        moved = self._repairer is not None and any(
            r.action == "moved" for r in self._repairer.repairs[repaired:]
        )
        gap, ahead = predicted_gap(trace, statistics.dtype), None
        if moved:
            search, gap = None, np.inf  # another hill
        elif search is not None and not search.given_up:
            ahead = search.propose(candidate, statistics, lower_bound, step)
            gap = max(search.gap, recent_gain(trace))
            ahead = None if ahead is step else ahead
        change = _change(bounds, self._history)
        rounding = ROUNDING[statistics.dtype] * abs(lower_bound)
        self.run = replace(
            run,
            mixture=step,
            converged=not moved and self._stopping.met(change, gap, rounding),
            gap=gap,
            repairs=tuple(self._repairer.repairs) if self._repairer is not None else (),
            ahead=ahead,
            search=search,
        )

    def _lower_bound(self, mixture: Mixture, statistics: SufficientStatistics) -> float:
        log_prior = self._regularization.log_prior(mixture)
        lower_bound = (statistics.log_likelihood + log_prior) / statistics.weight
        if lower_bound == -np.inf:
            raise data_range_error(statistics.dtype)
        return lower_bound

    def _is_slow(self, trace: tuple[float, ...], dtype: np.dtype) -> bool:
        target = self._stopping.target
        if self._acceleration is None or len(trace) < FIRST_PASSES:
            return False
        if self._acceleration == "auto" and target == 0.0:
            return False  # max_iter iterations are asked for, and no limit
        least, most = SLOW_RATES
        gains = np.diff(trace[-4:])
        slow = (gains[1:] > least * gains[:-1]).all() and (gains[1:] < most * gains[:-1]).all()
        if not slow or gains[-1] > LARGEST_GAIN:
            return False
        return predicted_passes(trace, target, dtype) >= FEWEST_PASSES

    def _m_step(self, statistics: SufficientStatistics, n_iter: int) -> Mixture:
        """The M-step, and what collapsed in it repaired."""
        if self._repairer is None:
            return maximization(statistics, self._regularization)
        return self._repairer.m_step(statistics, n_iter)


def _change(bounds: list[float], history: tuple[float, ...]) -> float:
    trace = [*history[-1:], *bounds[-2:]]
    return trace[-1] - trace[-2] if len(trace) > 1 else np.inf


def _is_true(answer: object) -> bool:
    return isinstance(answer, bool | np.bool_) and bool(answer)
