"""CSV as a source: pyarrow reads the numbers, the csv module finds the line where it cannot.

pyarrow belongs to an extra and is imported where it is used.
"""

from __future__ import annotations

import copy
import io
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastgmm.sources.arrow import ArrowColumns, import_pyarrow
from fastgmm.sources.blocks import Block, Source
from fastgmm.sources.csv_text import BOM, CSV_BLOCK_BYTES, CsvText, line_by_line, numbered
from fastgmm.sources.dialect import Dialect
from fastgmm.sources.header import shown
from fastgmm.sources.streams import READ_BYTES
from fastgmm.tables.columns import advice

if TYPE_CHECKING:
    import pyarrow

AROUND = (("", ""), (" ", ""), ("", " "), (" ", " "))
"""What may stand around a gap; where there is more, the slow reader finds it."""
COUNTED_BYTES = 2**20
"""The lines of a file are counted in pieces of this size."""
LIKELY_DELIMITERS = {";": "';'", "\t": "'\\t'", "|": "'|'", " ": "'whitespace'"}
"""A word that holds one of these may be several fields, and the option that says so."""


class Records(NamedTuple):
    """Consecutive records of a CSV.

    Attributes
    ----------
    opened : callable
        Opens their bytes from the beginning.
    n_lines : int
        How many lines of the source precede them.
    """

    opened: Callable[[], IO[bytes]]
    n_lines: int


class CsvSource(Source):
    """CSV from a file or a pipe.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    opened : callable
        Returns a context manager that gives a `CsvText`.
    again : bool
        Whether `where` is a file and `opened` begins anew each time; else its first result serves
        for all.
    plain : bool
        Whether the bytes of the text are those of a file, so that pyarrow can read it.
    """

    nothing = "holds a line of column names but no rows."

    def __init__(
        self,
        where: Path | str,
        opened: Callable[[], AbstractContextManager[CsvText]],
        *,
        again: bool,
        plain: bool,
    ) -> None:
        import_pyarrow("CSV")
        with opened() as text:
            head = text.head
        names = None if head.names is None else tuple(head.names)
        super().__init__(where, head.n_fields, names)
        if head.row_names:
            self.default = list(range(1, head.n_fields))
        self._opened, self._dialect, self._plain = opened, head.dialect, plain
        self._kept: list[int] = []
        self.reiterable = self.merged = again
        self.reads_ahead = True if again else None

    def keeping(self, kept: Sequence[int]) -> Source:
        """The same source, whose blocks carry these columns along as text."""
        other = copy.copy(self)
        other._kept = list(kept)
        return other

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read what comes."""
        return self._pieces(chosen, 0)

    def _pieces(self, chosen: Sequence[int], least: int) -> Iterator[Block]:
        import pyarrow

        first = 0
        with self._opened() as text:
            for piece, n_lines in text.records(least):
                records = Records(partial(io.BytesIO, piece), n_lines)
                # pyarrow takes the mark of UTF-8 away wherever a piece begins, but no file has two.
                guarded = b"\n" + piece if piece.startswith(BOM) else piece
                size, file = len(guarded) + 1, pyarrow.BufferReader(guarded)
                block = self._block(first, file, size, records, chosen)
                yield block
                first += block.n_rows

    def whole(self, chosen: Sequence[int]) -> Iterator[Block]:
        """Read a file in one piece, which pyarrow does on all processors."""
        # Where lines are passed over, only the pieces that hold some are read slowly.
        if not self._plain or self._dialect.skips:
            yield from self._pieces(chosen, READ_BYTES)
            return
        import pyarrow

        with self._opened() as text:
            begin, n_lines = text.begin, text.head.n_lines
        records = Records(partial(_opened_at, self.where, begin), n_lines)
        with _opened_at(self.where, begin) as rest:
            marked = rest.read(len(BOM)) == BOM
        if marked:
            yield from self._pieces(chosen, READ_BYTES)
            return
        # pyarrow makes room for whole blocks, however short the file is.
        size = min(CSV_BLOCK_BYTES, max(1, Path(self.where).stat().st_size - begin + 1))
        with pyarrow.OSFile(str(self.where)) as file:
            file.seek(begin)
            yield self._block(0, file, size, records, chosen)

    def _block(
        self, first: int, file: Any, size: int, records: Records, chosen: Sequence[int]
    ) -> Block:
        """Make a block of records; pyarrow reads `size` bytes of the file at a time."""
        import pyarrow

        try:
            table = self._table(file, size, chosen)
        except pyarrow.ArrowInvalid as error:
            block = self._read_slowly(first, records, chosen)
            if block.failure is not None:
                block.failure.__cause__ = error
            return block
        if self._dialect.skips and _quoted(records) and table.num_rows != _n_lines(records):
            # A quotation mark that is left open has taken the lines behind it.
            return self._read_slowly(first, records, chosen)
        lines_of = partial(self._lines_of, records, table.num_rows)
        numbers, texts = table.columns[: len(chosen)], table.columns[len(chosen) :]
        return Block(first, table.num_rows, ArrowColumns(numbers), lines_of, kept=texts)

    def _table(self, file: Any, size: int, chosen: Sequence[int]) -> pyarrow.Table:
        """Read the chosen columns as numbers, and behind them those that are kept as text."""
        import pyarrow

        types = dict.fromkeys(chosen, pyarrow.float64())
        if set(chosen).isdisjoint(self._kept):
            return self._typed(file, size, types | dict.fromkeys(self._kept, pyarrow.string()))
        # A column is one or the other for pyarrow, so those that are both are read twice.
        begin = file.tell()
        table = self._typed(file, size, types)
        file.seek(begin)
        texts = self._typed(file, size, dict.fromkeys(self._kept, pyarrow.string()))
        columns = [*table.columns, *texts.columns]
        return pyarrow.table(columns, names=[str(i) for i in range(len(columns))])

    def _typed(self, file: Any, size: int, types: dict[int, Any]) -> pyarrow.Table:
        import pyarrow
        from pyarrow import csv

        # Numbers serve as names inside pyarrow: the source's own may be repeated or empty.
        read = {str(position): kind for position, kind in types.items()}
        # Threads would share the columns of a piece, which saves a fifth of the time with 200
        # columns and none with 8, and each keeps memory (52 MB at the peak instead of 22).
        threads = not isinstance(file, pyarrow.BufferReader)
        return csv.read_csv(
            file,
            csv.ReadOptions(
                column_names=[str(position) for position in range(self.n_columns)],
                block_size=size,
                use_threads=threads,
            ),
            csv.ParseOptions(delimiter=self._dialect.separator, newlines_in_values=True),
            csv.ConvertOptions(
                column_types=read,
                include_columns=list(read),
                # pyarrow looks past blanks around numbers, but not around what stands for none.
                null_values=[f"{b}{mark}{e}" for mark in self._dialect.gaps for b, e in AROUND],
                decimal_point=self._dialect.decimal,
            ),
        )

    def _read_slowly(self, first: int, records: Records, chosen: Sequence[int]) -> Block:
        """Read what pyarrow refused up to the bad record, and make the error for that one.

        There may be none: pyarrow is strict with blanks around gaps, for example. Where bad lines
        are passed over, reading goes on behind them.
        """
        import pyarrow

        columns, places, skipped = [array("d") for _ in chosen], list[int](), list[int]()
        kept: list[list[str]] = [[] for _ in self._kept]
        failure: ValueError | None = None
        try:
            for line, fields in self._numbered(records):
                places.append(line)
                try:
                    self._append(columns, line, fields, chosen)
                    texts = self._texts(line, fields)
                except ValueError:
                    if not self._dialect.skips:
                        raise
                    skipped.append(places.pop())
                    for column in columns:
                        del column[len(places) :]
                    continue
                for texts_so_far, text in zip(kept, texts, strict=True):
                    texts_so_far.append(text)
        except ValueError as found:
            failure = found
        numbers = [np.frombuffer(column) if column else np.empty(0) for column in columns]
        carried = [pyarrow.array(one, pyarrow.string()) for one in kept]
        lines_of = partial(_at, places)
        n_rows = len(numbers[0])
        return Block(first, n_rows, numbers, lines_of, failure, kept=carried, skipped=skipped)

    def _texts(self, line: int, fields: list[str]) -> list[str]:
        """The fields of a record that are kept."""
        texts = [fields[position] for position in self._kept]
        for position, text in zip(self._kept, texts, strict=True):
            if "\ufffd" in text:
                raise ValueError(
                    f"{self.where}, line {line}, column {self._label(position)}: it is not UTF-8 "
                    "text; save the file as UTF-8, or do not keep the column."
                )
        return texts

    def _label(self, position: int) -> str:
        """What errors call a column."""
        return str(position) if self.names is None else repr(self.names[position])

    def _append(
        self, columns: list[array[float]], line: int, fields: list[str], chosen: Sequence[int]
    ) -> None:
        if len(fields) != self.n_columns:
            raise ValueError(
                f"{self.where}, line {line}: it has {len(fields)} fields, the first line has "
                f"{self.n_columns}{self._hint_of_comments(fields)}."
            )
        for i, position in enumerate(chosen):
            value = self._dialect.number(fields[position])
            if value is None:
                # A gap to the left of the word comes first, so this record is kept as well.
                for column in columns[i:]:
                    column.append(0.0)
                raise self._word_error(line, fields, position)
            columns[i].append(value)

    def _word_error(self, line: int, fields: list[str], position: int) -> ValueError:
        hint = (
            self._hint_of_comments(fields).removeprefix("; ")
            or self._hint_of_dialect(fields[position])
            or self._hint_of_columns(fields)
        )
        return ValueError(
            f"{self.where}, line {line}, column {self._label(position)}: "
            f"{shown(fields[position])} is not a number; {hint}."
        )

    def _hint_of_comments(self, fields: list[str]) -> str:
        if self._dialect.comment is None:
            for begins in (fields[0].lstrip()[:1], (self.names or ("",))[0][:1]):
                if begins in ("#", "%"):
                    return f"; if {begins!r} begins a comment, pass comment={begins!r}"
        return ""

    def _hint_of_dialect(self, word: str) -> str:
        dialect, separator = self._dialect, self._dialect.separator
        if dialect.decimal == "." and separator != "," and _with_comma(dialect).number(word):
            or_fields = ", or delimiter=',' where it separates the fields" * (self.n_columns == 1)
            return f"where a comma precedes the decimals, pass decimal=','{or_fields}"
        for delimiter, argument in LIKELY_DELIMITERS.items():
            parts = [part for part in word.strip().split(delimiter) if part]
            numeric = all(dialect.number(part) is not None for part in parts)
            if delimiter != separator and len(parts) > 1 and numeric:
                return f"if {delimiter!r} separates the fields, pass delimiter={argument}"
        return ""

    def _hint_of_columns(self, fields: list[str]) -> str:
        labels = self.names or tuple(map(str, range(self.n_columns)))
        pairs = zip(labels, fields, strict=True)
        fitting = [label for label, field in pairs if self._dialect.number(field) is not None]
        if fitting:
            return advice(fitting)
        separator = self._dialect.separator
        return f"the fields are taken to be separated by {separator!r}; pass delimiter= if not"

    def _lines_of(self, records: Records, n_rows: int, rows: Sequence[int]) -> list[int | None]:
        if _n_lines(records) == n_rows:
            # Every line is a row, so that none need be read.
            return [records.n_lines + row + 1 for row in rows]
        wanted, lines = set(rows), {}
        for i, (line, _) in enumerate(self._numbered(records)):
            if i in wanted:
                lines[i] = line
                if len(lines) == len(wanted):
                    break
        return [lines.get(row) for row in rows]

    def _numbered(self, records: Records) -> Iterator[tuple[int, list[str]]]:
        # Bytes that are not UTF-8 are replaced, since they may stand in a column not chosen.
        with (
            records.opened() as file,
            io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="") as lines,
        ):
            separator, n_before = self._dialect.separator, records.n_lines
            if self._dialect.skips:
                yield from line_by_line(lines, separator, n_before)
            else:
                yield from numbered(self.where, lines, separator, n_before)


def _at(places: Sequence[int], rows: Sequence[int]) -> list[int | None]:
    return [places[row] for row in rows]


def _quoted(records: Records) -> bool:
    with records.opened() as file:
        return b'"' in file.read()


def _with_comma(dialect: Dialect) -> Dialect:
    return replace(dialect, decimal=",")


def _n_lines(records: Records) -> int:
    """How many lines there are, where LF alone or CRLF ends them."""
    n_ends, last = 0, b"\n"
    with records.opened() as file:
        for piece in iter(partial(file.read, COUNTED_BYTES), b""):
            n_ends += piece.count(b"\n")
            last = piece[-1:]
    return n_ends + (last != b"\n")


def _opened_at(path: Path | str, begin: int) -> IO[bytes]:
    file = open(path, "rb")  # noqa: SIM115 -- the caller closes it
    file.seek(begin)
    return file
