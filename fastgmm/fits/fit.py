"""A fit is a run of EM from each start, of which the best is kept, with checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.types import model_of
from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.em.collapse import Repairer
from fastgmm.em.e_step import Passes
from fastgmm.em.loop import run_em
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Iteration, Run
from fastgmm.em.stretch import Stretches, stretches_over
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.checkpoint import Checkpointed
from fastgmm.fits.needs import check_memory
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.fits.reached import Initialization
from fastgmm.fits.verbose import Reporter
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import is_weak
from fastgmm.starts.methods import initial_parameters
from fastgmm.starts.points import StartRows, needs_sample, sample_size
from fastgmm.starts.turns import Turns, turns_of
from fastgmm.validation import as_generator, check_enough_rows
from fastgmm.validation.gaps import check_observed, never_together


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit has found: the best run, what each start has reached, and the number of rows.

    Sample weights are counts of rows, unless they are less than one on average.  Of the pairs of
    columns that are `apart` no row has both values, and the mixture has a covariance of them.
    """

    run: Run
    initializations: tuple[Initialization, ...] = ()
    n_rows: float = 0.0
    apart: tuple[tuple[int, int], ...] = ()


def fit(data: Data, plan: Plan, hooks: Hooks | None = None) -> Fit:
    """The best run of the starts; one that degenerates is dropped while another survives.

    Numbers that overflow on the way end in an error of the package's own, which says what to do.
    """
    check_memory(plan, data)
    hooks = hooks or Hooks()
    saved = None if hooks.checkpoint is None else hooks.checkpoint.load()
    if saved is not None:
        data.go_on(saved.extent)
    # Not as a decorator: before NumPy 2 threads would share its one object.
    with np.errstate(over="ignore", invalid="ignore"):
        return _RunningFit(data, plan, hooks, saved).best()


class _RunningFit:
    """A fit under way; what its starts share is made when it is first asked for."""

    def __init__(
        self, data: Data, plan: Plan, hooks: Hooks, saved: Checkpointed | None = None
    ) -> None:
        self._data, self._hooks, self._saved = data, hooks, saved
        self.n_threads = data.n_threads
        self._plan = plan
        regularizing = plan.settings.regularizing
        drawing = plan.warm is None and needs_sample(plan.start)
        looking = drawing or regularizing.needs_rows or regularizing.prior is not None
        if looking and saved is None:
            self.sample  # noqa: B018 -- the walk that draws it counts the rows as well
        extent = data.extent
        self._apart: tuple[tuple[int, int], ...] = ()
        if (together := data.together) is not None:
            check_observed(together, data.names)
            if model_of(plan.start.covariance_type).form.ndim == MATRIX.ndim:
                self._apart = never_together(together)
        check_enough_rows(extent.n_samples, plan.start.n_components)
        check_enough_rows(extent.n_counted, plan.start.n_components)
        self._row_weight = min(1.0, extent.weight / max(extent.n_counted, 1))
        self._regularization = self._resolved()
        self._start = replace(plan.start, regularization=self._regularization)
        self._reached = {} if saved is None else {one.index: one for one in saved.reached}

    @lazy
    def seed(self) -> int:
        """What all random numbers of the fit come from."""
        if self._saved is not None and self._saved.seed is not None:
            return self._saved.seed
        if self._plan.seed is not None:
            return self._plan.seed
        return int(as_generator(self._plan.random_state).integers(2**63))

    @lazy
    def sample(self) -> Sample:
        """The rows that starts are made from, and to which collapsed components may be moved."""
        if self._plan.sample is not None:
            return self._plan.sample
        size = sample_size(self._plan.start, self._data.n_features)
        drawn = self._data.sample(self.seed, size)
        if not self._data.gapped:
            return drawn
        # What gaps need is loaded with the first of them.
        from fastgmm.starts.gaps import filled

        return filled(drawn, self.n_threads)

    def _resolved(self) -> Regularization:
        if self._saved is not None:
            return self._saved.run.regularization
        regularizing = self._plan.settings.regularizing
        if regularizing.row_weight != self._row_weight:
            regularizing = replace(regularizing, row_weight=self._row_weight)
        if regularizing.needs_rows:
            return regularizing.of_sample(self.sample)
        return regularizing.without_rows(self._data.n_features)

    def best(self) -> Fit:
        """Run EM turn by turn, and return the best run.

        A run that leaves a component with next to nothing is worth less than any other.  More turns
        than are wanted are taken only until one survives.
        """
        best = None if self._saved is None else self._saved.best
        failure: IllDefinedCovarianceError | None = None
        if self._saved is not None:
            self._saved.check_for(self._data.n_features)
        turn = 0 if self._saved is None else self._saved.init
        while best is None or turn < self._n_wanted:
            run = self._run(turn, best)
            if run is None:
                break
            better = run.failure is None and (best is None or self._rank(run) > self._rank(best))
            self._note_end(turn, run, better)
            best, failure = run if better else best, run.failure or failure
            if run.stopped:
                break
            turn += 1
        if best is None:
            assert failure is not None
            raise failure
        reached = tuple(self._reached[i] for i in sorted(self._reached))
        return Fit(best, reached, self._n_rows, self._apart)

    @property
    def _n_rows(self) -> float:
        """What all rows weigh, in rows: their weight, or their number where they are lighter."""
        return max(self._data.extent.weight, float(self._data.extent.n_counted))

    def _rank(self, run: Run) -> tuple[bool, float]:
        """What the best run has most of."""
        assert run.mixture is not None
        weak = self._plan.family.collapses and is_weak(
            run.mixture, run.regularization, self._n_rows
        )
        return not weak, run.lower_bound

    def _note_end(self, turn: int, run: Run, better: bool) -> None:
        """Note what the start of a turn has reached, and whether that is the best so far."""
        index, reached = self._index(turn), self._reached
        before = reached.get(index)
        failed = run.failure is not None and before is not None and not before.chosen
        if before is None or before.failure is not None or failed:
            reached[index] = _reached(index, run)
        if better:
            for i, one in reached.items():
                reached[i] = replace(one, chosen=i == index)

    @property
    def _n_wanted(self) -> int:
        """The number of turns, of which the best run is kept."""
        start = self._plan.start
        if self._plan.warm is not None:
            return 1
        return start.n_init if self._turns is None or start.n_init == 1 else self._turns.n_wanted

    @lazy
    def _turns(self) -> Turns | None:
        """The turns of Ward's starts; None where each start is made when its turn comes."""
        start = self._start
        given = any(one is not None for one in (start.weights, start.means, start.precisions))
        if self._plan.warm is not None or start.method != "ward" or given:
            return None
        return turns_of(StartRows(self.sample, start, self.n_threads, self.seed))

    def _index(self, turn: int) -> int:
        """The index of the start that has this turn."""
        try:
            index = turn if self._turns is None else self._turns.index(turn)
        except IndexError:
            index = -1
        if index < 0 or (self._turns is None and turn >= self._n_wanted):
            raise ValueError(
                f"the checkpoint is of turn {turn} of its fit, and this one has none of that "
                "number: remove the checkpoint's file"
            )
        return index

    def _run(self, init: int, best: Run | None) -> Run | None:
        """The run of one turn, without a mixture if it degenerates; None if there is none."""
        settings, start, saved = self._plan.settings, self._start, self._saved
        earlier = saved.run if saved is not None and saved.init == init else None
        if earlier is not None and earlier.ended:
            return earlier
        reporter = Reporter(settings.verbose, settings.verbose_interval, init)
        repairer = Repairer(
            settings.on_collapse,
            self._regularization,
            self._row_weight,
            self,
            self.n_threads,
            () if earlier is None else earlier.repairs,
        )
        passes = Passes(
            self._data,
            start.covariance_type,
            start.n_components,
            self._regularization.reg_covar,
            settings.stopping.over(self._rules.unit).target,
        )
        watch = _Watch(self, init, best, reporter)
        begun = earlier or self._begun(init)
        if begun is None:
            return None
        repairs = repairer if self._plan.family.collapses else None
        run = run_em(begun, passes, self._rules, repairs, watch, self._stretches)
        if run.failure is None:
            reporter.end(run)
        return run

    @lazy
    def _rules(self) -> Rules:
        """The rules of every run."""
        settings = self._plan.settings
        return Rules(
            stopping=settings.stopping,
            regularization=self._regularization,
            acceleration=settings.acceleration,
            trail=self._plan.trail,
            family=self._plan.family,
            dtype=self._data.dtype,
            unit=self._data.extent.weight if self._plan.family.sums_up else 1.0,
        )

    @lazy
    def _stretches(self) -> Stretches | None:
        """Compiled iterations, for one run after the other; None where there are none."""
        start = self._start
        return stretches_over(self._data, start.covariance_type, start.n_components, self._rules)

    def _begun(self, turn: int) -> Run | None:
        """The run before its first iteration, which may have failed already; None without one."""
        try:
            mixture = self._first(turn)
        except IllDefinedCovarianceError as error:
            return Run(None, -np.inf, failure=error, regularization=self._regularization)
        if mixture is None:
            return None
        weight, ridge = self._data.extent.weight, self._regularization
        return self._rules.begun(self._plan.family.begun(mixture, ridge, weight))

    def _first(self, turn: int) -> Mixture | None:
        """The mixture that the run of this turn begins with; None if there are no more."""
        if self._turns is not None:
            for one in self._turns.promises if turn == 0 else ():
                self._reached[one.index] = Initialization(one.index, one.value, failure=one.failure)
            return self._turns.turn(turn)
        if turn >= self._n_wanted:
            return None
        return self._plan.warm or initial_parameters(self, self._start, self._data.dtype, turn)

    @property
    def idle(self) -> bool:
        """Whether no hook is told of iterations."""
        hooks = self._hooks
        return hooks.callback is None and not self.keeps

    @property
    def keeps(self) -> bool:
        """Whether a hook is shown runs."""
        return self._hooks.checkpoint is not None or self._hooks.after_pass is not None

    @property
    def cancelled(self) -> Callable[[], bool]:
        """What tells whether the fit is to end where it is."""
        return self._hooks.cancelled or _never

    def note(self, run: Run, init: int, best: Run | None) -> None:
        """Write the checkpoint, and show the run to whoever asked for it."""
        if self._hooks.checkpoint is not None:
            data, reached = self._data, tuple(self._reached.values())
            self._hooks.checkpoint.save(
                Checkpointed(init, run, best, self.seed, data.extent, data.names, reached)
            )
        if self._hooks.after_pass is not None:
            self._hooks.after_pass(run)

    def show(self, run: Run, change: float, init: int, reporter: Reporter) -> bool:
        """Print the iteration and hand it to the callback; True ends the start."""
        callback = self._hooks.callback
        if callback is None and not reporter.verbose:
            return False
        iteration = Iteration(len(run.lower_bounds), run.lower_bounds[-1], change, init)
        reporter.iterated(iteration)
        answer = None if callback is None else callback(iteration)
        return isinstance(answer, bool | np.bool_) and bool(answer)


def _never() -> bool:
    """Nobody ends the fit before its time."""
    return False


@dataclass(frozen=True)
class _Watch:
    """The observer of one start's run."""

    fit: _RunningFit
    init: int
    best: Run | None
    reporter: Reporter

    @property
    def idle(self) -> bool:
        """Whether nobody wants to see iterations, or keep them."""
        return self.fit.idle and not self.reporter.verbose

    def cancelled(self) -> bool:
        """Whether the fit is to end where it is."""
        return self.fit.cancelled()

    @property
    def keeps(self) -> bool:
        """Whether runs are written down, or shown to somebody who does."""
        return self.fit.keeps

    def iterated(self, run: Run, change: float) -> bool:
        """Show one iteration; True if the callback ends the start."""
        return self.fit.show(run, change, self.init, self.reporter)

    def passed(self, run: Run) -> None:
        """Take note of the run after an M-step."""
        self.fit.note(run, self.init, self.best)


def _reached(index: int, run: Run) -> Initialization:
    if run.failure is not None:
        return Initialization(index, -np.inf, failure=str(run.failure))
    return Initialization(index, run.lower_bound)
