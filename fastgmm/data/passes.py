"""A pass hands all parts of the data to an accumulator, and returns what that has summed up.

Data know no mixture and no EM.  Whoever wants a pass hands in a function that makes an
accumulator: rows in memory and batches make one, and a cluster makes one per partition and adds
what they give in the order of the partitions.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.sample import Sample

Sums_co = TypeVar("Sums_co", covariant=True)
"""The type of the sums that an accumulator gives."""
Sums = TypeVar("Sums")
"""The type of the sums that a pass returns."""
OfRows = Callable[[np.ndarray, np.ndarray | None], Sums]
"""A function of rows (n, D) and their sample weights (n,) or None, the results of which add."""


class Accumulator(Protocol[Sums_co]):
    """Sums over parts, which come in the order of the rows; the same parts give the same bits."""

    def add(self, part: Part) -> None:
        """Take one more part."""

    def statistics(self) -> Sums_co:
        """The sums of all parts; no part may come after them."""

    def joined(self, sums: Any, following: Any) -> Sums_co:
        """The sums of parts that two accumulators have taken, made of what each has given."""


class Data(Protocol):
    """The rows that EM runs over, wherever they are."""

    n_threads: int | None

    @property
    def names(self) -> np.ndarray | None:
        """(D,): the names of the features, or None where they have none."""

    @property
    def extent(self) -> Extent:
        """The number and weights of all rows."""

    @property
    def n_features(self) -> int:
        """The number of features, D."""

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the rows: float32 or float64."""

    @property
    def resident(self) -> Part | None:
        """The one part that every pass adds, where all rows stay in memory; else None."""

    @property
    def bounded(self) -> Part | None:
        """The part of complete rows without labels that stays in memory, where there is one.

        Bounds can be carried along with its rows.
        """

    @property
    def labelled(self) -> bool:
        """Whether some rows may be of some components only."""

    @property
    def gapped(self) -> bool:
        """Whether numbers of the rows may be missing."""

    @property
    def together(self) -> np.ndarray | None:
        """(D, D): in how many rows both columns were observed; None where that was not counted."""

    def go_on(self, extent: Extent) -> None:
        """Go on with what an earlier run has counted, without a first look at the rows."""

    def sample(self, seed: int, size: int) -> Sample:
        """At most `size` rows, drawn by a seed, for the start."""

    def pass_over(self, make: Callable[[], Accumulator[Sums]]) -> Sums:
        """The sums of the accumulator that `make` returns, to which all parts were added."""
