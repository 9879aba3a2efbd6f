"""Bytes as they come: pipes, sockets and files, and CSV text cut into whole records."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.arrow import import_pyarrow, one_line
from fastgmm.sources.blocks import Block, Source
from fastgmm.sources.csv import CSV_BLOCK_BYTES, numbered, read_head, refuse_records

# So much is asked for at a time; a pipe gives what it has, 64 KiB at most on Linux.
READ_BYTES = 2**20

BOM = b"\xef\xbb\xbf"
# A CR at the end may be half of a CRLF.
LINE_END = rb"(?:\r\n|\n|\r(?!\Z))"
LINE = re.compile(rb"[^\r\n]*+" + LINE_END)
# A quotation mark opens a field only at its beginning, for pyarrow and for the csv module; within
# the field, two stand for one; elsewhere it is a character like others.
QUOTED = rb'(?<![^D\r\n])"(?:[^"]++|"")*+"|(?<=[^D\r\n])"'
# Before CPython 3.11.5 a possessive group that fails half way keeps what it has passed (gh-106052);
# a greedy one, which needs memory per record, does not.
ALL = rb"*+" if sys.version_info >= (3, 11, 5) else rb"*"
RECORDS = rb'(?:(?:[^"\r\n]++|' + QUOTED + rb")*+" + LINE_END + rb")" + ALL
WHOLE_RECORDS = {
    delimiter: re.compile(RECORDS.replace(b"D", delimiter.encode())) for delimiter in ",\t"
}


class Stream(io.RawIOBase):
    """A binary file object whose first bytes can be seen, and which waits for no more than one.

    Parameters
    ----------
    file : file object
    owned : bool, default=False
        Whether to close it at its end.
    """

    def __init__(self, file: Any, *, owned: bool = False) -> None:
        self._file, self._owned, self._ended = file, owned, False
        # read() of a buffered object waits until all has come; that of a raw one does not.
        self._read: Callable[[int], bytes | None] = getattr(file, "read1", file.read)
        self._kept = b""

    def starts_with(self, mark: bytes) -> bool:
        """Tell whether the stream begins so; waits for no byte behind the first that differs."""
        while len(self._kept) < len(mark) and mark.startswith(self._kept):
            piece = self._fetch(READ_BYTES)
            if not piece:
                break
            self._kept += piece
        return self._kept.startswith(mark)

    def some(self, most: int) -> bytes:
        """Return what has come, at most so many bytes; none only at the end."""
        if not self._kept:
            return self._fetch(most)
        piece, self._kept = self._kept[:most], self._kept[most:]
        return piece

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what has come, for `io.BufferedReader` and with it pyarrow."""
        piece = self.some(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def readable(self) -> bool:
        """Return True."""
        return True

    def _fetch(self, most: int) -> bytes:
        # A terminal can give more behind its end, so that is asked for once.
        piece = b"" if self._ended else self._read(most)
        if piece is None:
            raise BlockingIOError("The source does not wait for data; make it blocking.")
        if not piece:
            self._ended = True
            if self._owned:
                self._file.close()
        return piece


class CsvText:
    """A CSV while it is read: its header first, then its records.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    stream : Stream
        At its beginning.
    delimiter : str
        Between the fields.
    header : bool, optional
        As for `read_table`.

    Attributes
    ----------
    names, n_fields
        As in `fastgmm.sources.csv.Head`.
    """

    def __init__(self, where: Path | str, stream: Stream, delimiter: str, header: bool | None):
        self._where, self._stream, self._delimiter = where, stream, delimiter
        self._carry = b""
        head = read_head(where, self._lines(), delimiter, header)
        self.names, self.n_fields = head.names, head.n_fields
        passed = 0
        for _ in range(head.n_lines):
            passed = self._line_end(passed)
        self._carry = self._carry[passed:] if passed else self._carry.removeprefix(BOM)
        self._n_lines = head.n_lines

    def records(self) -> Iterator[tuple[bytes, int]]:
        """Give whole records as soon as they have come, and the number of lines before them."""
        while True:
            end = records_end(self._carry, self._delimiter)
            if end:
                text, self._carry = self._carry[:end], self._carry[end:]
                yield text, self._n_lines
                # Where lines end with CR alone, there is no LF.
                self._n_lines += text.count(b"\n") or text.count(b"\r")
            self._check_length()
            if not self._more():
                break
        if self._carry:
            yield self._carry, self._n_lines

    def _lines(self) -> Iterator[str]:
        begin = 0
        while end := self._line_end(begin):
            line = self._carry[begin:end]
            yield line.decode("utf-8" if begin else "utf-8-sig", errors="replace")
            begin = end

    def _line_end(self, begin: int) -> int:
        """Return where the line that begins here ends, 0 where none begins."""
        while True:
            line = LINE.match(self._carry, begin)
            if line is not None:
                return line.end()
            self._check_length(begin)
            if not self._more():
                return len(self._carry) if len(self._carry) > begin else 0

    def _more(self) -> bool:
        piece = self._stream.some(READ_BYTES)
        self._carry += piece
        return bool(piece)

    def _check_length(self, begin: int = 0) -> None:
        if len(self._carry) - begin > CSV_BLOCK_BYTES:
            raise ValueError(
                f"{self._where}: a line is longer than {CSV_BLOCK_BYTES >> 20} MiB; look for a "
                "quotation mark that is not closed."
            )


def records_end(text: bytes, delimiter: str) -> int:
    r"""Return where the last whole record ends.

    Parameters
    ----------
    text : bytes
        CSV from the beginning of a record.
    delimiter : str
        Between the fields.

    Returns
    -------
    int
        0 if there is no whole record.

    Examples
    --------
    >>> text = b'1,2\n3,"a\nb'
    >>> text[: records_end(text, ",")]
    b'1,2\n'
    """
    if b'"' not in text:
        return max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
    found = WHOLE_RECORDS[delimiter].match(text)
    return 0 if found is None else found.end()


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
        Whether `opened` begins anew each time; else its first result serves for all.
    """

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
        first = 0
        with self._opened() as text:
            for records, n_lines in text.records():
                values = self._parsed(records, n_lines, chosen)
                yield Block(first, values, self._line_finder(records, n_lines))
                first += len(values[0])

    def _parsed(
        self, records: bytes, n_lines: int, chosen: Sequence[int]
    ) -> list[NDArray[np.float64]]:
        import pyarrow
        from pyarrow import csv

        # Numbers serve as names inside pyarrow: the source's own may be repeated or empty.
        read = [str(position) for position in chosen]
        try:
            table = csv.read_csv(
                pyarrow.BufferReader(records),
                csv.ReadOptions(
                    column_names=[str(position) for position in range(self.n_columns)],
                    block_size=len(records) + 1,
                ),
                csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(read, pyarrow.float64()), include_columns=read
                ),
            )
        except pyarrow.ArrowInvalid as error:
            found = self._numbered(records, n_lines)
            refuse_records(
                self.where, found, self.names, self.n_columns, chosen, lambda place, value: None
            )
            raise ValueError(
                f"{self.where}, behind line {n_lines}: it is not readable CSV ({one_line(error)})."
            ) from error
        return [column.to_numpy() for column in table.columns]

    def _line_finder(self, records: bytes, n_lines: int) -> Callable[[int], int]:
        def line_of(row: int) -> int:
            found = self._numbered(records, n_lines)
            return next(line for i, (line, _) in enumerate(found) if i == row)

        return line_of

    def _numbered(self, records: bytes, n_lines: int) -> Iterator[tuple[int, list[str]]]:
        # What is not UTF-8 may stand in a column not chosen.
        lines = (line.decode(errors="replace") for line in records.splitlines(keepends=True))
        return numbered(self.where, lines, self._delimiter, n_lines)
