"""Writers of results that have a line per row: text, JSON, Parquet and NumPy's array."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple, Protocol

import numpy as np

from fastgmm.cli.kept import plain_rows, text_of
from fastgmm.cli.machine import print_json
from fastgmm.cli.usage import UsageError
from fastgmm.errors import missing_package_error
from fastgmm.typing import Flags

LINES_AT_ONCE = 8192
"""One thread makes text of so many rows at a time: enough that Python's own time does not show, and
few enough that all threads have work."""


class Field(NamedTuple):
    """One result of each row: a number, or several that go by one name in JSON.

    Parameters
    ----------
    name : str
        The key in JSON.
    columns : list of str
        The names of its columns elsewhere.
    several : bool
        Whether JSON has a list.
    """

    name: str
    columns: list[str]
    several: bool = False


class Form(NamedTuple):
    """How results are written.

    Parameters
    ----------
    path : str or None
        None is standard output.
    as_json : bool
        Whether each row is an object; else the ending of the path says what is written.
    digits : int, optional
        Decimals of the numbers; all that they have by default.
    threads : int, optional
        How many make text; one per processor by default.
    kept : tuple of str
        The names of the columns of the data that are written before the results.
    comes : bool
        Whether rows come one after the other, as from a pipe, and their text is to be seen then.
    """

    path: str | None
    as_json: bool = False
    digits: int | None = None
    threads: int | None = None
    kept: tuple[str, ...] = ()
    comes: bool = False


Values = Sequence[Any]
"""These are the arrays of one piece: for each field one value, or a line of values, per row."""


class Writer(Protocol):
    """What takes results, piece by piece."""

    def write(self, values: Values, whole: Flags | None = None, kept: Any = None) -> None:
        """Write the results of some rows.

        Parameters
        ----------
        values : sequence of ndarray
            In the order of the fields.
        whole : ndarray of bool, optional
            Which rows have results, where some have none: the values are those of these rows.
        kept : pyarrow.Table, optional
            What is written before the results of each row, where columns are kept.
        """

    def close(self) -> None:
        """Write what comes last."""


def pyarrow(what: str) -> Any:
    """The package, which an extra brings; whoever lacks it is told what cannot be done."""
    try:
        import pyarrow
        import pyarrow.csv
    except ImportError as error:
        raise missing_package_error(f"{what} needs", "pyarrow", "cli") from error
    return pyarrow


class Lent(io.RawIOBase):
    """A binary file for someone who closes what he is given; the file itself stays open."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def writable(self) -> bool:
        """True: it can be written to."""
        return True

    def write(self, data: Any) -> int:
        """Write to the file."""
        return self._file.write(data)


class Text:
    """A text stream that takes bytes; standard output has a stream of bytes beneath, or has not."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._beneath = getattr(stream, "buffer", None)

    def write(self, data: Any) -> None:
        """Write the bytes of text."""
        if self._beneath is None:
            self._stream.write(bytes(data).decode())
        else:
            self._beneath.write(data)

    def flush(self) -> None:
        """Let the text be seen."""
        self._stream.flush()


def _columns(values: Values, form: Form) -> list[Any]:
    """One array per column, rounded as was asked for."""
    columns: list[Any] = []
    for value in _rounded(values, form):
        columns += [value] if value.ndim == 1 else list(value.T)
    return columns


def _rounded(values: Values, form: Form) -> list[Any]:
    values = [np.asarray(value) for value in values]
    if form.digits is None:
        return values
    # Adding zero makes 0.0 of -0.0, which rounding leaves behind.
    return [
        np.round(value, form.digits) + 0.0 if value.dtype.kind == "f" else value for value in values
    ]


def _table(
    values: Values, whole: Flags | None, names: Sequence[str], form: Form, kept: Any = None
) -> Any:
    """A table of pyarrow, with nulls where a row has no results."""
    arrow, columns = pyarrow("Writing CSV"), _columns(values, form)
    found: list[Any] = [np.ascontiguousarray(one) for one in columns]
    if whole is not None:
        places = np.full(len(whole), -1)
        places[whole] = np.arange(int(whole.sum()))
        taken = arrow.array(places, mask=~whole)
        found = [arrow.array(one).take(taken) for one in found]
    if not form.kept:
        return arrow.table(found, names=list(names))
    carried = (
        kept.columns if kept is not None else [arrow.array([], arrow.string())] * len(form.kept)
    )
    return arrow.table([*carried, *found], names=[*form.kept, *names])


class Csv:
    """Lines of text, which threads make side by side."""

    def __init__(self, sink: Any, names: Sequence[str], form: Form) -> None:
        self._arrow = pyarrow("Writing CSV")
        self._sink, self._names, self._form = sink, names, form
        self._options = self._arrow.csv.WriteOptions(include_header=False)
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow([*form.kept, *names])
        sink.write(header.getvalue().encode())
        sink.flush()

    def write(self, values: Values, whole: Flags | None = None, kept: Any = None) -> None:
        """Write a line for each row."""
        table = _table(values, whole, self._names, self._form, kept)
        if len(table) <= LINES_AT_ONCE:
            self._sink.write(self._text(table))
        else:
            parts = (table.slice(i, LINES_AT_ONCE) for i in range(0, len(table), LINES_AT_ONCE))
            with ThreadPoolExecutor(self._form.threads or self._arrow.cpu_count()) as threads:
                for text in threads.map(self._text, parts):
                    self._sink.write(text)
        self._sink.flush()

    def _text(self, table: Any) -> Any:
        if self._form.kept:
            return text_of(table)
        text = self._arrow.BufferOutputStream()
        self._arrow.csv.write_csv(table, text, self._options)
        return text.getvalue()

    def close(self) -> None:
        """Nothing comes last."""


def _n_rows(values: Values, whole: Flags | None) -> int:
    return len(values[0]) if whole is None else len(whole)


class Json:
    """An object per row."""

    def __init__(self, stream: IO[str], fields: Sequence[Field], form: Form) -> None:
        self._stream, self._fields, self._form = stream, fields, form

    def write(self, values: Values, whole: Flags | None = None, kept: Any = None) -> None:
        """Write an object for each row."""
        rounded = _rounded(values, self._form)
        names = [field.name for field in self._fields]
        carried = [{}] * _n_rows(values, whole) if kept is None else plain_rows(kept)
        lists = [
            one.reshape(len(one), -1).tolist() if field.several else one.ravel().tolist()
            for field, one in zip(self._fields, rounded, strict=True)
        ]
        rows = zip(*lists, strict=True)
        nothing = [None] * len(names)
        flags = [True] * len(carried) if whole is None else whole
        for row, one in zip(carried, flags, strict=True):
            found = zip(names, next(rows) if one else nothing, strict=True)
            print_json(row | dict(found), self._stream)
        self._stream.flush()

    def close(self) -> None:
        """Nothing comes last."""


class Parquet:
    """A table whose columns go by the names of the CSV."""

    def __init__(self, file: IO[bytes], names: Sequence[str], form: Form) -> None:
        pyarrow("Writing Parquet")
        self._file, self._names, self._form = file, names, form
        self._writer: Any = None

    def write(self, values: Values, whole: Flags | None = None, kept: Any = None) -> None:
        """Write a group of rows."""
        from pyarrow import parquet

        table = _table(values, whole, self._names, self._form, kept)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Write what says where the groups are."""
        if self._writer is None:
            self.write([np.zeros((0, len(self._names)))])
        self._writer.close()


class Npy:
    """An array of float64 with the columns of the CSV, NaN where a row has no results."""

    def __init__(self, file: IO[bytes], n_columns: int, form: Form) -> None:
        if form.kept:
            raise UsageError(
                f"--keep is for text, and {form.path} holds numbers alone: write .csv or .parquet."
            )
        if not file.seekable():
            raise ValueError(
                f"{form.path} cannot be gone back in, and an array begins with the number of its "
                "rows: write to a file, or write CSV."
            )
        self._file, self._n_columns, self._form = file, n_columns, form
        self._n_rows = 0
        self._write_head()

    def _write_head(self) -> None:
        shape = (self._n_rows, self._n_columns)
        head = {"descr": "<f8", "fortran_order": False, "shape": shape}
        # NumPy leaves room for any number of rows, so that this head takes the first one's place.
        np.lib.format.write_array_header_1_0(self._file, head)

    def write(self, values: Values, whole: Flags | None = None, kept: Any = None) -> None:
        """Write the rows one after the other."""
        found = np.column_stack([np.asarray(one, "<f8") for one in _columns(values, self._form)])
        rows = found
        if whole is not None:
            rows = np.full((len(whole), self._n_columns), np.nan)
            rows[whole] = found
        self._file.write(np.ascontiguousarray(rows, "<f8").tobytes())
        self._n_rows += len(rows)

    def close(self) -> None:
        """Write the number of rows into the head."""
        self._file.seek(0)
        self._write_head()
