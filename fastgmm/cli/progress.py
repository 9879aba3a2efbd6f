"""Progress on a terminal: of the iterations of a fit, of the fits of a grid, of a stream."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from fastgmm import Candidate, Iteration
from fastgmm.cli.terminal import say
from fastgmm.errors import missing_package_text


class _Bar:
    """A line on standard error that is cleared at the end; nothing where that is no terminal."""

    def __init__(self, quiet: bool, **options: Any) -> None:
        self._bar: Any = None
        if quiet or sys.stderr is None or not sys.stderr.isatty():
            return
        try:
            # tqdm belongs to an extra, and nothing but a bar needs it.
            from tqdm import tqdm
        except ImportError:
            say(f"note: {missing_package_text('progress needs', 'tqdm', 'cli')}")
            return
        self._bar = tqdm(file=sys.stderr, leave=False, **options)

    def __enter__(self) -> Self:
        """The bar itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Clear the line, before anything else is written to the terminal."""
        if self._bar is not None:
            self._bar.close()


class Progress(_Bar):
    """A callback for `fit` that shows the iterations on a terminal, and a context that cleans up.

    Parameters
    ----------
    max_iter : int
        The most iterations of a start.
    n_init : int
        The number of starts.
    quiet : bool
        Show nothing; nor is anything shown where standard error is not a terminal.
    bound : str, default="log-likelihood"
        What the lower bound of an iteration is called.
    """

    def __init__(
        self, max_iter: int, n_init: int, *, quiet: bool, bound: str = "log-likelihood"
    ) -> None:
        super().__init__(quiet, total=max_iter, unit="it")
        self._what = bound
        self._n_init = n_init
        self._start = 0

    def __call__(self, iteration: Iteration) -> None:
        """Show one iteration.

        Parameters
        ----------
        iteration : Iteration
            What `fit` passes.
        """
        if self._bar is None:
            return
        if iteration.init != self._start:
            self._start = iteration.init
            self._bar.reset()
        if self._n_init > 1:
            self._bar.set_description(f"start {iteration.init + 1} of {self._n_init}", False)
        self._bar.set_postfix_str(
            f"{self._what} {iteration.lower_bound:.6f}, change {iteration.change:.1e}", False
        )
        self._bar.update(iteration.n_iter - self._bar.n)


class GridProgress(_Bar):
    """A callback for `select` that shows how many fits have ended, and a context that cleans up.

    Parameters
    ----------
    n_fits : int
        The number of fits in the grid.
    quiet : bool
        Show nothing; nor is anything shown where standard error is not a terminal.
    """

    def __init__(self, n_fits: int, *, quiet: bool) -> None:
        super().__init__(quiet, total=n_fits, unit="fit")

    def __call__(self, candidate: Candidate) -> None:
        """Show one fit that has ended.

        Parameters
        ----------
        candidate : Candidate
            What `select` passes.
        """
        if self._bar is not None:
            self._bar.set_postfix_str(
                f"{candidate.covariance_type} {candidate.n_components}", False
            )
            self._bar.update()


class StreamProgress(_Bar):
    """A bar that shows the passes over batches: rows, time left in this pass, log-likelihood.

    Parameters
    ----------
    n_rows : int, optional
        Rows per pass, where known before the first.
    quiet : bool
        Show nothing; nor is anything shown where standard error is not a terminal.
    bound : str, default="log-likelihood"
        What the lower bound of a pass is called.
    """

    def __init__(self, n_rows: int | None, *, quiet: bool, bound: str = "log-likelihood") -> None:
        self._what = bound
        super().__init__(quiet, total=n_rows, unit=" rows", unit_scale=True, desc="start")
        self.n_rows = 0
        self._known = n_rows

    def counted(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Walk over the batches once, and show how far the walk is."""
        if self._bar is not None:
            self._bar.reset(self._known or self.n_rows or None)
        n_rows = 0
        for item in batches:
            n_rows += len(item[0] if isinstance(item, tuple) else item)
            if self._bar is not None:
                self._bar.update(n_rows - self._bar.n)
            yield item
        self.n_rows = n_rows

    def iteration(self, iteration: Iteration) -> None:
        """Show one pass that has ended, as `fit_batches` passes it."""
        if self._bar is not None:
            self._bar.set_description(f"pass {iteration.n_iter + 1}", False)
            self._bar.set_postfix_str(
                f"{self._what} {iteration.lower_bound:.6f}, change {iteration.change:.1e}", False
            )


class RowProgress(_Bar):
    """A bar of the rows whose results are written.

    Parameters
    ----------
    n_rows : int, optional
        How many there are, where that is known.
    quiet : bool
        Show nothing; nor is anything shown where standard error is not a terminal.
    to_file : bool
        Whether results go to a file; on a terminal they would run into the bar.
    """

    def __init__(self, n_rows: int | None, *, quiet: bool, to_file: bool) -> None:
        shown = sys.stdout is not None and sys.stdout.isatty()
        super().__init__(
            quiet or (shown and not to_file), total=n_rows, unit=" rows", unit_scale=True
        )

    def done(self, n_rows: int) -> None:
        """Show that so many more rows are done."""
        if self._bar is not None:
            self._bar.update(n_rows)
