"""Blocks to rows: checked, and joined to batches of a given size."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastgmm.limits.scalars import is_word, shown
from fastgmm.sources.blocks import MOST_NUMBERS, Block, Source, Values
from fastgmm.tables.unfit import fault, first_unfit
from fastgmm.typing import Rows

GAPS = ("error", "drop", "keep", "missing")
"""`gaps` is one of these words."""


class Wanted(NamedTuple):
    """What a reader wants of the blocks of a source.

    Attributes
    ----------
    where : path or str
        What the errors call the source.
    labels : sequence of str
        What they call the columns.
    dtype : dtype
        The dtype of the rows, float32 or float64.
    gaps : {"error", "drop", "keep", "missing"}
        What to do with rows that have gaps.
    """

    where: Path | str
    labels: Sequence[str]
    dtype: np.dtype[Any]
    gaps: str


def wanted_of(source: Source, chosen: Sequence[int], dtype: Any, gaps: str) -> Wanted:
    """Say what is wanted of chosen columns, which errors call by name where they have one.

    Parameters
    ----------
    source : Source
    chosen : sequence of int
        The columns of the blocks.
    dtype, gaps
        As in `Wanted`.

    Returns
    -------
    Wanted
    """
    names = source.names
    labels = [str(i) if names is None else repr(names[i]) for i in chosen]
    return Wanted(source.where, labels, dtype, gaps)


def row_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Refuse rows of other types than float32 and float64.

    Parameters
    ----------
    dtype : dtype_like

    Returns
    -------
    dtype

    Raises
    ------
    ValueError
        If it is none of the two.
    """
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"dtype must be float32 or float64, got {shown(dtype)}.") from error
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {kind}.")
    return kind


def check_gaps(gaps: object) -> None:
    """Refuse an unknown word for what is done with gaps.

    Parameters
    ----------
    gaps : object

    Raises
    ------
    ValueError
        If it is none of `GAPS`.
    """
    if not is_word(gaps, GAPS):
        raise ValueError(f"gaps must be 'error', 'drop', 'keep' or 'missing', got {shown(gaps)}.")


def as_batch_rows(batch_rows: Any) -> int:
    """The number of rows of a batch.

    Parameters
    ----------
    batch_rows : int

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is less than 1.

    Examples
    --------
    >>> as_batch_rows(0)
    Traceback (most recent call last):
    ValueError: batch_rows must be at least 1, got 0.
    """
    try:
        number = operator.index(batch_rows)
    except TypeError as error:
        raise TypeError(f"batch_rows must be an integer, got {shown(batch_rows)}.") from error
    if number < 1:
        raise ValueError(f"batch_rows must be at least 1, got {shown(number)}.")
    return number


def finite_rows(
    block: Block, wanted: Wanted, *, copy: bool = True
) -> tuple[Rows, NDArray[np.intp]]:
    """Turn a block into rows, without gaps unless they are kept.

    Parameters
    ----------
    block : Block
    wanted : Wanted
    copy : bool, default=True
        Whether the rows must have memory of their own.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_columns)
        C-contiguous.
    gaps : ndarray of int
        The numbers of the block's rows that have gaps.

    Raises
    ------
    ValueError
        For the first value that is missing, NaN or infinite if those rows are refused, for one
        that is finite in the source and not in the dtype, and for what is wrong behind the block.
    """
    rows = _assembled(block, wanted.dtype, copy=copy and not block.owned)
    gaps = np.empty(0, np.intp)
    bad = first_unfit(rows)
    if bad is not None:
        if wanted.gaps == "missing":
            bad = _first_infinite(rows)
        elif wanted.gaps != "error":
            bad = _first_overflow(rows, block.values)
        if bad is not None:
            raise _unfit_error(block, bad, wanted)
        whole = np.isfinite(rows).all(axis=1)
        gaps = np.flatnonzero(~whole)
        if wanted.gaps == "drop":
            rows = rows[whole]
    if block.failure is not None:
        raise block.failure
    return rows, gaps


def _assembled(block: Block, dtype: np.dtype[Any], *, copy: bool) -> Rows:
    values = block.values
    # What does not fit the dtype becomes infinite and is found so.
    with np.errstate(over="ignore"):
        if isinstance(values, np.ndarray):
            return np.array(values, dtype, order="C") if copy else np.asarray(values, dtype, "C")
        rows: Rows = np.empty((block.n_rows, len(values)), dtype)
        for position, column in enumerate(values):
            rows[:, position] = column
    return rows


def _column(values: Values, position: int) -> NDArray[Any]:
    return values[:, position] if isinstance(values, np.ndarray) else values[position]


def _first_infinite(rows: Rows) -> tuple[int, ...] | None:
    infinite = np.isinf(rows)
    return tuple(np.argwhere(infinite)[0].tolist()) if infinite.any() else None


def _first_overflow(rows: Rows, values: Values) -> tuple[int, int] | None:
    """Find a value that is infinite in the rows only."""
    infinite = np.isinf(rows)
    for position in np.flatnonzero(infinite.any(axis=0)).tolist():
        candidates = np.flatnonzero(infinite[:, position])
        finite = np.isfinite(_column(values, position)[candidates])
        if finite.any():
            return int(candidates[finite][0]), position
    return None


def _unfit_error(block: Block, bad: tuple[int, ...], wanted: Wanted) -> ValueError:
    row, position = bad
    value = float(_column(block.values, position)[row])
    (place,) = block.places([row])
    what = fault(value, wanted.dtype)
    return ValueError(f"{wanted.where}, {place}, column {wanted.labels[position]}: {what}")


class Joiner:
    """Rows collected to batches of a given size.

    Parameters
    ----------
    batch_rows : int
        The size.
    """

    def __init__(self, batch_rows: int) -> None:
        self._batch_rows = batch_rows
        self._rows: Rows | None = None
        self._n_filled = 0

    def add(self, rows: Rows) -> Iterator[Rows]:
        """Give the batches that are full with these rows."""
        if self._rows is None and len(rows) == self._batch_rows:
            yield rows
            return
        begin = 0
        while begin < len(rows):
            end = min(len(rows), begin + self._batch_rows - self._n_filled)
            self._append(rows[begin:end])
            begin = end
            if self._n_filled == self._batch_rows:
                yield from self.rest()

    def rest(self) -> Iterator[Rows]:
        """Give the rows that fill no batch, if there are any."""
        if self._rows is not None:
            rows, self._rows = self._rows, None
            rows.resize((self._n_filled, rows.shape[1]), refcheck=False)
            self._n_filled = 0
            yield rows

    def _append(self, rows: Rows) -> None:
        end = self._n_filled + len(rows)
        if self._rows is None:
            # Memory that is not written to costs nothing, up to the size of the largest block.
            room = max(end, min(self._batch_rows, MOST_NUMBERS // rows.shape[1]))
            self._rows = np.empty((room, rows.shape[1]), rows.dtype)
        if end > len(self._rows):
            # The array doubles, in place where the allocator can, so that no batch_rows is too
            # large to ask for and there are no two copies of a batch.
            room = min(self._batch_rows, max(end, 2 * len(self._rows)))
            self._rows.resize((room, rows.shape[1]), refcheck=False)
        self._rows[self._n_filled : end] = rows
        self._n_filled = end
