"""Checkpoints: where a fit is after each pass, as a value that a file can hold."""

from typing import Protocol

import numpy as np

from fastgmm.archive import checks
from fastgmm.data.extent import Extent
from fastgmm.em.run import Run
from fastgmm.fits.reached import Initialization
from fastgmm.values import dataclass

LEAST_WEIGHT = 5e-324
"""Rows that count weigh at least this: the smallest positive number."""


@dataclass(frozen=True, eq=False)
class Checkpointed:
    """Where a fit is after a pass.

    Parameters
    ----------
    init : int
        The index of the start that runs.
    run : Run
        The run of that start so far.
    best : Run, optional
        The best of the starts before.
    seed : int, optional
        What all random numbers of the fit come from.
    extent : Extent
        The number and weights of the rows.
    names : ndarray of shape (D,), optional
        The names of the features.
    reached : tuple of Initialization
        What the starts before have reached.
    """

    init: int
    run: Run
    best: Run | None
    seed: int | None
    extent: Extent
    names: np.ndarray | None
    reached: tuple[Initialization, ...]

    def check(self) -> None:
        """Raise ValueError where a fit, reading this from a file, could not go on from it."""
        mixture = self.run.mixture
        assert mixture is not None
        checks.check_count("the index of the start", self.init)
        checks.check_count("the seed", 0 if self.seed is None else self.seed)
        checks.check_names(self.names, mixture.n_features)
        extent = self.extent
        checks.check_count("the number of counted rows", extent.n_counted, 1)
        checks.check_count("the number of rows", extent.n_samples, extent.n_counted)
        for name in ("weight", "lightest", "heaviest"):
            checks.check_number(f"{name} of the rows", getattr(extent, name), LEAST_WEIGHT)
        if not extent.lightest <= min(1.0, extent.heaviest):
            raise ValueError("the lightest row must not be heavier than the heaviest")
        best = None if self.best is None else self.best.mixture
        if best is not None and not mixture.is_like(best):
            raise ValueError("the runs of a fit have mixtures that are like each other")

    def check_for(self, n_features: int) -> None:
        """Raise ValueError where a fit over so many features cannot go on."""
        mixture = self.run.mixture
        if mixture is None or mixture.n_features != n_features:
            raise ValueError(
                f"the checkpoint is of a fit of other rows, and this fit is over rows of "
                f"{n_features} features: remove the checkpoint's file"
            )


class Checkpoint(Protocol):
    """The place where one fit keeps where it is, such as a file."""

    def load(self) -> Checkpointed | None:
        """What was saved last; None if nothing was saved."""

    def save(self, checkpointed: Checkpointed) -> None:
        """Save this in the place of what was saved before, in one step."""
