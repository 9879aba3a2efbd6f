"""A table of numbers: its rows, its columns, and the errors that name a place in it."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastgmm.typing import Rows

Column: TypeAlias = str | int

# The search for gaps goes through the rows in pieces of this many numbers: its mask stays in cache.
CHECKED_NUMBERS = 2**17


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of numbers and the names of their columns; `GaussianMixture` takes it like a frame.

    Attributes
    ----------
    rows : ndarray of shape (n_samples, n_features), float32 or float64
        C-contiguous and finite; read-only where the file is memory-mapped.
    columns : tuple of str or None
        The names in the order of ``rows``; None where the file has none.
    """

    rows: Rows
    columns: tuple[str, ...] | None

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the rows, by which NumPy and `GaussianMixture` convert the table."""
        if dtype is not None and np.dtype(dtype) != self.rows.dtype:
            return self.rows.astype(dtype)
        return self.rows.copy() if copy else self.rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, chosen: slice) -> Table:
        """Return a view of some rows."""
        return Table(self.rows[chosen], self.columns)

    def without(self, column: Column) -> tuple[Table, Rows]:
        """Take one column out of the table.

        Parameters
        ----------
        column : str or int
            Its name, or its number counted from 0.

        Returns
        -------
        table : Table
            The other columns.
        values : ndarray of shape (n_samples,)
            The column, in the table's dtype.

        Raises
        ------
        ValueError
            If there is no such column, or no other one.

        Examples
        --------
        >>> table = Table(np.array([[1.0, 2.0], [3.0, 4.0]]), ("length", "count"))
        >>> rest, counts = table.without("count")
        >>> rest.columns, counts
        (('length',), array([2., 4.]))
        """
        n_columns = self.rows.shape[1]
        (position,) = positions("The table", self.columns, n_columns, [column])
        if n_columns == 1:
            raise ValueError(f"The table has no column besides {column!r}; nothing would be left.")
        names = self.columns and self.columns[:position] + self.columns[position + 1 :]
        rows: Rows = np.delete(self.rows, position, axis=1)
        return Table(rows, names), np.ascontiguousarray(self.rows[:, position])


def positions(
    where: Path | str,
    names: Sequence[str] | None,
    n_columns: int,
    columns: Sequence[Column] | None,
) -> list[int]:
    """Turn the chosen columns into positions.

    Parameters
    ----------
    where : path or str
        What the errors call the table.
    names : sequence of str or None
        The names of all its columns, "" for one without.
    n_columns : int
        How many columns it has.
    columns : sequence of str or int, or None
        The choice; None is all, provided that all have names or none has. A string of digits that
        is no column's name counts as a number.

    Returns
    -------
    list of int
        Positions counted from 0, in the order of the choice.

    Raises
    ------
    ValueError
        If a column is unknown, ambiguous or chosen twice, or nothing is chosen.
    """
    if columns is None:
        if names is not None and "" in names:
            named = [name for name in names if name]
            raise ValueError(
                f"{where}, column {names.index('')}: it has no name, "
                f"like the index that pandas and R write; {advice(named)}."
            )
        return list(range(n_columns))
    found = [_position(where, names, n_columns, column) for column in columns]
    if not found:
        raise ValueError(f"No column of {where} is chosen; choose at least one.")
    if len(set(found)) < len(found):
        twice = next(i for i, position in enumerate(found) if position in found[:i])
        raise ValueError(f"Column {columns[twice]!r} of {where} is chosen twice.")
    return found


def _position(
    where: Path | str, names: Sequence[str] | None, n_columns: int, column: Column
) -> int:
    if isinstance(column, str):
        if names is not None and column in names:
            if names.count(column) > 1:
                raise ValueError(
                    f"{where} has {names.count(column)} columns named {column!r}; choose by number."
                )
            return names.index(column)
        if not (column.isascii() and column.isdigit()):
            if names is None:
                raise ValueError(
                    f"{where} has no column names, so {column!r} is not one; "
                    f"choose by number, 0 to {n_columns - 1}."
                )
            raise ValueError(f"{where} has no column {column!r}; it has {_listed(names)}.")
    number = operator.index(column) if not isinstance(column, str) else int(column)
    if not 0 <= number < n_columns:
        raise ValueError(
            f"{where} has no column number {number}; the numbers are 0 to {n_columns - 1}."
        )
    return number


def first_bad(rows: Rows) -> tuple[int, int] | None:
    """Find the first value that is NaN or infinite.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features), float32 or float64

    Returns
    -------
    (row, position) or None
        Both counted from 0.
    """
    step = max(1, CHECKED_NUMBERS // rows.shape[1])
    for start in range(0, len(rows), step):
        finite = np.isfinite(rows[start : start + step])
        if not finite.all():
            row, position = np.argwhere(~finite)[0]
            return start + int(row), int(position)
    return None


def refuse_unfit(place: str, value: float, dtype: np.dtype[Any]) -> None:
    """Raise for a value that rows of this dtype cannot hold; return for one that they can.

    Parameters
    ----------
    place : str
        File, line or row, and column.
    value : float
        NaN for a missing value.
    dtype : dtype
        float32 or float64.

    Raises
    ------
    ValueError
        If the value is missing, infinite or too large.
    """
    if math.isnan(value):
        raise ValueError(f"{place}: the value is missing; leave out or fill in rows with gaps.")
    if math.isinf(value):
        raise ValueError(f"{place}: {value} is not a finite number.")
    if abs(value) > float(np.finfo(dtype).max):
        raise ValueError(f"{place}: {value} is too large for {dtype}; read it as float64.")


def advice(fitting: Sequence[str]) -> str:
    """Say how to choose columns, in Python and on the command line.

    Parameters
    ----------
    fitting : sequence of str
        The columns that hold numbers.

    Returns
    -------
    str
        The second half of a sentence.
    """
    if not fitting:
        return "no column holds numbers"
    shown = list(fitting[:6])
    more = ", ..." if len(fitting) > len(shown) else ""
    return (
        f"choose columns of numbers with columns=[{', '.join(map(repr, shown))}{more}] "
        f"(command line: --columns {','.join(shown)}{more.replace(' ', '')})"
    )


def _listed(names: Sequence[str], most: int = 12) -> str:
    text = ", ".join(repr(name) for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most} more"
