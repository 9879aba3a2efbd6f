"""A fit: starts, a run of EM from each, the best of them; with a checkpoint after every pass."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from fastgmm.checkpoint import Checkpoint, State
from fastgmm.data import BatchData, Data
from fastgmm.em import Iteration, Run, run_em
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.initialization import Start, initial_parameters, needs_sample, sample_size
from fastgmm.parameters import Parameters
from fastgmm.progress import Reporter
from fastgmm.validation import check_enough_rows

Callback = Callable[[Iteration], object]


@dataclass(frozen=True)
class Settings:
    """The constructor's parameters that matter to the loop."""

    tol: float
    max_iter: int
    n_init: int
    verbose: int
    verbose_interval: int


def best_run(
    data: Data,
    start: Start,
    settings: Settings,
    draw_seed: Callable[[], int],
    *,
    warm: Parameters | None = None,
    lower_bound: float = float("-inf"),
    callback: Callback | None = None,
    checkpoint: Checkpoint | None = None,
    after_pass: Callable[[Run], None] | None = None,
) -> Run:
    """The best of `n_init` runs; a start that degenerates is dropped while another survives.

    `warm` parameters take the place of all starts, and their lower bound that of an iteration
    before.
    """
    state = checkpoint.load() if checkpoint is not None else None
    if state is not None and isinstance(data, BatchData):
        data.go_on(state.extent)
    known = None if state is None else state.seed
    seed = cache(lambda: draw_seed() if known is None else known)
    sample = cache(lambda: data.sample(seed(), lambda d: sample_size(start, d)))
    drawing = warm is None and needs_sample(start)
    if drawing and state is None:
        sample()  # the walk that draws it counts the rows as well
    check_enough_rows(data.extent.n_samples, start.n_components)
    check_enough_rows(data.extent.n_counted, start.n_components)
    best = state.best if state is not None else None
    failure: IllDefinedCovarianceError | None = None
    for init in range(0 if state is None else state.init, 1 if warm else settings.n_init):
        reporter = Reporter(settings.verbose, settings.verbose_interval, init)
        going_on = state.run if state is not None and state.init == init else None

        def begin(init: int = init, going_on: Run | None = going_on) -> Parameters:
            if going_on is not None and going_on.parameters is not None:
                return going_on.parameters
            return warm or initial_parameters(
                sample, start, data.dtype, seed, index=init, n_threads=data.n_threads
            )

        def note(run: Run, init: int = init, best: Run | None = best) -> None:
            if checkpoint is not None:
                checkpoint.save(State.of(data, init, run, best, seed() if drawing else None))
            if after_pass is not None:
                after_pass(run)

        if going_on is not None and (going_on.converged or going_on.stopped):
            run = going_on
        else:
            run = run_em(
                begin,
                data.passes(start.covariance_type, start.n_components, start.reg_covar),
                tol=settings.tol,
                max_iter=settings.max_iter,
                reg_covar=start.reg_covar,
                lower_bound=lower_bound,
                init=init,
                callback=reporter.chained(callback),
                earlier=() if going_on is None else going_on.lower_bounds,
                after_pass=note if checkpoint is not None or after_pass is not None else None,
            )
        if run.failure is not None:
            failure = run.failure
            continue
        reporter.end(run)
        if best is None or run.lower_bound > best.lower_bound:
            best = run
        if run.stopped:
            break
    if best is None:
        assert failure is not None
        raise failure
    return best
