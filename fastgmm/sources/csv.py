"""CSV as a source: pyarrow reads the numbers, the csv module finds the line where it cannot.

pyarrow belongs to an extra and is imported where it is used.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastgmm.sources.arrow import ArrowColumns, import_pyarrow, one_line
from fastgmm.sources.blocks import Block, Source
from fastgmm.sources.csv_text import CSV_BLOCK_BYTES, CsvText, number, numbered
from fastgmm.tables.columns import advice

if TYPE_CHECKING:
    import pyarrow

SHOWN_CHARACTERS = 40
"""An error shows at most this much of a field: an open quotation mark makes one of many lines."""


class Records(NamedTuple):
    """Consecutive records of a CSV.

    Attributes
    ----------
    opened : callable
        Opens their bytes from the beginning.
    n_lines : int
        How many lines of the source precede them.
    unreadable : str
        The sentence for records that only pyarrow cannot read, without its reason.
    """

    opened: Callable[[], IO[bytes]]
    n_lines: int
    unreadable: str


class CsvSource(Source):
    """CSV from a file or a pipe.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    opened : callable
        Returns a context manager that gives a `CsvText`.
    delimiter : str
        Between the fields.
    again : bool
        Whether `where` is a file and `opened` begins anew each time; else its first result serves
        for all.
    """

    nothing = "holds a line of column names but no rows."

    def __init__(
        self,
        where: Path | str,
        opened: Callable[[], AbstractContextManager[CsvText]],
        delimiter: str,
        *,
        again: bool,
    ) -> None:
        import_pyarrow("CSV")
        with opened() as text:
            names = None if text.names is None else tuple(text.names)
            super().__init__(where, text.n_fields, names)
        self._opened, self._delimiter = opened, delimiter
        self.reiterable = self.merged = again

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read what comes."""
        import pyarrow

        first = 0
        with self._opened() as text:
            for piece, n_lines in text.records():
                unreadable = f"{self.where}, behind line {n_lines}: it is not readable CSV"
                records = Records(partial(io.BytesIO, piece), n_lines, unreadable)
                size = len(piece) + 1
                block = self._block(first, pyarrow.BufferReader(piece), size, records, chosen)
                yield block
                first += block.n_rows

    def whole(self, chosen: Sequence[int]) -> Iterator[Block]:
        """Read a file in one piece, which pyarrow does on all processors."""
        if not self.reiterable:
            yield from super().whole(chosen)
            return
        import pyarrow

        with self._opened() as text:
            begin, n_lines = text.begin, text.n_lines
        unreadable = f"{self.where} is not a readable CSV"
        records = Records(partial(_opened_at, self.where, begin), n_lines, unreadable)
        with pyarrow.OSFile(str(self.where)) as file:
            file.seek(begin)
            yield self._block(0, file, CSV_BLOCK_BYTES, records, chosen)

    def _block(
        self, first: int, file: Any, size: int, records: Records, chosen: Sequence[int]
    ) -> Block:
        """Make a block of records; pyarrow reads `size` bytes of the file at a time."""
        import pyarrow

        try:
            table = self._table(file, size, chosen)
        except pyarrow.ArrowInvalid as error:
            columns, failure = self._before_failure(records, chosen, error)
            return Block(first, len(columns[0]), columns, partial(self._line_of, records), failure)
        columns_read = ArrowColumns(table.columns)
        return Block(first, table.num_rows, columns_read, partial(self._line_of, records))

    def _table(self, file: Any, size: int, chosen: Sequence[int]) -> pyarrow.Table:
        import pyarrow
        from pyarrow import csv

        # Numbers serve as names inside pyarrow: the source's own may be repeated or empty.
        read = [str(position) for position in chosen]
        return csv.read_csv(
            file,
            csv.ReadOptions(
                column_names=[str(position) for position in range(self.n_columns)],
                block_size=size,
            ),
            csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            csv.ConvertOptions(
                column_types=dict.fromkeys(read, pyarrow.float64()), include_columns=read
            ),
        )

    def _before_failure(
        self, records: Records, chosen: Sequence[int], error: Exception
    ) -> tuple[list[Any], ValueError | None]:
        """Read what pyarrow refused up to the bad record, and make the error for that one.

        Where nothing is behind the line of names, which is no failure, the error is None.
        """
        columns = [array("d") for _ in chosen]
        failure: ValueError | None = None
        try:
            for line, fields in self._numbered(records):
                self._append(columns, line, fields, chosen)
        except ValueError as found:
            failure = found
        else:
            if columns[0]:
                failure = ValueError(f"{records.unreadable} ({one_line(error)}).")
        if failure is not None:
            failure.__cause__ = error
        return [np.frombuffer(column) if column else np.empty(0) for column in columns], failure

    def _append(
        self, columns: list[array[float]], line: int, fields: list[str], chosen: Sequence[int]
    ) -> None:
        if len(fields) != self.n_columns:
            raise ValueError(
                f"{self.where}, line {line}: it has {len(fields)} fields, the first line has "
                f"{self.n_columns}."
            )
        for i, position in enumerate(chosen):
            value = number(fields[position])
            if value is None:
                # A gap to the left of the word comes first, so this record is kept as well.
                for column in columns[i:]:
                    column.append(0.0)
                raise self._word_error(line, fields, position)
            columns[i].append(value)

    def _word_error(self, line: int, fields: list[str], position: int) -> ValueError:
        labels = self.names or tuple(map(str, range(self.n_columns)))
        column = position if self.names is None else repr(self.names[position])
        pairs = zip(labels, fields, strict=True)
        fitting = [label for label, field in pairs if number(field) is not None]
        hint = advice(fitting) if fitting else "commas separate the fields of a .csv"
        word = fields[position]
        shown = word if len(word) <= SHOWN_CHARACTERS else word[:SHOWN_CHARACTERS] + "..."
        return ValueError(
            f"{self.where}, line {line}, column {column}: {shown!r} is not a number; {hint}."
        )

    def _line_of(self, records: Records, row: int) -> int | None:
        found = self._numbered(records)
        return next((line for i, (line, _) in enumerate(found) if i == row), None)

    def _numbered(self, records: Records) -> Iterator[tuple[int, list[str]]]:
        # Bytes that are not UTF-8 are replaced, since they may stand in a column not chosen.
        with (
            records.opened() as file,
            io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="") as lines,
        ):
            yield from numbered(self.where, lines, self._delimiter, records.n_lines)


def _opened_at(path: Path | str, begin: int) -> IO[bytes]:
    file = open(path, "rb")  # noqa: SIM115 -- the caller closes it
    file.seek(begin)
    return file
