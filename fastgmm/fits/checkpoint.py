"""Checkpoints: where a fit is after each pass, as a value that a file can hold."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.em.loop import Run
from fastgmm.fits.initialization import Initialization


@dataclass(frozen=True, eq=False)
class Checkpointed:
    """Where a fit is.

    Parameters
    ----------
    init : int
        Index of the start that runs.
    run : Run
        It, so far.
    best : Run, optional
        The best of the starts before.
    seed : int, optional
        What all random numbers of the fit come from.
    extent, names
        Of the data.
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


class Checkpoint(Protocol):
    """The file of one fit."""

    def load(self) -> Checkpointed | None:
        """What was saved last; None if nothing was."""

    def save(self, checkpointed: Checkpointed) -> None:
        """Take the place of what was saved before, in one step."""
