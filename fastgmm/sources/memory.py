"""Rows in arrays and frames, read in slices: in memory, in ``.npy`` files as mapped, in stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.blocks import CHUNKED_NUMBERS, MOST_NUMBERS, Block, Source, rows_at_once
from fastgmm.sources.damage import refusing_damage
from fastgmm.sources.npy import check_file
from fastgmm.tables.containers import (
    array_of,
    is_sliceable,
    is_table,
    opened,
    refuse_series,
)
from fastgmm.tables.frames import Frame, is_class
from fastgmm.tables.numeric import as_numbers, check_exact, dimension_error

CALLER = "fastgmm.sources.batches"
"""The sentences about the dimensions of an array name who was called."""

SHOWN_NAMES = 6
"""An error about a group of arrays lists at most this many."""

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
        Booleans, integers or floats of any size; one dimension is one column.

    Raises
    ------
    ValueError
        If the file is damaged, or its array is none of rows of numbers.
    """
    trouble = "is not a whole .npy file of numbers; write it with numpy.save"
    with refusing_damage(path, trouble, because=False):
        check_file(path)
        array: Any = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{path} is an .npz archive; save its array of rows with numpy.save.")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{path} holds values of type {array.dtype}, not integers or floats.")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise ValueError(f"{path} has {array.ndim} dimensions; rows and columns are 2.")
    rows: NDArray[Any] = array
    return rows


class ArraySource(Source):
    """A NumPy array of numbers."""

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
        part = rows if list(chosen) == list(range(self.n_columns)) else rows[:, list(chosen)]
        if part.dtype.kind in "iu":
            check_exact(part, str(self.where), chosen)
        return part


class NpySource(ArraySource):
    """A ``.npy`` file, mapped anew for each slice: unmapping gives its pages back."""

    reads_ahead = True

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
        columns = [(frame.column(i), self._at(i)) for i in chosen]
        step = rows_at_once(batch_rows, len(chosen))
        for start in range(0, frame.n_rows, step):
            stop = min(start + step, frame.n_rows)
            values = [frame.numbers(column, start, stop, at) for column, at in columns]
            yield Block(start, stop - start, values)

    def _at(self, i: int) -> str:
        return f"{self.where}, column {self._frame.labels[i]!r}"


class SlicedSource(Source):
    """An array that may lie elsewhere, of which each block is fetched by one slice of rows."""

    reads_ahead = True

    def __init__(self, where: str, store: Any) -> None:
        shape = store.shape
        if len(shape) != 2:
            likeness = np.broadcast_to(np.float64(0.0), shape)
            raise dimension_error(likeness, where, CALLER)
        if shape[0] != shape[0]:
            raise ValueError(
                f"{where} does not know how many rows it has: call compute_chunk_sizes() first."
            )
        super().__init__(where, int(shape[1]), None)
        # A dtype of NumPy says whether there are numbers, before anything is fetched.
        if isinstance(store.dtype, np.dtype) and store.dtype != object:
            as_numbers(np.empty((0, shape[1]), store.dtype), where)
        self.n_rows = int(shape[0])
        self._store = store
        # Other stores may give views of what they hold.
        self._fresh = is_class(store, "h5py", "Dataset") or is_class(store, "zarr", "Array")

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Fetch slices of rows."""
        columns = list(chosen)
        _check_open(self._store, str(self.where))
        for start, stop in self._cuts(rows_at_once(batch_rows, self.n_columns)):
            part, owned = array_of(self._store[start:stop], str(self.where)), self._fresh
            if columns != list(range(self.n_columns)):
                part, owned = part[:, columns], True
            yield Block(start, len(part), part, owned=owned)

    def _cuts(self, step: int) -> Iterator[tuple[int, int]]:
        """Where slices begin and end: between chunks where the store has them and they fit."""
        assert self.n_rows is not None
        chunks: Any = getattr(self._store, "chunks", None)
        rows = chunks[0] if isinstance(chunks, tuple) and len(chunks) == 2 else 0
        if isinstance(rows, tuple):
            # The chunks of dask are computed one by one, and a cut one would be twice.
            ends = np.cumsum(rows).tolist()
            yield from zip([0, *ends[:-1]], ends, strict=True)
            return
        if isinstance(rows, int) and 0 < rows < step:
            step = min(step, max(rows, CHUNKED_NUMBERS // self.n_columns))
            step -= step % rows
        elif isinstance(rows, int) and rows > step:
            # Each slice of a part of a chunk unpacks all of it.
            largest = max(1, MOST_NUMBERS // self.n_columns)
            step = -(-rows // -(-rows // largest))
        for start in range(0, self.n_rows, step):
            yield start, min(start + step, self.n_rows)


def memory_source(value: Any, where: str | None = None) -> Source | None:
    """Make a source of rows in memory, or of what gives them by slices.

    Parameters
    ----------
    value : object
        What `fastgmm.tables.containers` opens, or anything else.
    where : str, optional
        What the errors call it; by default, what it is.

    Returns
    -------
    Source or None
        None if it is none of these, but may be an iterable of tables.

    Raises
    ------
    ValueError, TypeError
        If it is a table, but not one of rows of numbers.
    """
    item = where is not None
    _refuse_group(value, where or "The source")
    _check_open(value, where or "The array")
    if not (is_table(value) or _is_rows(value, item)):
        return None
    if is_sliceable(value) and _lies_elsewhere(value):
        return SlicedSource(where or "The array", value)
    refuse_series(value)
    found = opened(value, where or ("The array" if hasattr(value, "shape") else "The source"))
    if isinstance(found, Frame):
        return FrameSource(where or f"The {found.kind}", found)
    array = as_numbers(found, where or "The array")
    if array.ndim != 2:
        raise dimension_error(array, where or "The array", CALLER)
    return ArraySource(where or "The array", array)


def _refuse_group(value: Any, where: str) -> None:
    if not any(is_class(value, package, "Group") for package in ("h5py", "zarr")):
        return
    names = list(value)
    shown = ", ".join(map(repr, names[:SHOWN_NAMES])) + (", ..." * (len(names) > SHOWN_NAMES))
    raise TypeError(
        f"{where} is a {type(value).__name__} of several arrays ({shown or 'none'}): pass one of "
        "them, such as f['X']."
    )


def _check_open(store: Any, where: str) -> None:
    # A dataset of h5py is false when its file is closed.
    if is_class(store, "h5py", "Dataset") and not store:
        raise ValueError(f"{where} lies in an HDF5 file that is closed: keep its file open.")


def _is_rows(value: Any, item: bool) -> bool:
    """Whether lists are rows: those of an item are, others if their own items are no tables."""
    if not isinstance(value, list | tuple):
        return False
    if item or not value:
        return item
    first = value[0]
    if isinstance(first, np.ndarray):
        return first.ndim == 1
    return isinstance(first, list | tuple) and not any(np.ndim(n) for n in first)


def _lies_elsewhere(value: Any) -> bool:
    in_memory = ("__array_interface__", "__dlpack__", "iloc")
    return not isinstance(value, np.ndarray) and not any(hasattr(value, name) for name in in_memory)
