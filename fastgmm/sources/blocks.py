"""What every source is to the batches made of it: columns to choose from, and blocks of rows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastgmm.tables.table import Column, advice, first_bad, positions
from fastgmm.typing import Rows

# Columns of numbers, or all of them in one array; what is missing is NaN.
Values: TypeAlias = list[NDArray[Any]] | NDArray[Any]

# A block holds no fewer numbers than the first, so that what is done per block does not count, and
# no more than the second, 8 MiB of float64.
FEWEST_NUMBERS, MOST_NUMBERS = 2**16, 2**20


class Block(NamedTuple):
    """Consecutive rows of a source as they came, unchecked.

    Attributes
    ----------
    first : int
        The number of the first row, counted from 0.
    values : list of ndarray of shape (n_rows,), or ndarray of shape (n_rows, n_columns)
        The chosen columns. May be a view of memory that is valid until the next block.
    line_of : callable, optional
        Finds the line of the source on which a row of the block, counted from 0, stands.
    """

    first: int
    values: Values
    line_of: Callable[[int], int] | None = None

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.values if isinstance(self.values, np.ndarray) else self.values[0])


class Source(ABC):
    """A table that is read from its beginning, block by block.

    Attributes
    ----------
    where : path or str
        What the errors call it.
    n_columns : int
        How many columns it has.
    names : tuple of str or None
        Their names, "" for one without; None where there are none.
    kinds : tuple of (str or None)
        None for a column of numbers and the name of its type for another; empty where only the
        values show it.
    default : list of int or None
        The columns that are read if none are chosen; None: all.
    n_rows : int or None
        How many rows it has, where this is known.
    reiterable : bool
        Whether it can be read again.
    merged : bool
        Whether blocks are joined to full batches; not where the next one may be long in coming.
    """

    n_rows: int | None = None
    default: list[int] | None = None
    reiterable = True
    merged = True

    def __init__(
        self,
        where: Path | str,
        n_columns: int,
        names: tuple[str, ...] | None,
        kinds: tuple[str | None, ...] = (),
    ) -> None:
        self.where, self.n_columns, self.names, self.kinds = where, n_columns, names, kinds

    @abstractmethod
    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read the source from its beginning.

        Parameters
        ----------
        chosen : sequence of int
            The columns of the blocks, in this order.
        batch_rows : int
            The size of the batches; blocks of the same save a copy.

        Yields
        ------
        Block
        """


class Choice(NamedTuple):
    """The columns that become rows, and the one that weighs them.

    Attributes
    ----------
    columns : list of int
        At least one.
    weights : int or None
    names : tuple of str or None
        Of `columns`.
    """

    columns: list[int]
    weights: int | None
    names: tuple[str, ...] | None


def choose(source: Source, columns: Sequence[Column] | None, weights: Column | None) -> Choice:
    """Find the chosen columns of a source.

    Parameters
    ----------
    source : Source
    columns : sequence of str or int, optional
        As for `fastgmm.sources.batches`.
    weights : str or int, optional
        As for `fastgmm.sources.batches`.

    Returns
    -------
    Choice

    Raises
    ------
    ValueError
        If a column is unknown, ambiguous, chosen twice or not one of numbers, or none is left.
    """
    where, names, n_columns = source.where, source.names, source.n_columns
    weighing = None
    if weights is not None:
        (weighing,) = positions(where, names, n_columns, [weights])
    if columns is None and source.default is not None:
        chosen = list(source.default)
    else:
        chosen = positions(where, names, n_columns, columns)
    if columns is None:
        chosen = [i for i in chosen if i != weighing]
    if weighing in chosen:
        raise ValueError(
            f"Column {weights!r} of {where} is chosen twice, for the rows and for their weights; "
            "leave it out of the columns."
        )
    if not chosen:
        besides = "" if weights is None else f" besides {weights!r}"
        raise ValueError(f"{where} has no column{besides}; nothing would be left.")
    for i in chosen if weighing is None else [*chosen, weighing]:
        if source.kinds and source.kinds[i] is not None:
            labels = names or tuple(map(str, range(n_columns)))
            default = range(n_columns) if source.default is None else source.default
            fitting = [labels[j] for j in default if source.kinds[j] is None]
            raise ValueError(
                f"{where}, column {i if names is None else repr(names[i])}: its type is "
                f"{source.kinds[i]}, not a number; {advice(fitting)}."
            )
    return Choice(chosen, weighing, None if names is None else tuple(names[i] for i in chosen))


def rows_at_once(batch_rows: int, n_columns: int) -> int:
    """Return how many rows a block should have: as many as a batch, within bounds."""
    least, most = (max(1, numbers // n_columns) for numbers in (FEWEST_NUMBERS, MOST_NUMBERS))
    return min(max(batch_rows, least), most)


def finite_rows(
    block: Block, labels: Sequence[str], where: Path | str, dtype: np.dtype[Any], *, drop: bool
) -> tuple[Rows, int]:
    """Copy a block into rows without gaps.

    Parameters
    ----------
    block : Block
    labels : sequence of str
        What the errors call its columns.
    where : path or str
        What the errors call the source.
    dtype : dtype
        float32 or float64.
    drop : bool
        Whether rows with gaps are left out instead of refused.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_columns)
        Memory of their own.
    dropped : int
        How many rows were left out.

    Raises
    ------
    ValueError
        For the first value that is missing, NaN or infinite unless `drop`, and for one that is
        finite in the source and not in `dtype`.
    """
    rows = _rows_of(block.values, dtype)
    bad = first_bad(rows)
    if bad is None:
        return rows, 0
    if drop:
        bad = _first_overflow(rows, block.values)
        if bad is None:
            whole = np.isfinite(rows).all(axis=1)
            return rows[whole], len(rows) - int(np.count_nonzero(whole))
    row, position = bad
    value = float(_column(block.values, position)[row])
    raise ValueError(
        f"{_place(block, row, where)}, column {labels[position]}: " + _fault(value, dtype)
    )


def _rows_of(values: Values, dtype: np.dtype[Any]) -> Rows:
    with np.errstate(over="ignore"):  # what does not fit dtype becomes inf and is found so
        if isinstance(values, np.ndarray):
            return np.array(values, dtype, order="C")
        rows: Rows = np.empty((len(values[0]), len(values)), dtype)
        for position, column in enumerate(values):
            rows[:, position] = column
    return rows


def _column(values: Values, position: int) -> NDArray[Any]:
    return values[:, position] if isinstance(values, np.ndarray) else values[position]


def _first_overflow(rows: Rows, values: Values) -> tuple[int, int] | None:
    """Find a value that is infinite in the rows only."""
    infinite = np.isinf(rows)
    for position in np.flatnonzero(infinite.any(axis=0)).tolist():
        candidates = np.flatnonzero(infinite[:, position])
        finite = np.isfinite(_column(values, position)[candidates])
        if finite.any():
            return int(candidates[finite][0]), position
    return None


def _place(block: Block, row: int, where: Path | str) -> str:
    if block.line_of is not None:
        return f"{where}, line {block.line_of(row)}"
    return f"{where}, row {block.first + row} (counted from 0)"


def _fault(value: float, dtype: np.dtype[Any]) -> str:
    remedy = "leave out or fill in rows with gaps (gaps='drop' leaves them out)"
    if math.isnan(value):
        return f"the value is missing; {remedy}."
    if math.isinf(value):
        return f"{value} is not a finite number; {remedy}."
    return f"{value} is too large for {dtype}; read it as float64."


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
            self._rows = np.empty((0, rows.shape[1]), rows.dtype)
        if end > len(self._rows):
            # Doubling, in place where the allocator can: no batch_rows is too large to ask for,
            # and there are no two copies of a batch.
            room = min(self._batch_rows, max(end, 2 * len(self._rows)))
            self._rows.resize((room, rows.shape[1]), refcheck=False)
        self._rows[self._n_filled : end] = rows
        self._n_filled = end
