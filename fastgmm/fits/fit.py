"""A fit is a run of EM from each start, of which the best is kept, with checkpoints."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.types import model_of
from fastgmm.data.extent import Extent
from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.data.span import Span
from fastgmm.em.acceleration import Search
from fastgmm.em.collapse import Repairer
from fastgmm.em.e_step import Passes
from fastgmm.em.loop import run_em
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stretch import Stretches, stretches_over
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.approach import approached
from fastgmm.fits.beginnings import Beginnings
from fastgmm.fits.checkpoint import Checkpointed
from fastgmm.fits.narrow import Narrow, narrowed
from fastgmm.fits.needs import check_memory
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.fits.reached import Initialization
from fastgmm.fits.small import small_run
from fastgmm.fits.verbose import Reporter
from fastgmm.fits.watch import Watch
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import is_weak
from fastgmm.starts.points import needs_sample, sample_size
from fastgmm.validation import as_generator, check_enough_rows
from fastgmm.validation.gaps import check_observed, never_together
from fastgmm.values import dataclass


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


def fit(data: Data, plan: Plan, hooks: Hooks | None = None, sample: Sample | None = None) -> Fit:
    """The best run of the starts; one that degenerates is dropped while another survives.

    The sample for the starts is that of the plan, where it has one, or else it is drawn.
    Numbers that overflow on the way end in an error of the package's own, which says what to do.
    """
    hooks = hooks or Hooks()
    check_memory(plan, data, hooks)
    run = small_run(data, plan, hooks) if sample is None else None
    if run is not None:
        if isinstance(plan.random_state, np.random.Generator | np.random.RandomState):
            # It moves on as in every other fit, though the kernel needs no number of it.
            seed_of(plan)
        return of_one_start(run, data.extent)
    saved = None if hooks.checkpoint is None else hooks.checkpoint.load()
    if saved is not None:
        data.go_on(saved.extent)
    # Not as a decorator: before NumPy 2 threads would share its one object.
    with np.errstate(over="ignore", invalid="ignore"):
        return _RunningFit(data, plan, hooks, saved, sample or plan.sample).best()


def seed_of(plan: Plan) -> int:
    """The seed of a fit by a plan: the plan's own, or the next number of its random state."""
    if plan.seed is not None:
        return plan.seed
    return int(as_generator(plan.random_state).integers(2**63))


def of_one_start(run: Run, extent: Extent) -> Fit:
    """The fit of rows of an extent, of which this is the only run."""
    return Fit(run, (Initialization(0, run.lower_bound, chosen=True),), extent.in_rows)


def fit_keeping(data: Data, plan: Plan, hooks: Hooks, keep: Callable[[Fit], object]) -> Fit:
    """As `fit`; of one that fails or is interrupted, `keep` gets what the last whole pass has made.

    It is for data whose passes cost time.
    """
    last: list[Callable[[], Run]] = []

    def note(run: Callable[[], Run]) -> None:
        last[:] = [run]

    try:
        return fit(data, plan, replace(hooks, after_pass=note))
    except BaseException:
        if last:
            keep(Fit(last[0]()))
        raise


class _RunningFit:
    """A fit under way; what its starts share is made when it is first asked for."""

    def __init__(
        self,
        data: Data,
        plan: Plan,
        hooks: Hooks,
        saved: Checkpointed | None = None,
        sample: Sample | None = None,
    ) -> None:
        self._given = sample
        self._data, self._hooks, self._saved = data, hooks, saved
        self.n_threads = data.n_threads
        self._plan = plan
        regularizing = plan.settings.regularizing
        drawing = plan.warm is None and needs_sample(plan.start)
        looking = drawing or regularizing.needs_rows or regularizing.prior is not None
        if looking and saved is None:
            self.drawn  # noqa: B018 -- the walk that draws it counts the rows as well
        extent = data.extent
        self._apart: tuple[tuple[int, int], ...] = ()
        if (together := data.together) is not None:
            check_observed(together, data.names)
            if model_of(plan.start.covariance_type).form is MATRIX:
                self._apart = never_together(together)
        check_enough_rows(extent.n_samples, plan.start.n_components)
        check_enough_rows(extent.n_counted, plan.start.n_components)
        if saved is not None and saved.run.mixture is not None:
            plan = replace(plan, family=plan.family.following(saved.run.mixture))
        if (family := plan.family.for_rows(data)) is not plan.family:
            plan = replace(plan, family=family)
        self._plan = plan
        self._row_weight = min(1.0, extent.weight / max(extent.n_counted, 1))
        self._regularization = self._resolved()
        # What the starts ask for while this is being made.
        self._narrow: Narrow | None = None
        self._narrow = narrowed(data, plan, self._hooks, self, self._regularization)
        self._em_data: Data = data
        if self._narrow is not None:
            self._regularization = self._narrow.within
            self._em_data = self._narrow.span.data(data.n_threads)
        start = plan.start
        if self._regularization is not start.regularization:
            start = replace(start, regularization=self._regularization)
        if not model_of(start.covariance_type).form.linear:
            # What factors need is loaded with the first of them.
            from fastgmm.starts.factors import begun_as

            start = begun_as(start)
        self._beginnings = Beginnings(data, plan, start, self, self._over_all)
        self._reached = {} if saved is None else {one.index: one for one in saved.reached}

    @lazy
    def seed(self) -> int:
        """What all random numbers of the fit come from."""
        if self._saved is not None and self._saved.seed is not None:
            return self._saved.seed
        return seed_of(self._plan)

    @lazy
    def sample(self) -> Sample:
        """The rows that starts are made from, and to which collapsed components may be moved."""
        return self._plan.family.for_start(self.drawn)

    @lazy
    def drawn(self) -> Sample:
        """The rows that are drawn of all."""
        if self._given is not None:
            return self._given
        size = sample_size(self._plan.start, self._data.n_features)
        drawn = self._data.sample(self.seed, size)
        if not self._data.gapped:
            return drawn
        # What gaps need is loaded with the first of them.
        from fastgmm.starts.gaps import filled

        return filled(drawn, self.n_threads)

    @property
    def span(self) -> Span | None:
        """The directions in which the fit is done, where the rows are few."""
        return None if self._narrow is None else self._narrow.span

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the rows that the fit is done with."""
        return self._em_data.dtype

    @property
    def given(self) -> Mixture | None:
        """The only mixture to begin with, where the user's is in other coordinates than the fit."""
        return None if self._narrow is None else self._narrow.given

    def _resolved(self) -> Regularization:
        if self._saved is not None:
            return self._saved.run.regularization
        regularizing = self._plan.settings.regularizing
        if regularizing.row_weight != self._row_weight:
            regularizing = replace(regularizing, row_weight=self._row_weight)
        return regularizing.of_rows(lambda: self.sample, self._data.n_features)

    def best(self) -> Fit:
        """Run EM turn by turn, and return the best run.

        A run that leaves a component with next to nothing is worth less than any other.  More turns
        than are wanted are taken only until one survives.
        """
        best = None if self._saved is None else self._saved.best
        rank: tuple[bool, float] | None = None  # of the best, where it is known
        failure: IllDefinedCovarianceError | None = None
        if self._saved is not None:
            self._saved.check_for(self._data.n_features)
        turn = 0 if self._saved is None else self._saved.init
        while best is None or turn < self._beginnings.n_wanted:
            run = self._run(turn, best)
            if run is None:
                break
            better = run.failure is None
            if better and best is not None:
                rank, own = rank or self._rank(best), self._rank(run)
                better = own > rank
                rank = own if better else rank
            self._note_end(turn, run, better)
            best, failure = run if better else best, run.failure or failure
            if run.stopped:
                break
            turn += 1
        if self._plan.spares is not None and self._stretches is not None:
            self._stretches.end()
        if best is None:
            assert failure is not None
            raise failure
        reached = [self._reached[i] for i in sorted(self._reached)]
        if self._narrow is not None:
            reached = [self._narrow.reached(one) for one in reached]
        return Fit(self._of_rows(best), tuple(reached), self._n_rows, self._apart)

    @property
    def _n_rows(self) -> float:
        """What all rows weigh, in rows: their weight, or their number where they are lighter."""
        return self._data.extent.in_rows

    def _rank(self, run: Run) -> tuple[bool, float]:
        """What the best run has most of."""
        assert run.mixture is not None
        weak = self._plan.family.collapses and is_weak(
            run.mixture, run.regularization, self._n_rows
        )
        return not weak, run.lower_bound

    def _note_end(self, turn: int, run: Run, better: bool) -> None:
        """Note what the start of a turn has reached, and whether that is the best so far."""
        index, reached = self._beginnings.index(turn), self._reached
        before = reached.get(index)
        failed = run.failure is not None and before is not None and not before.chosen
        if before is None or before.failure is not None or failed:
            reached[index] = _reached(index, run, better)
        if better:
            for i, one in reached.items():
                if one.chosen != (i == index):
                    reached[i] = replace(one, chosen=i == index)

    def _over_all(self) -> Stretches | None:
        # Starts go on by maximum likelihood, whatever the family.
        return self._stretches if self._plan.family is MAXIMUM_LIKELIHOOD else None

    def _run(self, init: int, best: Run | None) -> Run | None:
        """The run of one turn, without a mixture if it degenerates; None if there is none."""
        settings, start, saved = self._plan.settings, self._plan.start, self._saved
        earlier = saved.run if saved is not None and saved.init == init else None
        if earlier is not None and earlier.ended:
            return earlier
        if earlier is not None and (known := earlier.search) is not None:
            assert earlier.mixture is not None
            search = self._rules.search(earlier.mixture.covariance_model, known.weight)
            if isinstance(search, Search):
                earlier = replace(earlier, search=search.going_on(known))
        reporter = Reporter(settings.verbose, settings.verbose_interval, init)
        repairer = Repairer(
            settings.on_collapse,
            self._regularization,
            self._row_weight,
            self._narrow or self,
            self.n_threads,
            () if earlier is None else earlier.repairs,
        )
        restricted = model_of(start.covariance_type).restrict is not None
        if (self._data.gapped or restricted) and self._regularization.none:
            repairer.count_as_zero(self.sample.rows.var(axis=0, dtype=np.float64))
        passes = Passes(
            self._em_data,
            start.covariance_type,
            start.n_components,
            self._regularization.reg_covar,
            settings.stopping.over(self._rules.unit).target,
        )
        save = partial(self._save, init, best)
        watch = Watch(self._hooks, init, reporter, self._outside, save, self._of_rows)
        begun = earlier or self._begun(init)
        if begun is None:
            return None
        one_pass = passes if self._narrow is None else self._narrow.entering(passes)
        family = self._plan.family
        repairs = repairer.spare(family.spared) if family.collapses else None
        run = run_em(begun, one_pass, self._rules, repairs, watch, self._stretches)
        if run.failure is None:
            reporter.end(run, self._outside)
        return run

    @lazy
    def _outside(self) -> float:
        """What the densities of the rows have beside those that the fit computes."""
        return 0.0 if self._narrow is None else self._narrow.outside

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
            dtype=self._em_data.dtype,
            unit=self._data.extent.weight if self._plan.family.sums_up else 1.0,
        )

    @lazy
    def _stretches(self) -> Stretches | None:
        """Compiled iterations, for one run after the other; None where there are none."""
        start = self._plan.start
        kind, k = start.covariance_type, start.n_components
        spares = self._plan.spares if self._narrow is None else None
        return stretches_over(self._em_data, kind, k, self._rules, spares)

    def _begun(self, turn: int) -> Run | None:
        """The run before its first iteration, which may have failed already; None without one."""
        try:
            if turn == 0:
                for one in self._beginnings.promises:
                    self._reached[one.index] = Initialization(
                        one.index, one.value, failure=one.failure
                    )
            mixture = self._beginnings.mixture(turn)
        except IllDefinedCovarianceError as error:
            return Run(None, -np.inf, failure=error, regularization=self._regularization)
        if mixture is None:
            return None
        weight, ridge = self._data.extent.weight, self._regularization
        begun = self._rules.begun(self._plan.family.begun(mixture, ridge, weight))
        if self._beginnings.turns is None or self._data.gapped or self._data.labelled:
            return begun
        return approached(begun, self.sample, self._data.extent, self._rules, self.n_threads)

    def _save(self, init: int, best: Run | None, run: Run) -> None:
        """Write the checkpoint."""
        assert self._hooks.checkpoint is not None
        data, reached = self._data, tuple(self._reached.values())
        self._hooks.checkpoint.save(
            Checkpointed(init, run, best, self.seed, data.extent, data.names, reached)
        )

    def _of_rows(self, run: Run) -> Run:
        """The run of the rows themselves, wherever the fit is done."""
        return run if self._narrow is None else self._narrow.run(run)


def _reached(index: int, run: Run, chosen: bool) -> Initialization:
    if run.failure is not None:
        return Initialization(index, -np.inf, failure=str(run.failure))
    return Initialization(index, run.lower_bound, chosen)
