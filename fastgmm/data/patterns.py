"""Rows with gaps, grouped by the pattern of what was observed of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastgmm import kernels
from fastgmm.data.parts import GapKind, Part
from fastgmm.lazy import lazy
from fastgmm.values import dataclass

Columns = tuple[int, ...]
"""Numbers of columns, in ascending order."""
ROWS_AT_ONCE = 1 << 14
"""Pairs of columns are counted in this many rows at a time."""
_WORD = 64
"""The pattern of this many columns is one number."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """The rows of which the same columns were observed.

    Parameters
    ----------
    observed : tuple of int
        The numbers of the columns that were observed, p of them.
    index : ndarray of int
        The numbers of the rows, m of them in ascending order.
    """

    observed: Columns
    index: np.ndarray

    def of(self, rows: np.ndarray) -> np.ndarray:
        """(m, p): what was observed of these rows among all rows (n, D); C-contiguous.

        Rows of which nothing was observed have one column of zeros, as no kernel takes rows without
        columns.
        """
        if not self.observed:
            return np.zeros((len(self.index), 1), rows.dtype)
        if len(self.observed) == rows.shape[1]:
            complete: np.ndarray = rows[self.index]
            return complete
        taken: np.ndarray = rows[self.index[:, None], np.array(self.observed)]
        return taken


@dataclass(frozen=True, eq=False)
class Patterns(GapKind):
    """What was observed of rows, pattern by pattern: the kind of rows with gaps of all sorts.

    Patterns of more observed columns come first, so that neighbours are alike.

    Parameters
    ----------
    columns : ndarray of int32, shape (P, D)
        Of each pattern the observed columns and then the missing ones, both in ascending order.
    observed : ndarray of int64, shape (P,)
        How many columns were observed.
    rows, values : ndarray of int64, shape (P + 1,)
        Where the rows and the observed values of each pattern begin, and the last one's end.
    order : ndarray of int64, shape (n,)
        The numbers of the rows, pattern by pattern, and ascending within each.
    """

    columns: np.ndarray
    observed: np.ndarray
    rows: np.ndarray
    values: np.ndarray
    order: np.ndarray

    def patterns(self, n_rows: int) -> "Patterns":
        """The table itself: what the E-step asks of a kind of rows with gaps."""
        return self

    def __len__(self) -> int:
        return len(self.observed)

    @property
    def n_features(self) -> int:
        """The number of all columns, D."""
        n_features: int = self.columns.shape[1]
        return n_features

    @lazy
    def made(self) -> dict[Any, Any]:
        """What passes over these rows keep for the next: their tasks and work spaces."""
        return {}

    def observed_of(self, pattern: int) -> Columns:
        """The columns that were observed."""
        return tuple(self.columns[pattern, : self.observed[pattern]].tolist())

    def without_first(self) -> "Patterns":
        """The same table without its first pattern, whose rows and values are counted no more."""
        n, m = self.rows[1], self.values[1]
        return Patterns(
            self.columns[1:],
            self.observed[1:],
            self.rows[1:] - n,
            self.values[1:] - m,
            self.order[n:],
        )


def grouped(rows: np.ndarray) -> tuple[Patterns, np.ndarray]:
    """The patterns of rows (n, D) in which NaN is a gap, and what was observed of them.

    The order of the patterns depends on the rows alone.  The values are one array, pattern by
    pattern and row by row.
    """
    rows = np.ascontiguousarray(rows)
    (n, d), dtype = rows.shape, rows.dtype
    words, numbers = np.empty((n, -(-d // _WORD)), np.uint64), np.empty(n, np.int32)
    first = np.empty(n, np.int64)
    found = kernels.number_patterns[dtype](rows, words, numbers, first)
    first = first[:found]
    missing = np.isnan(rows[first])
    observed = d - missing.sum(axis=1, dtype=np.int64)
    placed = np.lexsort((*words[first].T, -observed))
    observed = observed[placed]
    begins = _begins(np.bincount(numbers, minlength=found)[placed])
    columns = np.argsort(missing[placed], axis=1, kind="stable").astype(np.int32)
    value_begins = _begins(np.diff(begins) * observed)
    ranks = np.empty(found, np.int64)
    ranks[placed] = np.arange(found)
    order, values = np.empty(n, np.int64), np.empty(value_begins[-1], dtype)
    kernels.deal_rows[dtype](
        rows, numbers, ranks, columns, observed, begins, value_begins, order, values
    )
    return Patterns(columns, observed, begins, value_begins, order), values


def _begins(counts: np.ndarray) -> np.ndarray:
    """(P + 1,) int64: where each of some counts begins, and the last one's end."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64, copy=False)


def patterns_of(rows: np.ndarray) -> list[Pattern]:
    """The patterns of rows (n, D) in which NaN is a gap, in an order that depends on them alone.

    Rows without a gap come first, where there are any.
    """
    table, _ = grouped(rows)
    indices = np.split(table.order, table.rows[1:-1])
    return [Pattern(table.observed_of(i), index) for i, index in enumerate(indices)]


def together(rows: np.ndarray) -> np.ndarray:
    """(D, D): in how many of the rows (n, D) both columns were observed."""
    counts = np.zeros((rows.shape[1], rows.shape[1]))
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        observed = (~np.isnan(rows[begin : begin + ROWS_AT_ONCE])).astype(np.float32)
        # Counts up to 2^24 are exact in float32, and there are fewer rows at a time.
        counts += observed.T @ observed
    return counts


def parts_by_pattern(rows: np.ndarray, sample_weight: np.ndarray | None) -> Iterator[Part]:
    """The parts of rows (n, D) with gaps, NaN: those without one, and all others as one part.

    The rows of the latter are what was observed of them as one array, its kind the `Patterns`, and
    its sample weights in their order.
    """
    yield from parts_of(*grouped(rows), sample_weight)


def parts_of(
    table: Patterns, values: np.ndarray, sample_weight: np.ndarray | None
) -> Iterator[Part]:
    """The parts of rows that are `grouped` already, in the order of the table."""
    n_features = table.n_features
    weight = None if sample_weight is None else sample_weight[table.order]
    if table.observed[0] == n_features:
        n = int(table.rows[1])
        complete = values[: n * n_features].reshape(n, n_features)
        yield Part(complete, None if weight is None else weight[:n])
        values, table = values[n * n_features :], table.without_first()
        weight = None if weight is None else weight[n:]
    if len(table):
        yield Part(values, weight, table)
