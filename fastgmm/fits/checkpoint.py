"""Checkpoints: where a fit is after each pass, as a value that a file can hold."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.em.loop import Run
from fastgmm.fits.reached import Initialization


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


class Checkpoint(Protocol):
    """The place where one fit keeps where it is, such as a file."""

    def load(self) -> Checkpointed | None:
        """What was saved last; None if nothing was saved."""

    def save(self, checkpointed: Checkpointed) -> None:
        """Save this in the place of what was saved before, in one step."""
