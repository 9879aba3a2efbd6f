"""Rows in memory, read in slices: arrays, ``.npy`` files as mapped, frames and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.blocks import Block, Source, rows_at_once
from fastgmm.sources.damage import refusing_damage
from fastgmm.tables.frames import Frame, frame_of
from fastgmm.tables.table import Table

MAPPED_BYTES = 64 * 2**20
"""A larger .npy file that is read whole is mapped, so that its pages come and go as the blocks of
rows need them."""


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
    trouble = "is not a whole .npy file of numbers; write it with numpy.save"
    with refusing_damage(path, trouble, because=False):
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
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
        step = rows_at_once(batch_rows, len(chosen))
        for start in range(0, len(self._array), step):
            part = self._chosen(self._slice(start, start + step), chosen)
            yield Block(start, len(part), part)

    def _slice(self, start: int, stop: int) -> NDArray[Any]:
        return self._array[start:stop]

    def _chosen(self, rows: NDArray[Any], chosen: Sequence[int]) -> NDArray[Any]:
        # Without an index, the rows are a view.
        return rows if list(chosen) == list(range(self.n_columns)) else rows[:, list(chosen)]


class NpySource(ArraySource):
    """A ``.npy`` file, mapped anew for each slice: unmapping gives its pages back."""

    def __init__(self, path: Path) -> None:
        mapped = load_npy(path, mapped=True)
        super().__init__(path, np.broadcast_to(np.empty((), mapped.dtype), mapped.shape))
        self._order: Any = "C" if mapped.flags.c_contiguous else "F"
        self._offset = _offset_of(mapped)
        self.nothing = f"is empty: its shape is {mapped.shape}."

    def whole(self, chosen: Sequence[int]) -> Iterator[Block]:
        """Load the array, or map it if it is large."""
        path = Path(self.where)
        rows = load_npy(path, mapped=path.stat().st_size > MAPPED_BYTES)
        yield Block(0, len(rows), self._chosen(rows, chosen))

    def _slice(self, start: int, stop: int) -> NDArray[Any]:
        dtype, shape = self._array.dtype, self._array.shape
        try:
            mapped = np.memmap(self.where, dtype, "r", self._offset, shape, self._order)
        except ValueError as error:
            raise ValueError(f"{self.where} has become shorter while it was read.") from error
        return mapped[start:stop]


def _offset_of(mapped: NDArray[Any]) -> int:
    # An axis that was added makes a view of the map, which keeps the attribute unless it is empty.
    return int(getattr(mapped, "offset", 0))


class FrameSource(Source):
    """A frame or table with columns."""

    def __init__(self, where: Path | str, frame: Frame) -> None:
        super().__init__(where, len(frame.kinds), frame.names, frame.kinds)
        self.n_rows, self.default = frame.n_rows, frame.default
        self._frame = frame

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Slice the columns."""
        frame = self._frame
        columns = [frame.column(i) for i in chosen]
        step = rows_at_once(batch_rows, len(chosen))
        for start in range(0, frame.n_rows, step):
            stop = min(start + step, frame.n_rows)
            values = [frame.numbers(column, start, stop) for column in columns]
            yield Block(start, stop - start, values)


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
    frame = frame_of(value)
    if frame is not None:
        return FrameSource(where or f"The {frame.kind}", frame)
    if not hasattr(value, "__array__"):
        return None
    where = where or "The array"
    if hasattr(value, "filled"):
        raise ValueError(f"{where} is masked; pass array.astype(float).filled(numpy.nan).")
    return ArraySource(where, _two_dimensional(where, np.asarray(value)))
