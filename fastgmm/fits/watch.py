"""Those who look on while one start runs: what is printed, the user's callback, the checkpoint."""

from collections.abc import Callable
from functools import partial

import numpy as np

from fastgmm.em.run import Iteration, Run
from fastgmm.fits.plan import Hooks
from fastgmm.fits.verbose import Reporter
from fastgmm.values import dataclass


@dataclass(frozen=True, eq=False)
class Watch:
    """The observer of one start's run.

    Parameters
    ----------
    hooks : Hooks
        Those of the fit.
    init : int
        The number of the start, from zero.
    reporter : Reporter
        It prints.
    outside : float
        What the densities of the rows have beside those that the run computes, in nats per row.
    save : callable
        save(run) writes the checkpoint, where the hooks have one.
    of_rows : callable
        of_rows(run) is the run of the rows themselves, wherever it is done.
    """

    hooks: Hooks
    init: int
    reporter: Reporter
    outside: float
    save: Callable[[Run], None]
    of_rows: Callable[[Run], Run]

    @property
    def idle(self) -> bool:
        """Whether nobody wants to see iterations, or keep them."""
        return self.hooks.callback is None and not self.keeps and not self.reporter.verbose

    @property
    def keeps(self) -> bool:
        """Whether runs are written down, or shown to somebody who does."""
        return self.hooks.checkpoint is not None or self.hooks.after_pass is not None

    def cancelled(self) -> bool:
        """Whether the fit is to end where it is."""
        return self.hooks.cancelled is not None and self.hooks.cancelled()

    def iterated(self, run: Run, change: float) -> bool:
        """Print one iteration and hand it to the callback; True ends the start."""
        callback = self.hooks.callback
        if callback is None and not self.reporter.verbose:
            return False
        bound = run.lower_bounds[-1] + self.outside
        iteration = Iteration(len(run.lower_bounds), bound, change, self.init)
        self.reporter.iterated(iteration)
        answer = None if callback is None else callback(iteration)
        return isinstance(answer, bool | np.bool_) and bool(answer)

    def passed(self, run: Run) -> None:
        """Write the checkpoint after an M-step, and show the run to whoever asked for it."""
        if self.hooks.checkpoint is not None:
            self.save(run)
        if self.hooks.after_pass is not None:
            self.hooks.after_pass(partial(self.of_rows, run))
