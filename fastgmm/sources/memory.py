"""Rows in memory, read in slices: arrays, ``.npy`` files as mapped, frames and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.arrow import kinds_of, numbers_of, plain_columns
from fastgmm.sources.blocks import Block, Source, rows_at_once
from fastgmm.tables.table import Table


def load_npy(path: Path, *, mapped: bool) -> NDArray[Any]:
    """Load rows that `numpy.save` wrote.

    Parameters
    ----------
    path : path
    mapped : bool
        Whether to map the file into memory instead of reading it.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        Integers or floats of any size; one dimension is one column.

    Raises
    ------
    ValueError
        If the file is damaged, or its array is none of rows of numbers.
    """
    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is not a whole .npy file of numbers; write it with numpy.save."
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{path} is an .npz archive; save its array of rows with numpy.save.")
    if array.ndim == 1 and array.dtype.kind in "iuf":
        array = array[:, np.newaxis]
    return _two_dimensional(path, array)


def _two_dimensional(where: Path | str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{where} holds values of type {array.dtype}, not integers or floats.")
    if array.ndim != 2:
        raise ValueError(f"{where} has {array.ndim} dimensions; rows and columns are 2.")
    return array


class ArraySource(Source):
    """A NumPy array, or a `Table`."""

    def __init__(
        self, where: Path | str, array: NDArray[Any], names: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(where, array.shape[1], names)
        self.n_rows = len(array)
        self._array = array

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Slice the array."""
        n_rows, n_columns = self._array.shape
        step = rows_at_once(batch_rows, len(chosen))
        # Without an index, the slice is a view.
        columns: Any = slice(None) if list(chosen) == list(range(n_columns)) else list(chosen)
        for start in range(0, n_rows, step):
            yield Block(start, self._slice(start, start + step)[:, columns])

    def _slice(self, start: int, stop: int) -> NDArray[Any]:
        return self._array[start:stop]


class NpySource(ArraySource):
    """A ``.npy`` file, mapped anew for each slice: unmapping gives its pages back."""

    def __init__(self, path: Path) -> None:
        mapped = load_npy(path, mapped=True)
        super().__init__(path, np.broadcast_to(np.empty((), mapped.dtype), mapped.shape))
        self._order: Any = "C" if mapped.flags.c_contiguous else "F"
        self._offset = _offset_of(mapped)

    def _slice(self, start: int, stop: int) -> NDArray[Any]:
        dtype, shape = self._array.dtype, self._array.shape
        try:
            mapped = np.memmap(self.where, dtype, "r", self._offset, shape, self._order)
        except ValueError as error:
            raise ValueError(f"{self.where} has become shorter while it was read.") from error
        return mapped[start:stop]


def _offset_of(mapped: NDArray[Any]) -> int:
    # An axis that was added makes a view of the map, which keeps the attribute.
    return int(mapped.offset)  # type: ignore[attr-defined]


class FrameSource(Source):
    """A frame or table with columns.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    names : tuple of str or None
        Of the columns.
    kinds : tuple of (str or None)
        As in `Source`.
    n_rows : int
        How many rows it has.
    column : callable
        Returns the column with a number.
    numbers : callable
        Returns a column from one row to before another as numbers, NaN where one is missing.
    """

    def __init__(
        self,
        where: Path | str,
        names: tuple[str, ...] | None,
        kinds: tuple[str | None, ...],
        n_rows: int,
        column: Callable[[int], Any],
        numbers: Callable[[Any, int, int], NDArray[Any]],
    ) -> None:
        super().__init__(where, len(kinds), names, kinds)
        self.n_rows = n_rows
        self._column, self._numbers = column, numbers

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Slice the columns."""
        assert self.n_rows is not None
        columns = [self._column(i) for i in chosen]
        step = rows_at_once(batch_rows, len(chosen))
        for start in range(0, self.n_rows, step):
            stop = min(start + step, self.n_rows)
            yield Block(start, [self._numbers(column, start, stop) for column in columns])


def memory_source(value: Any, where: str | None = None) -> Source | None:
    """Make a source of rows in memory.

    Parameters
    ----------
    value : object
        What may be an array, or what NumPy makes one of, a `Table`, or a frame or table of pandas,
        polars or pyarrow.
    where : str, optional
        What the errors call it; by default, what it is.

    Returns
    -------
    Source or None
        None if it is none of these.

    Raises
    ------
    ValueError
        If it is an array, but not one of rows of numbers.
    """
    if isinstance(value, Table):
        return ArraySource(where or "The table", value.rows, value.columns)
    for package, name, make in _FRAMES:
        # By name: a package that is not imported has made no frame.
        if any(_is_class(kind, package, name) for kind in type(value).__mro__):
            return make(value, where or f"The {name}")
    if not hasattr(value, "__array__"):
        return None
    where = where or "The array"
    if hasattr(value, "filled"):
        raise ValueError(f"{where} is masked; pass array.astype(float).filled(numpy.nan).")
    return ArraySource(where, _two_dimensional(where, np.asarray(value)))


def _is_class(kind: type, package: str, name: str) -> bool:
    return kind.__name__ == name and kind.__module__.split(".")[0] == package


def _pandas_source(frame: Any, where: str) -> Source:
    def numbers(column: Any, start: int, stop: int) -> NDArray[Any]:
        part = column.iloc[start:stop]
        if isinstance(part.dtype, np.dtype):
            return np.asarray(part)
        converted: NDArray[Any] = part.to_numpy(dtype=np.float64, na_value=np.nan)
        return converted

    kinds = tuple(None if kind.kind in "iuf" else str(kind) for kind in frame.dtypes)
    names = tuple(frame.columns)
    named = bool(names) and all(isinstance(name, str) for name in names)
    return FrameSource(
        where, names if named else None, kinds, len(frame), lambda i: frame.iloc[:, i], numbers
    )


def _polars_source(frame: Any, where: str) -> Source:
    def numbers(column: Any, start: int, stop: int) -> NDArray[Any]:
        converted: NDArray[Any] = column.slice(start, stop - start).cast(float).to_numpy()
        return converted

    kinds = tuple(None if kind.is_numeric() else str(kind) for kind in frame.dtypes)
    names = tuple(frame.columns)
    return FrameSource(where, names, kinds, len(frame), frame.to_series, numbers)


def _arrow_source(table: Any, where: str) -> Source:
    def numbers(column: Any, start: int, stop: int) -> NDArray[Any]:
        return numbers_of(column.slice(start, stop - start))

    names = tuple(table.schema.names)
    source = FrameSource(
        where, names, kinds_of(table.schema), table.num_rows, table.column, numbers
    )
    source.default = plain_columns(table.schema)
    return source


_FRAMES: tuple[tuple[str, str, Callable[[Any, str], Source]], ...] = (
    ("pandas", "DataFrame", _pandas_source),
    ("polars", "DataFrame", _polars_source),
    ("pyarrow", "Table", _arrow_source),
    ("pyarrow", "RecordBatch", _arrow_source),
)
