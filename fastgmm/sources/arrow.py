"""pyarrow: imported when needed, its columns as numbers, and record batches as blocks of rows."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.blocks import Block, Source, rows_at_once

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

# How much of a Parquet column is read at a time: all of its row group, which may be the whole
# file, unless told.
PARQUET_BUFFER_BYTES = 2**16

# The name that pandas gives to an index without one when it writes Parquet or Arrow.
INDEX_OF_PANDAS = "__index_level_"


def import_pyarrow(what: str) -> Any:
    """Import pyarrow.

    Parameters
    ----------
    what : str
        What needs it, for the error.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it is not installed; the sentence names the extra.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(f"Reading {what} needs pyarrow: pip install 'fastgmm[cli]'.") from error
    return pyarrow


def one_line(error: BaseException) -> str:
    """Return pyarrow's words for an error without line breaks and full stop."""
    return " ".join(str(error).split()).rstrip(".")


@contextlib.contextmanager
def refusing(where: Path | str, trouble: str) -> Iterator[None]:
    """Turn pyarrow's errors into one sentence, and leave those of the system as they are.

    Parameters
    ----------
    where : path or str
        What the error calls the source.
    trouble : str
        The predicate of the sentence.

    Raises
    ------
    ValueError
        Instead of pyarrow's own errors.
    """
    pyarrow = import_pyarrow("Arrow")
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        # pyarrow raises OSError for damaged content as well, but without a number of the system.
        if getattr(error, "errno", None) is not None:
            raise
        raise ValueError(f"{where} {trouble} ({one_line(error)}).") from error


def is_number(kind: pyarrow.DataType) -> bool:
    """Tell whether a column of this type can be read."""
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_decimal)
    return any(test(kind) for test in tests)


def kinds_of(schema: pyarrow.Schema) -> tuple[str | None, ...]:
    """Return None for a column of numbers and the name of its type for any other."""
    return tuple(None if is_number(kind) else str(kind) for kind in schema.types)


def plain_columns(schema: pyarrow.Schema) -> list[int]:
    """Return the columns that are not the index of pandas."""
    return [i for i, name in enumerate(schema.names) if not name.startswith(INDEX_OF_PANDAS)]


def numbers_of(column: pyarrow.Array | pyarrow.ChunkedArray) -> NDArray[np.float64]:
    """Return a column as float64, NaN where a value is missing."""
    from pyarrow import types

    if not types.is_float64(column.type):
        column = column.cast("float64", safe=False)
    chunked = hasattr(column, "chunks")
    numbers: NDArray[np.float64] = (
        column.to_numpy() if chunked else column.to_numpy(zero_copy_only=False)
    )
    return numbers


def open_parquet(path: Path, buffer_bytes: int = 0) -> parquet.ParquetFile:
    """Open a Parquet file.

    Parameters
    ----------
    path : path
    buffer_bytes : int, default=0
        How much of a column to read at a time; 0: all of its row group.

    Returns
    -------
    pyarrow.parquet.ParquetFile

    Raises
    ------
    PermissionError, ImportError
        If it cannot be opened, or pyarrow is not installed.
    ValueError
        If it is not a whole Parquet file.
    """
    import_pyarrow("Parquet")
    from pyarrow import parquet

    with refusing(path, "is not a whole Parquet file"):
        return parquet.ParquetFile(
            path,
            page_checksum_verification=True,
            buffer_size=buffer_bytes,
            pre_buffer=buffer_bytes == 0,
        )


class ParquetSource(Source):
    """A Parquet file, of which only the chosen columns are read."""

    def __init__(self, path: Path) -> None:
        with open_parquet(path) as file:
            schema = file.schema_arrow
            super().__init__(path, len(schema), tuple(schema.names), kinds_of(schema))
            self.n_rows = file.metadata.num_rows
            self.default = plain_columns(schema)

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read the file from its beginning."""
        assert self.names is not None
        names = [self.names[i] for i in chosen]
        # A name that repeats stands for all of its columns: the one chosen is the n-th of them.
        which = [self.names[:i].count(self.names[i]) for i in chosen]
        rows = rows_at_once(batch_rows, len(chosen))
        with open_parquet(Path(self.where), PARQUET_BUFFER_BYTES) as file:
            batches = file.iter_batches(batch_size=rows, columns=list(dict.fromkeys(names)))

            def columns_of(batch: pyarrow.RecordBatch) -> list[pyarrow.Array]:
                found = zip(names, which, strict=True)
                return [batch.column(batch.schema.get_all_field_indices(n)[k]) for n, k in found]

            yield from record_blocks(self.where, batches, columns_of, rows)


class ArrowFileSource(Source):
    """An Arrow IPC file, mapped into memory."""

    def __init__(self, path: Path) -> None:
        pyarrow = import_pyarrow("Arrow files")
        from pyarrow import ipc

        with refusing(path, "is not a whole Arrow file"), pyarrow.OSFile(str(path)) as file:
            schema = ipc.open_file(file).schema
        super().__init__(path, len(schema), tuple(schema.names), kinds_of(schema))
        self.default = plain_columns(schema)

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read the file from its beginning; the pages of what was read are given back."""
        import pyarrow
        from pyarrow import ipc

        with open(self.where, "rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with refusing(self.where, "is not a whole Arrow file"):
            # Not with included_fields: those are copied, a whole record batch at a time.
            reader = ipc.open_file(pyarrow.py_buffer(pages))
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        rows = rows_at_once(batch_rows, len(chosen))
        for block in record_blocks(self.where, batches, _by_number(chosen), rows):
            yield block
            if hasattr(pages, "madvise"):  # Windows has not
                pages.madvise(mmap.MADV_DONTNEED)


class ArrowStreamSource(Source):
    """An Arrow IPC stream, which gives every record batch as soon as it has come.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    opened : callable
        Returns a context manager that gives the bytes, a binary file object.
    again : bool
        Whether `opened` begins anew each time; else its first result serves for all.
    """

    def __init__(self, where: Path | str, opened: Any, *, again: bool) -> None:
        import_pyarrow("Arrow streams")
        self._opened = opened
        self._reader: Any = None
        with opened() as stream:
            reader = self._started(where, stream)
            schema = reader.schema
        super().__init__(where, len(schema), tuple(schema.names), kinds_of(schema))
        self.default = plain_columns(schema)
        self.reiterable = self.merged = again
        if not again:
            self._reader = reader

    @staticmethod
    def _started(where: Path | str, stream: Any) -> Any:
        from pyarrow import ipc

        with refusing(where, "is not an Arrow stream"):
            return ipc.open_stream(stream)

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read what comes."""
        rows = rows_at_once(batch_rows, len(chosen))
        with self._opened() as stream:
            reader = self._reader
            if reader is None:
                reader = self._started(self.where, stream)
            yield from record_blocks(self.where, reader, _by_number(chosen), rows)


def _by_number(chosen: Sequence[int]) -> Callable[[pyarrow.RecordBatch], list[pyarrow.Array]]:
    return lambda batch: [batch.column(i) for i in chosen]


def record_blocks(
    where: Path | str,
    batches: Iterable[pyarrow.RecordBatch],
    columns_of: Callable[[pyarrow.RecordBatch], list[pyarrow.Array]],
    rows: int,
) -> Iterator[Block]:
    """Cut record batches into blocks.

    Parameters
    ----------
    where : path or str
        What the errors call the source.
    batches : iterable of RecordBatch
        All with the same columns.
    columns_of : callable
        Returns the columns of the blocks.
    rows : int
        The most rows of a block.

    Yields
    ------
    Block

    Raises
    ------
    ValueError
        If pyarrow finds the source damaged.
    """
    first = 0
    pending = iter(batches)
    while True:
        with refusing(where, "is damaged or cut off"):
            batch = next(pending, None)
            if batch is None:
                return
            batch.validate()  # a damaged length would lead out of the buffer
        columns = columns_of(batch)
        for start in range(0, batch.num_rows, rows):
            yield Block(first + start, [numbers_of(c.slice(start, rows)) for c in columns])
        first += batch.num_rows
