"""The loop of expectation-maximisation.

A fold of E-steps and M-steps until the log-likelihood stays, with L-BFGS steps in between where EM
is slow, and a look at every component after each M-step.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from fastgmm.covariance.estimate import check_range
from fastgmm.em.acceleration import Search
from fastgmm.em.collapse import Repair, Repairer
from fastgmm.em.extrapolation import Extrapolation
from fastgmm.em.rules import LEAST_FALL, Rules
from fastgmm.em.run import Run
from fastgmm.em.stopping import NOISE_ROUNDING, RECENT, ROUNDING, recent_gain
from fastgmm.em.stretch import Stretches
from fastgmm.em.trail import Moments, Trail
from fastgmm.errors import IllDefinedCovarianceError, data_range_error
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics

Pass = Callable[[Mixture], SufficientStatistics]
"""A function one_pass(mixture) returns the statistics of all rows: one E-step."""

BETWEEN_LOOKS = 64
"""Where nobody looks at iterations, at most this many are done between two looks whether the run is
cancelled."""


class Observer(Protocol):
    """Whoever looks on while EM runs."""

    @property
    def idle(self) -> bool:
        """Whether it looks at nothing, so that it need not be told."""

    def cancelled(self) -> bool:
        """Whether the run is to end where it is; asked often, and cheap."""

    @property
    def keeps(self) -> bool:
        """Whether it keeps runs as they pass, and so needs their mixtures."""

    def iterated(self, run: Run, change: float) -> bool:
        """See one iteration and the rise of its lower bound; True ends the run."""

    def passed(self, run: Run) -> None:
        """See the run after each M-step, with the observer's own answer in it."""


def run_em(
    run: Run,
    one_pass: Pass,
    rules: Rules,
    repairer: Repairer | None = None,
    observer: Observer | None = None,
    stretches: Stretches | None = None,
) -> Run:
    """Iterate until the rule of stopping is met, and return the run.

    The run ends, too, when `max_iter` is reached or the observer says so.

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
    idle = observer is None or observer.idle
    whole = observer is None or observer.keeps
    loop = _Loop(one_pass, rules, repairer, stretches)
    loop.run = run
    del run  # the M-step needs the memory: the loop alone holds the mixture
    while loop.run.n_iter < max_iter:
        if not loop.stretched(BETWEEN_LOOKS if idle else 1, whole):
            loop.iterate()
        if loop.run.failure is not None:
            break
        if observer is not None and observer.cancelled():
            loop.run = replace(loop.run, stopped=True)
        if observer is not None and not idle:
            if observer.iterated(loop.run, _change(loop.run)):
                loop.run = replace(loop.run, stopped=True)
            observer.passed(loop.run)
        if loop.run.ended:
            break
    return loop.whole()


class _Loop:
    """A run under way, and what stays the same from iteration to iteration."""

    def __init__(
        self,
        one_pass: Pass,
        rules: Rules,
        repairer: Repairer | None,
        stretches: Stretches | None = None,
    ) -> None:
        self._one_pass, self._rules, self._repairer = one_pass, rules, repairer
        self._stretches = stretches
        if stretches is not None:
            stretches.hold(np.zeros(stretches.n_components, np.uint8))
        # After stretches that led nowhere, this many iterations go without.
        self._pause = self._failures = 0
        self.run: Run

    def whole(self) -> Run:
        """The run with its mixture, which a stretch leaves out where nobody looks at it."""
        if self._stretches is not None:
            self.run = self._stretches.whole(self.run)
        return self.run

    def stretched(self, most: int, whole: bool) -> bool:
        """Go as far as no decision is needed, but no more iterations; False where none is done."""
        run, stretches = self.run, self._stretches
        # With a trail, the first pass tells whose it is.
        begins = run.n_iter == 0 and run.trail is not None
        if stretches is None or begins or not stretches.take(run.mixture):
            return False
        if self._pause > 0:
            self._pause -= 1
            return False
        if self._repairer is not None and self._repairer.repairs:
            held, rest = self._repairer.held(stretches.n_components, run.n_iter)
            stretches.hold(held)
            if (most := min(most, rest)) == 0:
                return False
        gone_on = stretches.gone_on(run, self._repairs(), most, whole)
        if gone_on is None:
            self._failures += 1
            self._pause = 1 << min(self._failures, 6)
            return False
        self._failures = 0
        self.run = gone_on
        return True

    def iterate(self) -> None:
        """Do one iteration, from the mixture ahead or from the one that EM falls back on.

        The run ends with a failure where a covariance is singular and nothing can be done.
        """
        rules, search, n_iter = self._rules, self.whole().ahead_by, self.run.n_iter + 1
        bounds, n_passes, trail = self.run.lower_bounds, self.run.n_passes, self.run.trail
        accepted, statistics, lower_bound, of_this = self._accepted()
        if n_iter == 1:
            trail = self._trail(trail, statistics, lower_bound)
        run = Run(
            None,
            lower_bound,
            n_iter,
            lower_bounds=[*bounds, lower_bound],
            n_passes=n_passes + of_this,
            repairs=self._repairs(),
            regularization=rules.regularization,
            trail=trail,
        )
        gap, noise, slow = rules.foretold(run, statistics.dtype)
        rounding = ROUNDING[statistics.dtype] * abs(lower_bound)
        # Steps ahead of EM have an end of their own: they fail in noise, and are given up.
        if noise > 0.0 and (search is None or search.given_up):
            settled = rules.stopping.settled(noise, rounding)
            gap = 0.0 if noise <= NOISE_ROUNDING * rounding else noise
            self.run = replace(run, mixture=accepted, converged=settled, gap=gap, noise=noise)
            return
        if search is None and slow:
            search = rules.search(statistics.covariance_model, statistics.weight)
        iterates = statistics.covariance_model.needs_previous
        previous = accepted if iterates or rules.family.needs_previous else None
        if search is None:
            del accepted  # the M-step needs the memory
        try:
            step, moved = self._m_step(statistics, previous, n_iter)
        except IllDefinedCovarianceError as error:
            self.run = replace(run, failure=error, repairs=self._repairs())
            return
        if len(self._repairs()) > len(run.repairs):
            self._pause = self._failures = 0  # what has ended the stretch is known now
        ahead = None
        if moved:
            # A moved component changes which optimum the fit approaches: what the search has
            # learned is of another one.
            search, gap = None, np.inf
        elif search is not None and not search.given_up:
            ahead = search.propose(accepted, statistics, lower_bound, step)
            if search.steps:  # until then all steps were EM's own
                gap = max(search.gap, recent_gain(run.recent(RECENT + 1)))
            ahead = None if ahead is step else ahead
        self.run = replace(
            run,
            mixture=step,
            converged=not moved and rules.stopping.met(_change(run), gap, rounding),
            gap=gap,
            repairs=self._repairs(),
            ahead=ahead,
            search=search if isinstance(search, Search) else None,
            extrapolation=search if isinstance(search, Extrapolation) else None,
        )

    def _trail(
        self, trail: Trail | None, statistics: SufficientStatistics, lower_bound: float
    ) -> Trail:
        """The trail that the run goes on with, if it is one of these rows, or a new one."""
        moments, ridge = Moments.of(statistics), self._rules.regularization
        dtype = self._rules.dtype or statistics.dtype
        if trail is not None and trail.leads_to(lower_bound, moments, ridge, dtype):
            return trail
        return Trail((), moments, ridge)

    def _accepted(self) -> tuple[Mixture, SufficientStatistics, float, int]:
        """The mixture that the iteration goes on from, its statistics, lower bound and passes.

        The run gives its mixtures away, so that the memory of one that is not accepted is free.
        """
        run, search, last = self.run, self.run.ahead_by, self.run.lower_bound
        candidate, fallback = run.ahead or run.mixture, run.mixture if run.ahead else None
        assert candidate is not None
        del run, self.run
        statistics, lower_bound = self._evaluated(candidate)
        if search is None or fallback is None:
            return candidate, statistics, lower_bound, 1
        climbs = search.falls or not _falls(last, lower_bound)
        if search.accepts(candidate, lower_bound) and climbs:
            search.failures = 0
            return candidate, statistics, lower_bound, 1
        search.reject(candidate, statistics)
        candidate = fallback
        statistics, lower_bound = self._evaluated(candidate)
        search.falls |= _falls(last, lower_bound)
        return candidate, statistics, lower_bound, 2

    def _evaluated(self, mixture: Mixture) -> tuple[SufficientStatistics, float]:
        """The statistics of all rows under a mixture, and its lower bound in nats per row."""
        statistics, rules = self._one_pass(mixture), self._rules
        lower_bound = rules.family.bound(mixture, statistics, rules.regularization)
        if lower_bound == -np.inf:
            raise data_range_error(statistics.dtype)
        return statistics, lower_bound

    def _repairs(self) -> tuple[Repair, ...]:
        return () if self._repairer is None else tuple(self._repairer.repairs)

    def _m_step(
        self, statistics: SufficientStatistics, previous: Mixture | None, n_iter: int
    ) -> tuple[Mixture, bool]:
        """The repaired mixture of the M-step, and whether a component was moved in it."""
        rules, repairer = self._rules, self._repairer

        def maximize(statistics: SufficientStatistics) -> Mixture:
            mixture = rules.family.maximize(statistics, rules.regularization, previous)
            if rules.dtype in (None, mixture.dtype):
                return mixture
            # The sums were more precise than the rows.
            check_range(mixture.covariances, mixture.inverse_factors, rules.dtype)
            return replace(mixture, dtype=rules.dtype)

        if repairer is None:
            return maximize(statistics), False
        n_known = len(repairer.repairs)
        mixture = repairer.m_step(maximize, statistics, n_iter)
        return mixture, any(repair.action == "moved" for repair in repairer.repairs[n_known:])


def _change(run: Run) -> float:
    last = run.recent(2)
    return last[-1] - last[-2] if len(last) > 1 else np.inf


def _falls(last: float, lower_bound: float) -> bool:
    """Whether a lower bound is less than the last one, by more than rounding."""
    return not last - lower_bound <= LEAST_FALL * abs(last)
