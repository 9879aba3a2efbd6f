"""Partitions as data: rows that lie on the workers of a cluster, and stay there.

Only sums travel.  Those of the partitions are added along one fixed tree over the numbers of the
partitions: whoever computes them, and however many at a time, the additions are the same, and so
are the bits.
"""

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from operator import add
from typing import Any, Protocol, TypeVar

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.passes import Accumulator, OfRows, Sums
from fastgmm.data.patterns import parts_by_pattern, together
from fastgmm.data.sample import RowSampler, Sample
from fastgmm.lazy import lazy
from fastgmm.values import dataclass

Result = TypeVar("Result")
"""The type of what a function makes of one partition."""
Rows = tuple[np.ndarray, np.ndarray | None]
"""The rows (n, D) of a partition, and their sample weights (n,) or None."""
OfPartition = Callable[[int, np.ndarray, np.ndarray | None], Result]
"""A function of a partition's number, its rows and their sample weights; it can be sent away."""
Joined = Callable[[Any, Any], Any]
"""A function joined(result, following) of the results of neighbouring partitions."""
Nodes = dict[tuple[int, int], Any]
"""Results by their places (height, number) in the tree: a node of height h and number i is of the
partitions from i 2^h up to (i + 1) 2^h, as far as there are any."""


class Partitions(Protocol):
    """Checked partitions, which lie where they are computed."""

    @property
    def names(self) -> np.ndarray | None:
        """(D,): the names of the features, or None where they have none."""

    def fold(self, function: OfPartition[Result], joined: Joined) -> Result:
        """What `function` makes of each partition where that lies, joined along the tree."""


def folded(nodes: Nodes, n_partitions: int, joined: Joined) -> Nodes:
    """Join what has its neighbour in the tree, up to the root where all are there.

    Examples
    --------
    >>> folded({(0, 0): "a", (0, 1): "b", (0, 2): "c"}, 3, "({}{})".format)
    {(2, 0): '((ab)c)'}
    >>> folded({(0, 1): "b", (0, 2): "c", (0, 3): "d"}, 4, "({}{})".format)
    {(0, 1): 'b', (1, 1): '(cd)'}
    """
    nodes, n_nodes, height = dict(nodes), n_partitions, 0
    while n_nodes > 1:
        for place in sorted(place for place in nodes if place[0] == height and place[1] % 2 == 0):
            right, above = (height, place[1] + 1), (height + 1, place[1] // 2)
            if right[1] == n_nodes:
                nodes[above] = nodes.pop(place)
            elif right in nodes:
                nodes[above] = joined(nodes.pop(place), nodes.pop(right))
        n_nodes, height = -(-n_nodes // 2), height + 1
    return nodes


@dataclass(frozen=True)
class _Seen:
    """What a first look at one partition tells."""

    extent: Extent
    n_features: int
    dtype: np.dtype
    together: np.ndarray | None


class PartitionData:
    """Rows on a cluster, as data.

    The first look counts the rows of each partition; the sample is that of the same rows in memory,
    and each pass sends an accumulator to each partition.

    Parameters
    ----------
    partitions : Partitions
    n_threads : int, optional
        For each worker; None: all that it has.
    gapped : bool
        Whether numbers of the rows may be missing, NaN.
    """

    resident = bounded = None
    labelled = False

    def __init__(self, partitions: Partitions, n_threads: int | None, gapped: bool = False) -> None:
        self.partitions, self.n_threads, self.gapped = partitions, n_threads, gapped

    @property
    def names(self) -> np.ndarray | None:
        """(D,): the names of the features, or None where they have none."""
        return self.partitions.names

    @lazy
    def _seen(self) -> list[_Seen]:
        """What each partition that has rows looks like, checked to be alike; in their order."""
        seen: list[_Seen] = self.partitions.fold(partial(_look, self.gapped), _listed)
        filled = [one for one in seen if one.extent.n_samples]
        if not filled:
            raise ValueError("the partitions hold no rows: pass at least as many as components.")
        first = filled[0]
        for number, one in enumerate(seen):
            if not one.extent.n_samples:
                continue
            if one.n_features != first.n_features:
                raise ValueError(
                    f"partition {number} has {one.n_features} features, and those before it "
                    f"{first.n_features}: pass partitions of the same columns."
                )
            if one.dtype != first.dtype:
                raise ValueError(
                    f"partition {number} holds {one.dtype} rows, and those before it "
                    f"{first.dtype}: convert them to one of the two."
                )
        return seen

    @lazy
    def _filled(self) -> _Seen:
        """What the first partition with rows looks like."""
        return next(one for one in self._seen if one.extent.n_samples)

    @lazy
    def extent(self) -> Extent:
        """The number and weights of all rows."""
        extent = Extent()
        for one in self._seen:
            extent = extent.joined(one.extent)
        if not extent.n_counted:
            raise ValueError("sample_weight is zero for all rows: at least one must count.")
        return extent

    @property
    def n_features(self) -> int:
        """The number of features, D."""
        return self._filled.n_features

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the rows: float32 or float64."""
        return self._filled.dtype

    @property
    def together(self) -> np.ndarray | None:
        """(D, D): in how many rows both columns were observed; None where there are no gaps."""
        if not self.gapped:
            return None
        counts = [one.together for one in self._seen if one.together is not None]
        total: np.ndarray = np.sum(counts, axis=0)
        return total

    def go_on(self, extent: Extent) -> None:
        """Go on with what an earlier run has counted."""
        self.extent = extent

    def sample(self, seed: int, size: int) -> Sample:
        """At most `size` rows for the start: the same as of all rows in one place."""
        numbers = [one.extent.n_samples for one in self._seen]
        firsts = [0, *accumulate(numbers)]
        sampler: RowSampler = self.partitions.fold(partial(_drawn, seed, size, firsts), _drawn_both)
        return sampler.sample()

    def pass_over(self, make: Callable[[], Accumulator[Sums]]) -> Sums:
        """The sums of the accumulators that `make` returns, one for each partition."""
        return self.partitions.fold(
            partial(_summed, make, self.gapped), partial(_both_summed, make)
        )

    def summed(self, function: OfRows[Sums]) -> Sums:
        """The sum of what a function makes of the rows of each partition and their weights."""
        return self.partitions.fold(partial(_of_rows, function), add)


@dataclass(frozen=True)
class Weighed:
    """Partitions whose sample weights are multiplied by a factor."""

    partitions: Partitions
    factor: float

    @property
    def names(self) -> np.ndarray | None:
        """(D,): the names of the features, or None where they have none."""
        return self.partitions.names

    def fold(self, function: OfPartition[Result], joined: Joined) -> Result:
        """What `function` makes of each partition where that lies, joined along the tree."""
        return self.partitions.fold(partial(_weighed, function, self.factor), joined)


def _weighed(
    function: OfPartition[Result],
    factor: float,
    number: int,
    rows: np.ndarray,
    weight: np.ndarray | None,
) -> Result:
    return function(number, rows, None if weight is None else factor * weight)


def _of_rows(
    function: OfRows[Sums], number: int, rows: np.ndarray, weight: np.ndarray | None
) -> Sums:
    return function(rows, weight)


def _look(gapped: bool, number: int, rows: np.ndarray, weight: np.ndarray | None) -> list[_Seen]:
    extent = Extent().plus(len(rows), weight)
    counts = together(rows) if gapped and len(rows) else None
    return [_Seen(extent, rows.shape[1], rows.dtype, counts)]


def _listed(one: list[Result], following: list[Result]) -> list[Result]:
    return one + following


def _drawn(
    seed: int,
    size: int,
    firsts: list[int],
    number: int,
    rows: np.ndarray,
    weight: np.ndarray | None,
) -> RowSampler:
    sampler = RowSampler(seed, size, keep_rows=True, first=firsts[number])
    sampler.add(len(rows), rows, weight)
    return sampler


def _drawn_both(one: RowSampler, following: RowSampler) -> RowSampler:
    return one.joined(following)


def _summed(
    make: Callable[[], Accumulator[Sums]],
    gapped: bool,
    number: int,
    rows: np.ndarray,
    weight: np.ndarray | None,
) -> Sums:
    accumulator = make()
    if len(rows):
        parts = parts_by_pattern(rows, weight) if gapped else [Part(rows, weight)]
        for part in parts:
            accumulator.add(part)
    return accumulator.statistics()


def _both_summed(make: Callable[[], Accumulator[Sums]], sums: Sums, following: Sums) -> Sums:
    return make().joined(sums, following)
