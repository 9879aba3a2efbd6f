"""Files behind URLs as sources: opened by fsspec, read as those of this machine are."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.arrow import ArrowFileSource, ArrowStreamSource, ParquetSource
from fastgmm.sources.blocks import Source
from fastgmm.sources.compressed import decompressed
from fastgmm.sources.csv import CsvSource
from fastgmm.sources.csv_text import CsvText
from fastgmm.sources.damage import refusing_damage
from fastgmm.sources.dialect import Dialect
from fastgmm.sources.memory import ArraySource
from fastgmm.sources.places import Remote
from fastgmm.sources.streams import ByteStream


def binary_source(file: Remote, format: str, arrow_mark: bytes) -> Source:
    """Make a source of a file of numbers.

    Parameters
    ----------
    file : Remote
    format : {"parquet", "arrow", "arrows", "npy", "npz"}
    arrow_mark : bytes
        Files of Arrow begin so, and streams do not.

    Returns
    -------
    Source

    Raises
    ------
    ValueError, ImportError
        As for a file of this machine, and for an archive, of which the array is not known.
    """
    if format == "parquet":
        return ParquetSource(file.url, file.open)
    if format == "npy":
        return RemoteNpySource(file)
    if format == "npz":
        raise ValueError(f"{file} is an archive: copy it to this machine, or save it as .npy.")
    with stream_of(file) as stream:
        whole = stream.starts_with(arrow_mark)
    if whole:
        return ArrowFileSource(file.url, file.open)
    return ArrowStreamSource(file.url, partial(_buffered_stream_of, file), again=True)


def text_source(file: Remote, dialect: Dialect) -> CsvSource:
    """Make a source of a CSV, compressed or not."""
    return CsvSource(file.url, partial(_csv_text, file, dialect), again=True, plain=False)


@contextlib.contextmanager
def stream_of(file: Remote) -> Iterator[ByteStream]:
    """Open the bytes of a file, decompressed."""
    with file.open() as opened:
        yield decompressed(file.url, ByteStream(opened))


@contextlib.contextmanager
def _buffered_stream_of(file: Remote) -> Iterator[io.BufferedReader]:
    with stream_of(file) as stream:
        yield io.BufferedReader(stream)


@contextlib.contextmanager
def _csv_text(file: Remote, dialect: Dialect) -> Iterator[CsvText]:
    with stream_of(file) as stream:
        yield CsvText(file.url, stream, dialect, patient=True)


class RemoteNpySource(ArraySource):
    """A ``.npy`` file of which each block is fetched."""

    def __init__(self, file: Remote) -> None:
        trouble = "is not a whole .npy file of numbers; write it with numpy.save"
        with refusing_damage(file.url, trouble, because=False), file.open() as opened:
            version = np.lib.format.read_magic(opened)
            read: Any = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, fortran, dtype = read(opened)
            self._begin = opened.tell()
        if dtype.kind not in "biuf":
            raise ValueError(f"{file} holds values of type {dtype}, not integers or floats.")
        if len(shape) == 1:
            shape = (*shape, 1)
        if len(shape) != 2:
            raise ValueError(f"{file} has {len(shape)} dimensions; rows and columns are 2.")
        if fortran and shape[1] > 1:
            raise ValueError(
                f"{file} holds its columns one after the other, so that rows cannot be fetched: "
                "save numpy.ascontiguousarray(X), or copy it to this machine."
            )
        super().__init__(file.url, np.broadcast_to(np.empty((), dtype), shape))
        self.nothing, self.reads_ahead = f"is empty: its shape is {shape}.", True
        self._file = file

    def _slice(self, start: int, stop: int) -> NDArray[Any]:
        n_columns, dtype = self.n_columns, self._array.dtype
        stop = min(stop, len(self._array))
        row = n_columns * dtype.itemsize
        with self._file.open() as opened:
            opened.seek(self._begin + start * row)
            piece = opened.read((stop - start) * row)
        if len(piece) < (stop - start) * row:
            raise ValueError(f"{self.where} is cut off, or has become shorter.")
        return np.frombuffer(piece, dtype).reshape(-1, n_columns)
