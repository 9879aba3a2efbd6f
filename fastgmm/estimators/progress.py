"""A bar that shows how far a fit, or a choice among fits, is: in a terminal or a notebook."""

from __future__ import annotations

import sys
from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from fastgmm.em.run import Iteration
from fastgmm.errors import missing_package_error
from fastgmm.estimators.candidate import Candidate
from fastgmm.estimators.many import GroupFit
from fastgmm.limits.scalars import as_float, shown


def progress_bar(total: int | None = None, *, delay: float = 2.0) -> ProgressBar:
    """A bar that `fit`, `fit_batches`, `select` and `fit_many` take as their `callback`.

    It shows the iterations with the log-likelihood and its last change, or how many fits have
    ended, in a terminal or a notebook, and is gone at the end.

    Parameters
    ----------
    total : int, optional
        How many iterations or fits there are at the most, such as `max_iter`, for the time that is
        left.  Most fits end before `max_iter`.
    delay : float, default=2.0
        Nothing is shown of fits that take no longer than so many seconds.

    Returns
    -------
    ProgressBar
        A callback, and a context that removes the bar at its end.

    Raises
    ------
    ImportError
        If tqdm is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> model = fastgmm.GaussianMixture(3, random_state=0)
    >>> model.fit(X, callback=fastgmm.progress_bar())
    GaussianMixture(n_components=3, random_state=0)
    """
    return ProgressBar(total, delay)


class ProgressBar:
    """What `progress_bar` makes."""

    def __init__(self, total: int | None, delay: float) -> None:
        # NumPy calls times integers, which they are not.
        number = isinstance(total, Integral) and not isinstance(total, np.timedelta64)
        if total is not None and not (number and int(total) >= 0):
            raise ValueError(f"total is a number of iterations or fits, got {shown(total)}.")
        if not isinstance(delay, Real) or not as_float(delay) >= 0.0:
            raise ValueError(f"delay is a number of seconds, got {shown(delay)}.")
        try:
            # tqdm belongs to an extra, and nothing but a bar needs it.
            from tqdm.auto import tqdm
        except ImportError as error:
            raise missing_package_error("A progress bar needs", "tqdm", "cli") from error
        several = None if total is None else int(total)
        self._bar: Any = tqdm(
            total=several, delay=as_float(delay), leave=False, unit="it", file=sys.stderr
        )

    def __call__(self, event: Iteration | Candidate | GroupFit) -> None:
        """Show one iteration, or one fit among many.

        Parameters
        ----------
        event : Iteration, Candidate or GroupFit
            What `fit`, `fit_batches`, `select` or `fit_many` passes.
        """
        if not isinstance(event, Iteration):
            self._bar.unit = "fit"
            if isinstance(event, Candidate):
                self._bar.set_postfix_str(f"{event.covariance_type} {event.n_components}", False)
            self._bar.update()
            return
        if event.n_iter <= self._bar.n:  # another start, or another fit
            # Its own reset would draw the bar before the delay is over.
            self._bar.n = self._bar.last_print_n = 0
        if event.init > 0:
            self._bar.set_description(f"start {event.init + 1}", False)
        numbers = f"{event.lower_bound:.6f}, change {event.change:.1e}"
        self._bar.set_postfix_str(f"log-likelihood {numbers}", False)
        self._bar.update(event.n_iter - self._bar.n)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()

    def __enter__(self) -> Self:
        """The bar itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar, before anything else is printed."""
        self.close()
