"""A fit: starts, a run of EM from each, the best of them; with a checkpoint after every pass."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from fastgmm.data.rows import BatchData, Data
from fastgmm.data.sample import Sample
from fastgmm.em.collapse import Repairer
from fastgmm.em.loop import Iteration, Run, run_em
from fastgmm.em.priors import Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import Stopping
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits.checkpoint import Checkpoint, State
from fastgmm.fits.verbose import Reporter
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.methods import initial_parameters
from fastgmm.starts.points import Start, StartRows, needs_sample, sample_size
from fastgmm.starts.ward import ward_comparison
from fastgmm.typing import Acceleration, OnCollapse
from fastgmm.validation import check_enough_rows

Callback = Callable[[Iteration], object]


@dataclass(frozen=True)
class Settings:
    """The constructor's parameters that matter to the loop."""

    stopping: Stopping
    n_init: int
    regularizing: Regularizing
    acceleration: Acceleration | None = None
    on_collapse: OnCollapse = "repair"
    verbose: int = 0
    verbose_interval: int = 10


@dataclass(frozen=True)
class Initialization:
    """What one start has reached.

    Parameters
    ----------
    index : int
        Below ``n_init``.
    lower_bound : float
        Mean log-likelihood per row: at the end of its run, or, of candidates that were compared on
        a subset of the rows, after a few passes there; -inf where it degenerated.
    chosen : bool
        Whether the fit is what became of it.
    failure : str, optional
        What made it degenerate.

    Examples
    --------
    >>> import fastgmm
    >>> X = [[0.0], [0.5], [1.0], [4.0], [4.5], [5.0]]
    >>> model = fastgmm.GaussianMixture(2, n_init=3, init_params="kmeans", random_state=0).fit(X)
    >>> [one.index for one in model.initializations_]
    [0, 1, 2]
    >>> sum(one.chosen for one in model.initializations_)
    1
    """

    index: int
    lower_bound: float
    chosen: bool = False
    failure: str | None = None


@dataclass(frozen=True)
class Fit:
    """What a fit has found: the best run, and what each start has reached."""

    run: Run
    initializations: tuple[Initialization, ...] = ()


def fit(
    data: Data,
    start: Start,
    settings: Settings,
    draw_seed: Callable[[], int],
    *,
    warm: Mixture | None = None,
    history: tuple[float, ...] = (),
    callback: Callback | None = None,
    checkpoint: Checkpoint | None = None,
    after_pass: Callable[[Run], None] | None = None,
    sample: Callable[[], Sample] | None = None,
) -> Fit:
    """The best of the starts; one that degenerates is dropped while another survives.

    `warm` parameters take the place of all starts, and `history` that of the iterations before;
    `sample` that of rows drawn from the data.
    """
    # numbers that overflow end in an error of ours, which says what to do
    with np.errstate(over="ignore", invalid="ignore"):
        return _fit(
            data,
            start,
            settings,
            draw_seed,
            warm,
            history,
            callback,
            checkpoint,
            after_pass,
            sample,
        )


def _fit(
    data: Data,
    start: Start,
    settings: Settings,
    draw_seed: Callable[[], int],
    warm: Mixture | None,
    history: tuple[float, ...],
    callback: Callback | None,
    checkpoint: Checkpoint | None,
    after_pass: Callable[[Run], None] | None,
    sample: Callable[[], Sample] | None,
) -> Fit:
    state = checkpoint.load() if checkpoint is not None else None
    if state is not None and isinstance(data, BatchData):
        data.go_on(state.extent)
    seed = cache(lambda: draw_seed() if state is None or state.seed is None else state.seed)
    sample = sample or cache(lambda: data.sample(seed(), lambda d: sample_size(start, d)))
    drawing = warm is None and needs_sample(start)
    regularizing = settings.regularizing
    if (drawing or regularizing.needs_rows or regularizing.prior is not None) and state is None:
        sample()  # the walk that draws it counts the rows as well
    check_enough_rows(data.extent.n_samples, start.n_components)
    check_enough_rows(data.extent.n_counted, start.n_components)
    row_weight = min(1.0, data.extent.weight / max(data.extent.n_counted, 1))
    regularizing = replace(regularizing, row_weight=row_weight)
    if state is not None:
        regularization = state.run.regularization
    elif regularizing.needs_rows:
        regularization = regularizing.of_sample(sample())
    else:
        regularization = regularizing.without_rows(data.n_features)
    starts = _Starts(
        data,
        replace(start, regularization=regularization),
        settings,
        sample,
        seed,
        regularization,
        row_weight,
    )
    return starts.best(warm, history, callback, checkpoint, after_pass, state)


@dataclass(frozen=True)
class _Starts:
    """The starts of one fit."""

    data: Data
    start: Start
    settings: Settings
    sample: Callable[[], Sample]
    seed: Callable[[], int]
    regularization: Regularization
    row_weight: float

    def best(
        self,
        warm: Mixture | None,
        history: tuple[float, ...],
        callback: Callback | None,
        checkpoint: Checkpoint | None,
        after_pass: Callable[[Run], None] | None,
        state: State | None,
    ) -> Fit:
        """Run from each start, or from the best candidate."""
        best = state.best if state is not None else None
        reached = [Initialization(**facts) for facts in state.reached] if state is not None else []
        failure: IllDefinedCovarianceError | None = None
        given = (self.start.weights, self.start.means, self.start.precisions)
        compared = (
            warm is None
            and self.start.method == "ward"
            and self.settings.n_init > 1
            and all(one is None for one in given)
        )
        n_runs = 1 if warm is not None or compared else self.settings.n_init
        first = 0 if state is None else state.init
        for init in range(first, n_runs):
            going_on = state.run if state is not None and state.init == init else None

            def begin(init: int = init) -> Mixture:
                if compared:
                    reached[:], candidate = self._compared()
                    return candidate
                return warm or self._from(init)

            def note(run: Run, init: int = init, best: Run | None = best) -> None:
                if checkpoint is not None:
                    facts = [vars(one) for one in reached]
                    checkpoint.save(State.of(self.data, init, run, best, self.seed(), facts))
                if after_pass is not None:
                    after_pass(run)

            noted = checkpoint is not None or after_pass is not None
            run = self._run(init, begin, going_on, history, callback, note if noted else None)
            if not compared:
                reached.append(_reached(init, run))
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
        if not compared:
            chosen = max(range(len(reached)), key=lambda i: reached[i].lower_bound)
            reached[chosen] = replace(reached[chosen], chosen=True)
        return Fit(best, tuple(reached))

    def _from(self, index: int) -> Mixture:
        return initial_parameters(
            self.sample,
            self.start,
            self.data.dtype,
            self.seed,
            index=index,
            n_threads=self.data.n_threads,
        )

    def _compared(self) -> tuple[list[Initialization], Mixture]:
        """The candidate that a few passes over a subset of the rows leave highest."""
        reached, failure = [], None
        comparison = ward_comparison(StartRows(self.sample(), self.start, self.data.n_threads))
        for index in range(self.settings.n_init):
            rows = StartRows(self.sample(), replace(self.start, index=index), self.data.n_threads)
            try:
                reached.append(Initialization(index, comparison.enter(rows)))
            except IllDefinedCovarianceError as error:
                failure = error
                reached.append(Initialization(index, -np.inf, failure=str(error)))
        if failure is not None and all(one.failure for one in reached):
            raise failure
        index, candidate, promise = comparison.best()
        reached[index] = replace(reached[index], lower_bound=promise, chosen=True)
        return reached, candidate

    def _run(
        self,
        init: int,
        begin: Callable[[], Mixture],
        earlier: Run | None,
        history: tuple[float, ...],
        callback: Callback | None,
        after_pass: Callable[[Run], None] | None,
    ) -> Run:
        if earlier is not None and (earlier.converged or earlier.stopped):
            return earlier
        settings = self.settings
        reporter = Reporter(settings.verbose, settings.verbose_interval, init)
        repairer = Repairer(
            settings.on_collapse,
            self.regularization,
            self.row_weight,
            self.sample,
            self.data.n_threads,
            () if earlier is None else earlier.repairs,
        )
        one_pass = self.data.passes(
            self.start.covariance_type, self.start.n_components, self.regularization.reg_covar
        )
        run = run_em(
            begin,
            one_pass,
            settings.stopping,
            self.regularization,
            acceleration=settings.acceleration,
            repairer=repairer,
            history=history,
            init=init,
            callback=reporter.chained(callback),
            earlier=earlier,
            after_pass=after_pass,
        )
        if run.failure is None:
            reporter.end(run)
        return run


def _reached(index: int, run: Run) -> Initialization:
    if run.failure is not None:
        return Initialization(index, -np.inf, failure=str(run.failure))
    return Initialization(index, run.lower_bound)
