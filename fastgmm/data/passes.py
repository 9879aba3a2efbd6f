"""A pass over data: an accumulator goes in, and comes back with what it has summed up.

Data knows no mixture and no EM.  Whoever wants a pass hands in a function that makes an
accumulator: rows in memory and batches make one, and a cluster makes one per partition and adds
what they give in the order of the partitions.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.sample import Sample

Sums_co = TypeVar("Sums_co", covariant=True)
Sums = TypeVar("Sums")


class Accumulator(Protocol[Sums_co]):
    """Sums over parts, which come in the order of the rows; the same parts give the same bits."""

    def add(self, part: Part) -> None:
        """Take one more part."""

    def statistics(self) -> Sums_co:
        """The sums of all parts; ends the accumulation."""


class Data(Protocol):
    """What EM runs over."""

    n_threads: int | None

    @property
    def names(self) -> np.ndarray | None:
        """(D,): names of the features, where they have any."""

    @property
    def extent(self) -> Extent:
        """Number and weights of the rows."""

    @property
    def n_features(self) -> int:
        """D."""

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: of the rows."""

    @property
    def resident(self) -> np.ndarray | None:
        """The rows (n, D) where all stay in memory, so that bounds can be carried along with them.

        None where they come and go, and where they come in several parts.
        """

    def go_on(self, extent: Extent) -> None:
        """Go on with what an earlier run has counted: no look at the rows is needed."""

    def sample(self, seed: int, size: int) -> Sample:
        """Rows for the start, at most so many."""

    def pass_over(self, make: Callable[[], Accumulator[Sums]]) -> Sums:
        """The sums of an accumulator to which all parts were added; `make` makes it."""
