"""Rows that repeat: each once, with its number as a weight."""

import numpy as np

from fastgmm.typing import ArrayLike, FloatArray, Rows
from fastgmm.validation import as_rows, as_sample_weight

_MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""SplitMix64 has these constants (Steele, Lea and Flood 2014): its increment, and the factors of
its two rounds of mixing."""


def compress(X: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[Rows, FloatArray]:
    """The distinct rows, and how often each one counts.

    A fit to them with the weights is the fit to all rows: a weight counts as repetition.  It pays
    where rows repeat much, such as the pixels of an image: a pass costs what its rows cost.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
    sample_weight : array_like of shape (n_samples,), optional
        How often each row counts; once by default.

    Returns
    -------
    rows : ndarray of shape (n_distinct, n_features)
        In the order in which they come first; float32 if X is, else float64.  Rows are the same if
        all their numbers are equal, and 0.0 equals -0.0.
    weight : ndarray of shape (n_distinct,), float64
        Sums of the sample weights.

    Raises
    ------
    ValueError
        When rows or weights are not valid.

    Examples
    --------
    >>> import fastgmm
    >>> rows, weight = fastgmm.compress([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    >>> rows.tolist(), weight.tolist()
    ([[1.0, 2.0], [3.0, 4.0]], [2.0, 1.0])
    """
    rows = as_rows(X, method="compress")
    weights = as_sample_weight(sample_weight, len(rows), some_positive=False)
    # Adding 0.0 makes 0.0 of -0.0, which has other bits.
    rows = rows + rows.dtype.type(0)
    order, new = _grouped(rows)
    group = np.empty(len(rows), dtype=np.intp)
    group[order] = np.cumsum(new) - 1
    # The first row of a group has its smallest index, since the sort is stable.
    first = order[new]
    rank = np.empty(len(first), dtype=np.intp)
    by_index = np.argsort(first)
    rank[by_index] = np.arange(len(first))
    summed = np.bincount(rank[group], weights=weights, minlength=len(first))
    return rows[first[by_index]], summed.astype(np.float64)


def _grouped(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """An order in which equal rows stand together, and where each group of them begins."""
    order = np.argsort(_hashes(rows), kind="stable")
    hashes = _hashes(rows[order])
    new = np.ones(len(rows), dtype=bool)
    same_hash = hashes[1:] == hashes[:-1]
    new[1:] = ~same_hash
    candidates = np.flatnonzero(same_hash) + 1
    if not np.array_equal(rows[order[candidates]], rows[order[candidates - 1]]):
        # Different rows share a hash, once in 2^64 pairs: sorting the rows tells them apart.
        order = np.lexsort(rows.T[::-1])
        new[1:] = (rows[order[1:]] != rows[order[:-1]]).any(axis=1)
    return order, new


def _hashes(rows: Rows) -> np.ndarray:
    """64 bits of each row: every number's bits mixed (Steele, Lea and Flood 2014), then added."""
    bits = rows.view(np.uint32 if rows.dtype == np.float32 else np.uint64)
    hashes = np.zeros(len(rows), dtype=np.uint64)
    step, one, other = (np.uint64(number) for number in _MIX)
    with np.errstate(over="ignore"):
        for column in bits.T:
            hashes = hashes * step + column
            hashes = (hashes ^ (hashes >> np.uint64(30))) * one
            hashes = (hashes ^ (hashes >> np.uint64(27))) * other
            hashes ^= hashes >> np.uint64(31)
    return hashes
