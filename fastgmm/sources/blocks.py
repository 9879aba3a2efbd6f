"""What every source is to its readers: columns to choose from, and blocks of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

Values: TypeAlias = Sequence[NDArray[Any]] | NDArray[Any]
"""Columns of numbers, or all of them in one array; what is missing is NaN."""

FEWEST_NUMBERS = 2**16
"""A block holds at least this many numbers, so that what is done per block does not count."""

MOST_NUMBERS = 2**20
"""A block holds at most this many numbers, 8 MiB of float64, where the source can be cut."""

CHUNKED_NUMBERS = 2**18
"""Slices of stores end between their chunks, so that they are joined to batches anyway: they hold
at most this many numbers, 2 MiB, where a chunk does not hold more."""


class Block(NamedTuple):
    """Consecutive rows of a source as they came, unchecked.

    Attributes
    ----------
    first : int
        The number of the first row, counted from 0.
    n_rows : int
        How many rows there are.
    values : sequence of ndarray of shape (n_rows,), or ndarray of shape (n_rows, n_columns)
        The chosen columns. May be a view of memory that is valid until the next block.
    lines_of : callable, optional
        Finds the lines of the source on which rows of the block, counted from 0, stand; None for
        one that it cannot find.
    failure : ValueError, optional
        What is wrong with the source behind these rows.
    owned : bool
        Whether an array of values has memory of its own, which nobody else keeps or changes.
    kept : sequence of pyarrow.Array or pyarrow.ChunkedArray
        The columns of the same rows that are carried along as they stand.
    skipped : sequence of int
        The lines of the source among these rows that were passed over.
    """

    first: int
    n_rows: int
    values: Values
    lines_of: Callable[[Sequence[int]], list[int | None]] | None = None
    failure: ValueError | None = None
    owned: bool = False
    kept: Sequence[Any] = ()
    skipped: Sequence[int] = ()

    def places(self, rows: Sequence[int]) -> list[str]:
        """Say where rows of the block, counted from 0, stand in the source."""
        if not len(rows):
            return []
        found = [None] * len(rows) if self.lines_of is None else self.lines_of(rows)
        return [
            f"row {self.first + row} (counted from 0)" if line is None else f"line {line}"
            for row, line in zip(rows, found, strict=True)
        ]


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
    reads_ahead : bool or None
        Whether a walk reads the next blocks on another thread while the last are worked on: None
        where whoever walks may do so, False where all must be read on one thread, the caller's.
    is_item : bool
        Whether it is one item of many, whose rows are counted together.
    nothing : str
        What a sentence says of a source without rows.
    """

    nothing = "holds columns but no rows."
    n_rows: int | None = None
    default: list[int] | None = None
    reiterable = True
    merged = True
    reads_ahead: bool | None = None
    is_item = False

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

    def whole(self, chosen: Sequence[int]) -> Iterator[Block]:
        """Read all of the source for a reader that keeps all of it.

        Parameters
        ----------
        chosen : sequence of int
            The columns of the blocks, in this order.

        Yields
        ------
        Block
            As large as is fastest; one that is an array need not be copied.
        """
        return self.blocks(chosen, MOST_NUMBERS)

    def keeping(self, kept: Sequence[int]) -> Source:
        """The same source, whose blocks carry these columns along as they stand.

        Parameters
        ----------
        kept : sequence of int
            The columns, in this order.

        Returns
        -------
        Source

        Raises
        ------
        ValueError
            If it is no source of CSV, Parquet or Arrow.
        """
        raise ValueError(
            f"{self.where}: columns can be kept of CSV, Parquet and Arrow files and streams only."
        )


def rows_at_once(batch_rows: int, n_columns: int) -> int:
    """How many rows a block should have: as many as a batch, within bounds."""
    least, most = (max(1, numbers // n_columns) for numbers in (FEWEST_NUMBERS, MOST_NUMBERS))
    return min(max(batch_rows, least), most)
