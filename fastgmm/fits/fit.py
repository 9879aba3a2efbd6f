"""A fit is a run of EM from each start, of which the best is kept, with checkpoints."""

from dataclasses import dataclass, replace

import numpy as np

from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.em.collapse import Repairer
from fastgmm.em.e_step import Passes
from fastgmm.em.loop import Iteration, Rules, Run, run_em
from fastgmm.em.regularization import Regularization
from fastgmm.em.stretch import stretches_over
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.checkpoint import Checkpointed
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.fits.reached import Initialization
from fastgmm.fits.verbose import Reporter
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.methods import initial_parameters
from fastgmm.starts.points import StartRows, needs_sample, sample_size
from fastgmm.starts.ward import ward_comparison
from fastgmm.validation import as_generator, check_enough_rows


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit has found: the best run, what each start has reached, and the number of rows.

    Sample weights are counts of rows, unless they are less than one on average.
    """

    run: Run
    initializations: tuple[Initialization, ...] = ()
    n_rows: float = 0.0


def fit(data: Data, plan: Plan, hooks: Hooks | None = None) -> Fit:
    """The best run of the starts; one that degenerates is dropped while another survives.

    Numbers that overflow on the way end in an error of the package's own, which says what to do.
    """
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
        check_enough_rows(extent.n_samples, plan.start.n_components)
        check_enough_rows(extent.n_counted, plan.start.n_components)
        self._row_weight = min(1.0, extent.weight / max(extent.n_counted, 1))
        self._regularization = self._resolved()
        self._start = replace(plan.start, regularization=self._regularization)
        self._reached = [] if saved is None else list(saved.reached)

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
        return self._data.sample(self.seed, size)

    def _resolved(self) -> Regularization:
        if self._saved is not None:
            return self._saved.run.regularization
        regularizing = replace(self._plan.settings.regularizing, row_weight=self._row_weight)
        if regularizing.needs_rows:
            return regularizing.of_sample(self.sample)
        return regularizing.without_rows(self._data.n_features)

    def best(self) -> Fit:
        """Run EM from each start, or from the best candidate, and return the best run."""
        plan, saved = self._plan, self._saved
        best = None if saved is None else saved.best
        failure: IllDefinedCovarianceError | None = None
        n_runs = 1 if plan.warm is not None or self._comparing else plan.start.n_init
        if saved is not None:
            saved.check_for(n_runs, self._data.n_features)
        for init in range(0 if saved is None else saved.init, n_runs):
            run = self._run(init, best)
            if not self._comparing:
                self._reached.append(_reached(init, run))
            if run.failure is not None:
                failure = run.failure
                continue
            if best is None or run.lower_bound > best.lower_bound:
                best = run
            if run.stopped:
                break
        if best is None:
            assert failure is not None
            raise failure
        if not self._comparing:
            reached = self._reached
            chosen = max(range(len(reached)), key=lambda i: reached[i].lower_bound)
            reached[chosen] = replace(reached[chosen], chosen=True)
        n_rows = self._data.extent.weight / self._row_weight
        return Fit(best, tuple(self._reached), n_rows)

    @property
    def _comparing(self) -> bool:
        """Whether candidates of several starts are compared, and one run follows."""
        start = self._plan.start
        given = (start.weights, start.means, start.precisions)
        several = start.method == "ward" and start.n_init > 1
        return self._plan.warm is None and several and all(one is None for one in given)

    def _run(self, init: int, best: Run | None) -> Run:
        """The run of one start; it has no mixture if it degenerates."""
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
            settings.stopping.target,
        )
        rules = Rules(
            stopping=settings.stopping,
            regularization=self._regularization,
            acceleration=settings.acceleration,
            trail=self._plan.trail,
            family=self._plan.family,
            dtype=self._data.dtype,
        )
        watch = _Watch(self, init, best, reporter)
        begun = earlier or self._begun(init, rules)
        stretches = stretches_over(
            self._data,
            start.covariance_type,
            start.n_components,
            self._regularization,
            self._plan.family,
            settings.stopping.target,
        )
        run = run_em(begun, passes, rules, repairer, watch, stretches)
        if run.failure is None:
            reporter.end(run)
        return run

    def _begun(self, init: int, rules: Rules) -> Run:
        """The run before its first iteration, which may have failed already."""
        try:
            return rules.begun(self._first(init))
        except IllDefinedCovarianceError as error:
            return Run(None, -np.inf, failure=error, regularization=self._regularization)

    def _first(self, init: int) -> Mixture:
        """The mixture that a run begins with."""
        if self._comparing:
            return self._compared()
        return self._plan.warm or initial_parameters(self, self._start, self._data.dtype, init)

    def _compared(self) -> Mixture:
        """The candidate that has the highest log density after a few passes over some rows."""
        reached, failure = [], None
        comparison = ward_comparison(StartRows(self.sample, self._start, self.n_threads))
        for index in range(self._start.n_init):
            rows = StartRows(self.sample, replace(self._start, index=index), self.n_threads)
            try:
                reached.append(Initialization(index, comparison.enter(rows)))
            except IllDefinedCovarianceError as error:
                failure = error
                reached.append(Initialization(index, -np.inf, failure=str(error)))
        if failure is not None and all(one.failure for one in reached):
            raise failure
        index, candidate, promise = comparison.best()
        reached[index] = replace(reached[index], lower_bound=promise, chosen=True)
        self._reached[:] = reached
        return candidate

    @property
    def idle(self) -> bool:
        """Whether no hook is told of iterations."""
        hooks = self._hooks
        return hooks.callback is None and hooks.checkpoint is None and hooks.after_pass is None

    def note(self, run: Run, init: int, best: Run | None) -> None:
        """Write the checkpoint, and show the run to whoever asked for it."""
        if self._hooks.checkpoint is not None:
            data, reached = self._data, tuple(self._reached)
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
