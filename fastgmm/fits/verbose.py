"""What `verbose` prints of a fit."""

import time

from fastgmm.em.run import Iteration, Run


class Reporter:
    """It prints the iterations of one start to standard output.

    `verbose` 0 prints nothing, 1 their numbers, 2 changes and times too.
    """

    def __init__(self, verbose: int, interval: int, init: int) -> None:
        self.verbose, self.interval = int(verbose), interval
        self.begin = self.last = time.perf_counter()
        if self.verbose:
            print(f"Initialization {init}")

    def iterated(self, iteration: Iteration) -> None:
        """Print one iteration, where it is one of those to be printed."""
        if self.verbose and iteration.n_iter % self.interval == 0:
            self._print(iteration)

    def _print(self, iteration: Iteration) -> None:
        if self.verbose == 1:
            print(f"  Iteration {iteration.n_iter}")
            return
        now = time.perf_counter()
        print(
            f"  Iteration {iteration.n_iter}\t time lapse {now - self.last:.5f}s"
            f"\t ll change {iteration.change:.5e}"
        )
        self.last = now

    def end(self, run: Run, outside: float = 0.0) -> None:
        """Say how the start ended; the lower bound of the run lacks what is `outside` of it."""
        if not self.verbose:
            return
        how = (
            "converged"
            if run.converged
            else "stopped by the callback"
            if run.stopped
            else "did not converge"
        )
        detail = ""
        if self.verbose > 1:
            detail = (
                f" time lapse {time.perf_counter() - self.begin:.5f}s"
                f"\t lower bound {run.lower_bound + outside:.5f}."
            )
        print(f"Initialization {how}.{detail}")
