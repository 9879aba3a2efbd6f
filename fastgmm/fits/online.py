"""Online EM: a mixture that follows a stream, a step per own batch of rows.

Stepwise EM (Cappe and Moulines 2009; Liang and Klein 2009): what is known of the stream so far is
its sufficient statistics, and each batch moves them by a share rho towards its own.  Both are about
the same reference points, so that what batches differ by stays in the variances.  The statistics
are the state, and the mixture is what an M-step makes of them.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.rows import RowData
from fastgmm.em.run import Run
from fastgmm.fits.fit import Fit
from fastgmm.fits.influence import FEW, MEMORY, representable, sound
from fastgmm.fits.learned import Learned
from fastgmm.fits.learner_state import LearnerState
from fastgmm.fits.looks import (
    SHORTEST,
    Looks,
    Sampled,
    density_of,
    excess,
    is_unbalanced,
    look,
    rows_needed,
)
from fastgmm.fits.memory import Recent, WaitingRows
from fastgmm.fits.pace import MOST_BATCH_ROWS, Pace
from fastgmm.fits.plan import Plan
from fastgmm.fits.reservoir import Reservoir, capacity
from fastgmm.fits.steps import Batch, Step, plain_step, step
from fastgmm.fits.target import Target
from fastgmm.lazy import lazy
from fastgmm.validation import has_gaps

Planned = Callable[[int], Plan] | None
"""A function planned(n_features) makes the plan of fits; None where there is none to do."""


class Learner:
    """Online EM of one stream, as a value.

    What learns makes another one, so that a call which fails, or is interrupted wherever it may be,
    has changed nothing.  The rows that wait are an exception: they grow by one assignment, since
    most calls bring fewer rows than their batch still lacks.

    Parameters
    ----------
    target : Target
    pace : Pace
    n_threads : int, optional
    seed : int
        The seed of the fit of the first rows, and of the sample of all.
    learned : Learned, optional
        What was learned before; None: the first rows are gathered and fitted.
    """

    def __init__(
        self,
        target: Target,
        pace: Pace,
        n_threads: int | None,
        seed: int = 0,
        learned: Learned | None = None,
    ) -> None:
        self.target, self.pace, self.n_threads = target, pace, n_threads
        self.seed, self.learned = seed, learned
        self.first_rows = target.first_rows
        # n_threads, half_life, learning_exponent and reg_covar at the last look
        self.wishes: tuple[Any, ...] = (None, None, None, None)
        # The first rows wait here, and later those of the next own batch.
        self.waiting = WaitingRows.none(target.n_features, target.dtype)
        # The memory in which the rows of the batch before have waited.
        self.spare: WaitingRows | None = None
        # Some of the first rows that wait, of this number, were looked at already.
        self.probed = 0
        # The rows that wait no more, and the steps.
        self.n_taken, self.n_updates = 0, 0
        self.n_skipped, self.aside = 0, 0.0
        self.recent = Recent()
        # Whether rows with gaps or labels have come, and the pairs apart in the first fit.
        self.gaps, self.labelled, self.apart = False, False, ()
        self.reservoir: Reservoir | None = None
        self.looks: Looks | None = None

    def having(self, **changes: Any) -> "Learner":
        """The same with other attributes."""
        other = object.__new__(Learner)
        own = other.__dict__
        own.update(self.__dict__)  # a sixth of the time of `dataclasses.replace`
        own.pop("stop", None)
        own.pop("_wanted", None)
        if "pace" in changes:
            own.pop("_looks_again", None)
        own.update(changes)
        return other

    def going_on_from(self, learned: Learned) -> "Learner":
        """The same, of which something else is known: what the rows before said is forgotten."""
        return self.having(learned=learned, reservoir=None, looks=None)

    @property
    def seen(self) -> float:
        """The weight of the rows learned from."""
        return 0.0 if self.learned is None else self.learned.seen

    @property
    def n_samples(self) -> int:
        """The number of rows taken: those that wait, and those that wait no more."""
        return self.n_taken + self.waiting.n

    @lazy
    def stop(self) -> int:
        """The number of waiting rows with which something is to be done."""
        if self.learned is None:
            return self.first_rows
        return self.pace.next_stop(self._wanted, self.probed, self.learned.seen)

    @lazy
    def _wanted(self) -> int:
        """The number of rows of the next own batch."""
        return self.pace.batch_rows(self.seen, self._restless)

    @property
    def _restless(self) -> bool:
        return self.looks is not None and self.looks.restless

    def takes(self, rows: np.ndarray) -> bool:
        """Let rows wait, if they are good as they are and there is nothing else to do with them."""
        waiting = self.waiting
        fit = rows.dtype is waiting.dtype and self.learned is not None
        return fit and waiting.take(rows, self.stop)

    def learn(
        self, rows: np.ndarray, weight: np.ndarray | None, plan: Planned, gaps: bool = False
    ) -> "Learner":
        """The learner that has taken the next rows of the stream, all of them checked.

        `gaps` says whether some of their numbers are missing.
        """
        if gaps and not self.gaps:
            # In this learner they must not wait, should the call be interrupted.
            self = self.having(gaps=True, waiting=self.waiting.plus(rows[:0], None))
        if self.waiting.n + len(rows) < self.stop:
            self.waiting.append(rows, weight)
            return self
        now, begin = self, 0
        # What rows far away do to numbers is looked at where it matters.
        with np.errstate(over="ignore", invalid="ignore"):
            while begin < len(rows):
                end = begin + max(0, now._most() - now.waiting.n)
                part, of_part = rows[begin:end], None if weight is None else weight[begin:end]
                now = (now._gather if now.learned is None else now._follow)(part, of_part, plan)
                begin = min(end, len(rows))
        if now.n_taken > self.n_taken and self.waiting.n <= MOST_BATCH_ROWS:
            # Until the new learner stands in its place, this one needs the rows that wait here.
            now.spare = self.waiting
        return now

    def _most(self) -> int:
        """The number of waiting rows with which something is to be done at the latest."""
        if self.learned is not None:
            return self.stop
        if self.n_samples:
            return self.first_rows
        # A first call may bring all there is, in an order in which the first rows are all alike.
        return max(self.first_rows, self.target.most_first_rows)

    def _implied(self, run: Run, seen: float) -> Learned:
        assert run.mixture is not None
        return Learned.implied(run.mixture, run.regularization, seen, self.target.family)

    def _nothing(self) -> WaitingRows:
        return WaitingRows.none(self.target.n_features, self.target.dtype)

    # ------------------------------------------------------------------ the first rows

    def _gather(self, rows: np.ndarray, weight: np.ndarray | None, plan: Planned) -> "Learner":
        """Fit the first rows, all that a call brings; more are gathered where they do not do."""
        waiting = self.waiting.plus(rows, weight)
        now = self.having(waiting=waiting)
        if waiting.n < self.first_rows:
            return now
        assert plan is not None
        rows, weight = waiting.held()
        good = sound(rows, weight)
        if 2 * good.sum() < self.first_rows:
            return now._without(~good)
        first = now._fit_of(good, plan(self.target.n_features))
        if first is None or (mixture := first.run.mixture) is None:
            return now._waiting_for_more()
        kept = rows[good], None if weight is None else weight[good]
        gaps = self._gapped(kept[0])
        log_density = density_of(mixture, kept[0], self.n_threads, gaps)
        extent = Extent.of(len(kept[0]), kept[1])
        now = now.having(
            learned=self._implied(first.run, extent.weight),
            waiting=self._nothing(),
            n_taken=self.n_taken + len(rows),
            n_updates=1,
            apart=first.apart,
            n_skipped=self.n_skipped + int(len(rows) - good.sum()),
            recent=self.recent.plus(log_density, 0.0),
            looks=Looks(extent.weight).at_level(
                excess(mixture, kept[0], self.n_threads, gaps), kept[1], mixture.n_parameters
            ),
        )
        if now._looks_again:
            empty = Reservoir.empty(self.target.n_features, self.target.dtype)
            reservoir = empty.plus(*kept, self.pace.half_life, self.seed, now._room)
            now = now.having(reservoir=reservoir)
        return now

    def _waiting_for_more(self) -> "Learner":
        """The first fit waits for twice as many rows; at the limit the first half is forgotten."""
        n = self.waiting.n
        if n < self.target.most_first_rows:
            return self.having(first_rows=2 * n)
        return self._without(np.arange(n) < n // 2).having(first_rows=n)

    def _without(self, skipped: np.ndarray) -> "Learner":
        """The same without some of the first rows, which nothing can be learned from."""
        rows, weight = self.waiting.held()
        kept, n = ~skipped, int(skipped.sum())
        return self.having(
            waiting=self._nothing().plus(rows[kept], None if weight is None else weight[kept]),
            n_taken=self.n_taken + n,
            n_skipped=self.n_skipped + n,
        )

    def first_fit(self, plan: Plan) -> Fit | None:
        """A fit of the rows gathered so far; None where they are too few or too alike."""
        return self._fit_of(sound(*self.waiting.held()), plan)

    def _fit_of(self, good: np.ndarray, plan: Plan) -> Fit | None:
        rows, weight = self.waiting.held()
        rows, weight = rows[good], None if weight is None else weight[good]
        data = RowData(rows, weight, self.n_threads, gapped=self._gapped(rows))
        return self.target.fit(data, replace(plan, seed=self.seed))

    def _gapped(self, rows: np.ndarray) -> bool:
        """Whether some numbers of these rows are missing."""
        return self.gaps and has_gaps(np.ascontiguousarray(rows), self.n_threads)

    # ------------------------------------------------------------------ the rows that follow

    def _follow(self, rows: np.ndarray, weight: np.ndarray | None, plan: Planned) -> "Learner":
        """Let rows wait, look at some of them, or do a step with all that have waited."""
        now, waited, n = self, self.waiting.n, self.waiting.n + len(rows)
        if n < self.stop or waited:
            now = self.having(waiting=self.waiting.plus(rows, weight))
            rows, weight = now.waiting.held()
        if n < self.stop:
            return now
        if n < self._wanted:
            new = rows[self.probed :], self.n_threads, self._gapped(rows[self.probed :])
            known, looks = self.learned, self.looks if self._looks_again else None
            if not (known and looks and looks.is_probed_surprise(known.mixture, *new)):
                waiting = now.waiting if waited else now.waiting.plus(rows, weight)
                return now.having(waiting=waiting, probed=n)
            now = now._surprised()
        now = now._updated(rows, weight).having(
            waiting=self._nothing() if self.spare is None else self.spare.emptied(),
            spare=None,
            n_taken=self.n_taken + n,
            probed=0,
        )
        if plan is None or now.looks is None or not now._looks_again:
            return now
        due = now.looks.due(now.seen, now.pace.horizon(now.seen))
        return now._looked(plan(self.target.n_features)) if due else now

    def _updated(self, rows: np.ndarray, weight: np.ndarray | None) -> "Learner":
        """Do one step: what is known and what the batch says are added, in their shares."""
        learned = self.learned
        assert learned is not None
        extent = Extent.of(len(rows), weight)
        if extent.n_counted == 0:
            return self
        now = self if self.looks is not None else self._with_looks(learned)
        batch = self._batch(Part(rows, weight), extent)
        found = step(learned, batch, self.target.family, self.n_threads)
        aside, n_skipped = self.aside * math.exp(-len(rows) / MEMORY) if self.aside else 0.0, 0
        if (far := found.far) is not None:
            density, kept = found.log_density, ~far
            aside += float(np.count_nonzero(far))
            if aside > FEW:  # this is where the stream has gone
                kept = np.isfinite(density) & representable(rows)
            rows, weight = rows[kept], None if weight is None else weight[kept]
            n_skipped, extent = int(len(kept) - kept.sum()), Extent.of(len(rows), weight)
            if extent.n_counted == 0:
                return now.having(aside=aside, n_skipped=self.n_skipped + n_skipped)
            batch = self._batch(Part(rows, weight), extent)
            found = plain_step(learned, batch, self.target.family, self.n_threads, whole=True)
            found = replace(found, strong=True, log_density=density[kept])
        reservoir = now.reservoir
        if reservoir is not None:
            reservoir = reservoir.plus(rows, weight, self.pace.half_life, self.seed, self._room)
        return now.having(
            learned=found.learned,
            recent=self.recent.plus(found.log_density, learned.seen),
            reservoir=reservoir,
            looks=now._looks_after(found, extent.n_counted),
            aside=aside,
            n_skipped=self.n_skipped + n_skipped,
            n_updates=self.n_updates + 1,
        )

    def _batch(self, part: Part, extent: Extent) -> Batch:
        share = self.pace.share(extent.weight, self.seen, self._restless)
        counts = self.pace.remembered(self.seen + extent.weight)
        return Batch(part, extent, share, self._gapped(part.rows), counts)

    def _looks_after(self, found: Step, n: int) -> Looks | None:
        """When to look again after a step by n rows."""
        looks = self.looks
        if looks is None:
            return None
        if found.strong or looks.is_surprised(found.excess, n):
            looks = looks.after_surprise(self.seen, self.pace.horizon(self.seen), self._shortest)
        k = self.target.n_components
        if self.pace.half_life is None and is_unbalanced(found.imbalance, k, n):
            looks = looks.kept_awake()
        return looks

    # ------------------------------------------------------------------ looks

    @lazy
    def _room(self) -> int:
        """The room of the sample."""
        assert self.learned is not None
        return capacity(self.learned.mixture)

    @lazy
    def _looks_again(self) -> bool:
        """Whether the sample can count for enough rows for a look."""
        assert self.learned is not None
        if self.target.family.sums_up or self.labelled:
            return False  # of posteriors the sample alone tells less than the prior does
        counts, half_life = float(self._room), self.pace.half_life
        if half_life is not None:
            counts = min(counts, 2.0 / math.log(2.0) * half_life)
        return counts >= rows_needed(self.learned.mixture)

    @property
    def _shortest(self) -> int:
        """The shortest pause: a stream that forgets follows by itself, and looks may cost more."""
        return 0 if self.pace.forgets(self.seen) else SHORTEST

    def _with_looks(self, learned: Learned) -> "Learner":
        """The same, where something was learned that left no rows behind."""
        now = self.having(looks=Looks(learned.seen))
        if not now._looks_again:
            return now
        weight = learned.seen
        if self.pace.half_life is not None:
            weight = min(weight, self.pace.half_life / math.log(2.0))
        return now.having(reservoir=Reservoir.of_mixture(learned.mixture, weight, self.seed))

    def _surprised(self) -> "Learner":
        assert self.looks is not None
        looks = self.looks.after_surprise(self.seen, self.pace.horizon(self.seen), self._shortest)
        return self.having(looks=looks)

    def _looked(self, plan: Plan) -> "Learner":
        """Look again, and go on from another mixture where it describes the rows better."""
        learned, looks, reservoir = self.learned, self.looks, self.reservoir
        assert learned is not None
        assert looks is not None
        assert reservoir is not None
        of_sample = reservoir.rows(self._room)
        sampled = Sampled(*of_sample, self._gapped(of_sample[0]))
        plan = replace(plan, seed=self.seed, family=self.target.family.following(learned.mixture))
        found = look(sampled, learned.mixture, plan, self.n_threads)
        run = None if found is None else found.run
        looks = looks.after(self.seen, run is not None, self._shortest)
        if run is not None and run.mixture is not None:
            learned = self._implied(run, learned.seen)
        if found is not None:
            n_parameters = learned.mixture.n_parameters
            looks = looks.at_level(found.excess, found.weight, n_parameters, sampled=run is None)
        return self.having(learned=learned, looks=looks)

    # ------------------------------------------------------------------ files

    def state(self) -> LearnerState:
        """The learner as a file holds it."""
        return LearnerState.of(self)

    def restored(self, state: LearnerState) -> "Learner":
        """The learner that `state` has described; what it had learned is here already."""
        waits = self.waiting.plus(state.waiting, state.waiting_weight)
        return self.having(waiting=waits, **state.restored())
