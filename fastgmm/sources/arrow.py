"""Parquet and Arrow as sources: pyarrow, imported when needed, and its tables as blocks."""

from __future__ import annotations

import contextlib
import copy
import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

from fastgmm.errors import missing_package_error
from fastgmm.sources.blocks import Block, Source, rows_at_once
from fastgmm.tables.arrow_frames import arrow_kinds, arrow_numbers, plain_columns

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

    ArrowTable: TypeAlias = pyarrow.Table | pyarrow.RecordBatch

Opened: TypeAlias = Callable[[], IO[bytes]]
"""Opens a file that does not lie on this machine."""

PARQUET_BUFFER_BYTES = 2**16
"""A stream of blocks reads this much of a Parquet column at a time. Unless told, pyarrow reads all
of its row group, which may be the whole file."""


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
        # pyarrow belongs to an extra, and nothing but these sources needs it.
        import pyarrow
    except ImportError as error:
        raise missing_package_error(f"Reading {what} needs", "pyarrow", "cli") from error
    return pyarrow


def one_line(error: BaseException) -> str:
    """The words of pyarrow for an error, without line breaks and full stop."""
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


class ArrowColumns(Sequence[NDArray[Any]]):
    """Columns of pyarrow, of which each becomes numbers only while it is looked at."""

    def __init__(
        self,
        columns: Sequence[pyarrow.Array | pyarrow.ChunkedArray],
        where: Path | str = "The source",
    ) -> None:
        self._columns, self._where = columns, str(where)

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def __getitem__(self, position: Any) -> Any:
        """A column as floats, NaN where a value is missing."""
        return arrow_numbers(self._columns[position], self._where)


def open_parquet(
    where: Path | str, opened: Opened | None = None, buffer_bytes: int = 0
) -> parquet.ParquetFile:
    """Open a Parquet file.

    Parameters
    ----------
    where : path or str
        Its path, or what errors call it.
    opened : callable, optional
        Opens what lies elsewhere, as a binary file object.
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

    with refusing(where, "is not a whole Parquet file"):
        return parquet.ParquetFile(
            where if opened is None else opened(),
            page_checksum_verification=True,
            buffer_size=buffer_bytes,
            pre_buffer=buffer_bytes == 0,
        )


class ArrowSource(Source):
    """A source of Arrow's columns, which can be kept as they stand."""

    _kept: Sequence[int] = ()

    def keeping(self, kept: Sequence[int]) -> Source:
        """The same source, whose blocks carry these columns along."""
        other = copy.copy(self)
        other._kept = list(kept)
        return other


class ParquetSource(ArrowSource):
    """A Parquet file, of which only the chosen columns are read.

    Parameters
    ----------
    where : path or str
        Its path, or what errors call it.
    opened : callable, optional
        Opens what lies elsewhere, as a binary file object.
    """

    reads_ahead = True

    def __init__(self, where: Path | str, opened: Opened | None = None) -> None:
        self._opened = opened
        with open_parquet(where, opened) as file:
            schema = file.schema_arrow
            super().__init__(where, len(schema), tuple(schema.names), arrow_kinds(schema))
            self.n_rows = file.metadata.num_rows
            self.default = plain_columns(schema)

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read the file from its beginning."""
        rows = rows_at_once(batch_rows, len(chosen))
        with open_parquet(self.where, self._opened, PARQUET_BUFFER_BYTES) as file:
            batches = file.iter_batches(batch_size=rows, columns=self._names_of(chosen))
            taken = self._taken(chosen)
            yield from arrow_blocks(self.where, batches, taken, rows)

    def whole(self, chosen: Sequence[int]) -> Iterator[Block]:
        """Read the file in one piece, which pyarrow does on all processors."""
        with open_parquet(self.where, self._opened) as file:
            with refusing(self.where, "is damaged"):
                table = file.read(columns=self._names_of(chosen))
            rows = max(1, table.num_rows)
            yield from arrow_blocks(self.where, [table], self._taken(chosen), rows)

    def _names_of(self, chosen: Sequence[int]) -> list[str]:
        assert self.names is not None
        return list(dict.fromkeys(self.names[i] for i in (*chosen, *self._kept)))

    def _taken(self, chosen: Sequence[int]) -> Taken:
        return Taken(self._columns_of(chosen), self._columns_of(self._kept))

    def _columns_of(self, chosen: Sequence[int]) -> Callable[[ArrowTable], list[Any]]:
        assert self.names is not None
        # A name that repeats stands for all of its columns: the one chosen is the n-th of them.
        found = [(self.names[i], self.names[:i].count(self.names[i])) for i in chosen]

        def columns_of(table: ArrowTable) -> list[Any]:
            return [table.column(table.schema.get_all_field_indices(n)[k]) for n, k in found]

        return columns_of


class ArrowFileSource(ArrowSource):
    """An Arrow IPC file, mapped into memory where it is a file of this machine.

    Parameters
    ----------
    where, opened
        As for `ParquetSource`.
    """

    reads_ahead = True

    def __init__(self, where: Path | str, opened: Opened | None = None) -> None:
        pyarrow = import_pyarrow("Arrow files")
        from pyarrow import ipc

        with (
            refusing(where, "is not a whole Arrow file"),
            pyarrow.OSFile(str(where)) if opened is None else opened() as file,
        ):
            schema = ipc.open_file(file).schema
        super().__init__(where, len(schema), tuple(schema.names), arrow_kinds(schema))
        self.default = plain_columns(schema)
        self._opened = opened

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read the file from its beginning."""
        return (
            self._mapped(chosen, batch_rows)
            if self._opened is None
            else self._fetched(self._opened, chosen, batch_rows)
        )

    def _fetched(self, opened: Opened, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        from pyarrow import ipc

        rows = rows_at_once(batch_rows, len(chosen))
        with opened() as file:
            with refusing(self.where, "is not a whole Arrow file"):
                reader = ipc.open_file(file)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            yield from arrow_blocks(self.where, batches, by_number(chosen, self._kept), rows)

    def _mapped(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Map the file anew; the pages of what was read are given back."""
        import pyarrow
        from pyarrow import ipc

        with open(self.where, "rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with refusing(self.where, "is not a whole Arrow file"):
            # Columns named in included_fields would be copied, a whole record batch at a time.
            reader = ipc.open_file(pyarrow.py_buffer(pages))
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        rows = rows_at_once(batch_rows, len(chosen))
        for block in arrow_blocks(self.where, batches, by_number(chosen, self._kept), rows):
            yield block
            # Windows has no madvise.
            if hasattr(pages, "madvise"):
                pages.madvise(mmap.MADV_DONTNEED)


class ArrowStreamSource(ArrowSource):
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
        super().__init__(where, len(schema), tuple(schema.names), arrow_kinds(schema))
        self.default = plain_columns(schema)
        self.reiterable = self.merged = again
        self.reads_ahead = True if again else None
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
            yield from arrow_blocks(self.where, reader, by_number(chosen, self._kept), rows)


class Taken(NamedTuple):
    """What is taken of a table.

    Parameters
    ----------
    numbers : callable
        Returns the columns of the blocks.
    kept : callable
        Returns those that they carry along.
    """

    numbers: Callable[[ArrowTable], list[Any]]
    kept: Callable[[ArrowTable], list[Any]] = lambda table: []


def by_number(chosen: Sequence[int], kept: Sequence[int] = ()) -> Taken:
    """Take the columns of these numbers of a table."""

    def columns(numbers: Sequence[int]) -> Callable[[ArrowTable], list[Any]]:
        return lambda table: [table.column(i) for i in numbers]

    return Taken(columns(chosen), columns(kept))


def arrow_blocks(
    where: Path | str,
    tables: Iterable[ArrowTable],
    taken: Taken,
    rows: int,
    trouble: str = "is damaged or cut off",
) -> Iterator[Block]:
    """Cut tables or record batches into blocks.

    Parameters
    ----------
    where : path or str
        What the errors call the source.
    tables : iterable of Table or RecordBatch
        All with the same columns.
    taken : Taken
        The columns of the blocks.
    rows : int
        The most rows of a block.
    trouble : str
        The predicate of the sentence when pyarrow cannot go on.

    Yields
    ------
    Block

    Raises
    ------
    ValueError
        If pyarrow finds the source damaged.
    """
    first = 0
    pending = iter(tables)
    while True:
        with refusing(where, trouble):
            table = next(pending, None)
            if table is None:
                return
            # A damaged length would lead out of the buffer.
            table.validate()
        columns, kept = taken.numbers(table), taken.kept(table)
        for start in range(0, table.num_rows, rows):
            part = [column.slice(start, rows) for column in columns]
            carried = [column.slice(start, rows) for column in kept]
            numbers = ArrowColumns(part, where)
            yield Block(first + start, len(part[0]), numbers, kept=carried)
        first += table.num_rows
