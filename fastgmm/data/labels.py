"""Rows of which it is known that some components only may be their origin, grouped by these.

A label is a set of one component; rows of which nothing is known may be of any, and have none.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fastgmm.data.parts import COMPLETE, AllowedGapKind, LabelKind, Part
from fastgmm.data.patterns import Patterns, grouped, parts_by_pattern, parts_of
from fastgmm.lazy import lazy
from fastgmm.values import dataclass

FEWEST_ROWS = 400
"""Sets of fewer rows are evaluated together, under all components: a call for each set takes as
long as this many rows of 16 features under 16 components (measured)."""


@dataclass(frozen=True, eq=False)
class RowLabels:
    """The components that each of some rows may be of.

    Parameters
    ----------
    numbers : ndarray of int32, shape (n,)
        The number of each row's set; -1: it may be of any component.
    sets : ndarray of bool, shape (S, K)
        The components of each set; no set is empty.
    """

    numbers: np.ndarray
    sets: np.ndarray

    def of(self, chosen: Any) -> "RowLabels":
        """Those of some of the rows: a slice, their numbers or a mask."""
        return RowLabels(self.numbers[chosen], self.sets)

    @classmethod
    def unknown(cls, n: int, n_components: int) -> "RowLabels":
        """Those of rows of which nothing is known."""
        return cls(np.full(n, -1, np.int32), np.zeros((0, n_components), bool))

    @classmethod
    def joined(cls, several: "Iterable[RowLabels]") -> "RowLabels":
        """Those of some rows and of others after them."""
        given = list(several)
        sets, numbers = np.unique(
            np.concatenate([one.sets for one in given]), axis=0, return_inverse=True
        )
        number_of, begin, found = numbers.reshape(-1).astype(np.int32), 0, []
        for one in given:
            # The last of them is that of -1.
            own = np.append(number_of[begin : begin + len(one.sets)], np.int32(-1))
            found.append(own[one.numbers])
            begin += len(one.sets)
        return cls(np.concatenate(found), sets)

    @lazy
    def tally(self) -> np.ndarray:
        """(S + 1,): the number of rows of each set, and of those that may be of any component."""
        counts = np.bincount(self.numbers + 1, minlength=len(self.sets) + 1)
        return np.roll(counts, -1)


@dataclass(frozen=True, eq=False)
class Allowed:
    """The kind of complete rows that some components only may be the origin of.

    They are evaluated under these components alone, at their weights in the whole mixture.

    Parameters
    ----------
    components : ndarray of int
        Their numbers, in ascending order.
    """

    components: np.ndarray

    def constants(self, mixture: Any) -> Any:
        """The constants of these components."""
        return mixture.constants.of_components(self.components)


class AllowedGaps(AllowedGapKind):
    """The kind of rows with gaps that some components only may be the origin of.

    Parameters
    ----------
    table : Patterns
    components : ndarray of int
    """

    def __init__(self, table: Patterns, components: np.ndarray) -> None:
        self._table, self.components = table, components

    def patterns(self, n_rows: int) -> Patterns:
        """The patterns of the rows."""
        return self._table


@dataclass(frozen=True, eq=False)
class AllowedSets(LabelKind):
    """What is known of complete rows with labels: they stand set by set, smaller sets first.

    Parameters
    ----------
    kinds : tuple of Allowed
        One for each set.
    begins : ndarray of int64, shape (S + 1,)
        Where the rows of each begin, and the last one's end.
    """

    kinds: tuple[Allowed, ...]
    begins: np.ndarray

    def pieces(self, block: int) -> list[tuple[Any, int, int]]:
        """Rows from one number to another, in order and at most so many of a set, with its kind."""
        found = self._cut.get(block)
        if found is None:
            ends = self.begins.tolist()
            found = self._cut[block] = [
                (kind, begin, min(begin + block, ends[i + 1]))
                for i, kind in enumerate(self.kinds)
                for begin in range(ends[i], ends[i + 1], block)
            ]
        return found

    @lazy
    def _cut(self) -> dict[int, list[tuple[Any, int, int]]]:
        return {}

    def at(self, row: int) -> Allowed:
        """The kind of the row of this number."""
        return self.kinds[int(np.searchsorted(self.begins, row, "right")) - 1]

    @property
    def singles(self) -> "AllowedSets":
        """The sets of one component, whose rows come first."""
        n = sum(len(kind.components) == 1 for kind in self.kinds)
        return AllowedSets(self.kinds[:n], self.begins[: n + 1])


def parts_by_label(
    rows: np.ndarray, sample_weight: np.ndarray | None, labels: RowLabels, gapped: bool
) -> Iterator[Part]:
    """The parts of rows with labels: those without one, the common sets, and all others together.

    Where rows have gaps each set has parts of its own: its complete rows, and the others grouped by
    pattern.  Rows with labels that weigh nothing are left out.
    """
    free = labels.numbers < 0
    if free.any():
        every = free.all()
        some = rows if every else rows[free]
        weight = sample_weight if every or sample_weight is None else sample_weight[free]
        yield from parts_by_pattern(some, weight) if gapped else (Part(some, weight),)
    if sample_weight is not None:
        labels = RowLabels(np.where(sample_weight > 0.0, labels.numbers, -1), labels.sets)
    least = 1 if gapped else FEWEST_ROWS
    common = (labels.tally[:-1] >= least) | (labels.sets.sum(axis=1) == 1)
    order, kinds, begins = _by_set(labels, common)
    if len(order):
        some, weight = rows[order], None if sample_weight is None else sample_weight[order]
        yield from _parts_by_set(some, weight, AllowedSets(kinds, begins), gapped)
    rare = np.flatnonzero(~np.append(common, True)[labels.numbers])
    if len(rare):
        weight = None if sample_weight is None else sample_weight[rare]
        words = bits_of(labels.sets)[labels.numbers[rare]]
        yield Part(rows[rare], weight, COMPLETE, words)


def _parts_by_set(
    rows: np.ndarray, weight: np.ndarray | None, kind: AllowedSets, gapped: bool
) -> Iterator[Part]:
    if not gapped:
        yield Part(rows, weight, kind)
        return
    for i, allowed in enumerate(kind.kinds):
        of_set = slice(kind.begins[i], kind.begins[i + 1])
        weight_of_set = None if weight is None else weight[of_set]
        for part in parts_of(*grouped(rows[of_set]), weight_of_set):
            yield _labelled(part, allowed)


def bits_of(sets: np.ndarray) -> np.ndarray:
    """(S, W), uint64: the components of sets (S, K) as bits, 64 of them in each word.

    Examples
    --------
    >>> bits_of(np.array([[True, False, True], [False, True, False]])).tolist()
    [[5], [2]]
    """
    n, k = sets.shape
    wide = np.zeros((n, -(-k // 64) * 64), bool)
    wide[:, :k] = sets
    return np.packbits(wide, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def sets_of(words: np.ndarray, n_components: int) -> np.ndarray:
    """(n, K), bool: the sets of which these are the bits (n, W)."""
    little = np.ascontiguousarray(words.astype("<u8", copy=False)).view(np.uint8)
    bits = np.unpackbits(little, axis=1, bitorder="little", count=n_components)
    return bits.astype(bool)


def _labelled(part: Part, kind: Allowed) -> Part:
    """A part of rows by pattern as one of rows of these components alone."""
    if part.kind is COMPLETE:
        whole = AllowedSets((kind,), np.array([0, len(part.rows)], np.int64))
        return Part(part.rows, part.sample_weight, whole)
    assert isinstance(part.kind, Patterns)
    return Part(part.rows, part.sample_weight, AllowedGaps(part.kind, kind.components))


def _by_set(
    labels: RowLabels, common: np.ndarray
) -> tuple[np.ndarray, tuple[Allowed, ...], np.ndarray]:
    """The numbers of the rows of common sets (S,) set by set, the kinds, and where each begins.

    Sets of fewer components come first, and the order of the sets depends on the sets alone.
    """
    used = np.flatnonzero(common & (labels.tally[:-1] > 0))
    sets = labels.sets[used]
    used = used[np.lexsort((*sets[:, ::-1].T, sets.sum(axis=1)))]
    rank = np.full(len(labels.sets) + 1, -1)  # the last one is that of -1
    rank[used] = np.arange(len(used))
    ranks, counts = rank[labels.numbers], labels.tally[used]
    order = np.argsort(ranks, kind="stable")[len(ranks) - counts.sum() :]
    kinds = tuple(Allowed(np.flatnonzero(labels.sets[i])) for i in used)
    return order, kinds, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
