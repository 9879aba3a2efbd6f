"""A table of numbers: its rows and the names of its columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastgmm.tables.columns import Column, positions
from fastgmm.tables.frames import Frame
from fastgmm.typing import Rows
from fastgmm.values import dataclass


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
        """The rows, by which NumPy and `GaussianMixture` convert the table."""
        if dtype is not None and np.dtype(dtype) != self.rows.dtype:
            return self.rows.astype(dtype)
        return self.rows.copy() if copy else self.rows

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def __getitem__(self, chosen: slice) -> Table:
        """A view of some rows."""
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


class TableFrame(Frame):
    """A table with names, seen as a frame."""

    single = False

    def __init__(self, table: Table) -> None:
        super().__init__(table, table.columns or (), len(table))

    @property
    def kinds(self) -> tuple[str | None, ...]:
        """All columns are numbers."""
        return (None,) * len(self.labels)

    def column(self, i: int) -> Any:
        """A view of one column."""
        return self.native.rows[:, i]

    def first(self, i: int) -> Any:
        """The first number of a column, if there is one."""
        return self.native.rows[0, i] if self.n_rows else None

    def whole(self) -> NDArray[Any]:
        """The rows."""
        rows: Rows = self.native.rows
        return rows

    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        """A view of some rows of a column."""
        part: Rows = column[start:stop]
        return part
