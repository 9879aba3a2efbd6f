"""Rows with gaps, grouped by the pattern of what was observed of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fastgmm.data.parts import COMPLETE, Part, RowKind

Columns = tuple[int, ...]
"""Numbers of columns, in ascending order."""
KindOf = Callable[[Columns, int], RowKind]
"""A function kind(observed, n_features) returns the kind of rows of which these columns were
observed."""
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


def patterns_of(rows: np.ndarray) -> list[Pattern]:
    """The patterns of rows (n, D) in which NaN is a gap, in an order that depends on them alone.

    Rows without a gap come first, where there are any.
    """
    missing = np.isnan(rows)
    n_features = rows.shape[1]
    # Each pattern is some words of bits; the last word counts most in the order of `lexsort`.
    words = [_bits(missing[:, begin : begin + _WORD]) for begin in range(0, n_features, _WORD)]
    order = np.argsort(words[0], kind="stable") if len(words) == 1 else np.lexsort(words)
    changes = np.zeros(len(rows) - 1, dtype=bool)
    for word in words:
        ordered = word[order]
        changes |= ordered[1:] != ordered[:-1]
    found = []
    for index in np.split(order, np.flatnonzero(changes) + 1):
        observed = np.flatnonzero(~missing[index[0]])
        found.append(Pattern(tuple(observed.tolist()), index))
    return found


def together(rows: np.ndarray) -> np.ndarray:
    """(D, D): in how many of the rows (n, D) both columns were observed."""
    counts = np.zeros((rows.shape[1], rows.shape[1]))
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        observed = (~np.isnan(rows[begin : begin + ROWS_AT_ONCE])).astype(np.float32)
        # Counts up to 2^24 are exact in float32, and there are fewer rows at a time.
        counts += observed.T @ observed
    return counts


def _bits(missing: np.ndarray) -> np.ndarray:
    """(n,) uint64: the columns (n, at most 64) as the bits of one number."""
    word = np.zeros(len(missing), np.uint64)
    for j in range(missing.shape[1]):
        word |= missing[:, j].astype(np.uint64) << np.uint64(j)
    return word


def parts_by_pattern(
    rows: np.ndarray, sample_weight: np.ndarray | None, kind_of: KindOf
) -> Iterator[Part]:
    """The parts of rows (n, D) with gaps, one for each pattern.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
        NaN is a gap.
    sample_weight : ndarray of shape (n,), optional
    kind_of : callable
        It makes the kind of the rows that have gaps.
    """
    n_features = rows.shape[1]
    for pattern in patterns_of(rows):
        weight = None if sample_weight is None else sample_weight[pattern.index]
        complete = len(pattern.observed) == n_features
        kind = COMPLETE if complete else kind_of(pattern.observed, n_features)
        yield Part(pattern.of(rows), weight, kind)
