"""CSV text while it is read: what precedes its records, and where these end."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from fastgmm.sources.compressed import TidyLines
from fastgmm.sources.dialect import BLANKS, Dialect
from fastgmm.sources.header import read_head
from fastgmm.sources.streams import ByteStream

CSV_BLOCK_BYTES = 8 * 2**20
"""No line may be longer than this. pyarrow refuses a line longer than its block, which is 1 MiB
(some 60,000 numbers) unless told."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Text of UTF-16, which Excel calls Unicode text, begins with one of these."""
BOM = b"\xef\xbb\xbf"
"""A file of UTF-8 may begin with these bytes, the byte order mark, which belong to no name."""
LINE_END = rb"(?:\r\n|\n|\r(?!\Z))"
"""A line ends with CRLF, LF or CR; a CR that is the last byte so far may be half of a CRLF."""
LINE = re.compile(rb"[^\r\n]*+" + LINE_END)
"""A whole line matches this, its end included."""
QUOTED = rb'(?<![^D\r\n])"(?:[^"]++|"")*+"|(?<=[^D\r\n])"'
"""A quotation mark opens a field only at its beginning, for pyarrow and for the csv module; within
the field, two stand for one; elsewhere it is a character like others. D is the delimiter."""
ALL = rb"*+" if sys.version_info >= (3, 11, 5) else rb"*"
"""Any number of records is taken by this. Before CPython 3.11.5 a possessive group that fails half
way keeps what it has passed (gh-106052); a greedy one, which needs memory per record, does not."""
RECORDS = rb'(?:(?:[^"\r\n]++|' + QUOTED + rb")*+" + LINE_END + rb")" + ALL
"""All whole records match this; D is the delimiter."""


def numbered(
    where: Path | str, lines: Iterable[str], delimiter: str, n_before: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Give the records that are not blank with the number of their last line, counted from 1.

    Parameters
    ----------
    where, lines, delimiter
        As for `read_head`.
    n_before : int, default=0
        How many lines precede the first of these.

    Yields
    ------
    line : int
    fields : list of str

    Raises
    ------
    ValueError
        If the csv module cannot read a line.
    """
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for fields in filter(None, reader):
            yield n_before + reader.line_num, fields
    except csv.Error as error:
        line = n_before + reader.line_num
        raise ValueError(f"{where}, line {line}: it is unreadable ({error}).") from error


def line_by_line(
    lines: Iterable[str], delimiter: str, n_before: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """Give each line that is not blank as a record, with its number.

    Parameters
    ----------
    lines, delimiter, n_before
        As for `numbered`.

    Yields
    ------
    line : int
    fields : list of str
        None where the csv module cannot read the line.
    """
    for number, line in enumerate(lines, n_before + 1):
        if line.strip("\r\n"):
            try:
                yield number, next(csv.reader([line], delimiter=delimiter), [])
            except csv.Error:
                yield number, []


class CsvText:
    """A CSV while it is read: its header first, then its records.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    stream : ByteStream
        At its beginning, decompressed.
    dialect : Dialect
        What the user has said.
    patient : bool
        As for `read_head`.

    Attributes
    ----------
    head : Head
        What precedes the records.
    begin : int
        How many bytes precede the records.
    """

    def __init__(
        self, where: Path | str, stream: ByteStream, dialect: Dialect, *, patient: bool
    ) -> None:
        self._where = where
        if any(stream.starts_with(mark) for mark in UTF_16):
            raise ValueError(f"{where} is UTF-16 text; save it as UTF-8.")
        if dialect.edits_lines:
            squeeze = dialect.delimiter == BLANKS
            stream = ByteStream(TidyLines(stream, dialect.comment, squeeze))
        self._stream, self._carry = stream, b""
        self.head = read_head(where, self._lines(), dialect, patient=patient)
        self.begin = 0
        for _ in range(self.head.n_lines):
            self.begin = self._line_end(self.begin)
        if self.head.n_lines == 0 and self._carry.startswith(BOM):
            self.begin = len(BOM)
        self._carry = self._carry[self.begin :]

    def records(self, least: int = 0) -> Iterator[tuple[bytes, int]]:
        """Give whole records as soon as they have come, and the number of lines before them.

        Parameters
        ----------
        least : int, default=0
            Wait for so many bytes, or the end.

        Yields
        ------
        records : bytes
        n_lines : int
        """
        n_lines, delimiter = self.head.n_lines, self.head.dialect.separator
        while True:
            end = 0
            if len(self._carry) >= least:
                skips = self.head.dialect.skips
                end = lines_end(self._carry) if skips else records_end(self._carry, delimiter)
            if end:
                text, self._carry = self._carry[:end], self._carry[end:]
                yield text, n_lines
                # Where lines end with CR alone, there is no LF.
                n_lines += text.count(b"\n") or text.count(b"\r")
            self._check_length()
            if not self._more():
                break
        if self._carry:
            yield self._carry, n_lines

    def _lines(self) -> Iterator[str]:
        begin = 0
        while end := self._line_end(begin):
            line = self._carry[begin:end]
            yield line.decode("utf-8" if begin else "utf-8-sig", errors="replace")
            begin = end

    def _line_end(self, begin: int) -> int:
        """Where the line that begins here ends, 0 where none begins."""
        while True:
            line = LINE.match(self._carry, begin)
            if line is not None:
                return line.end()
            self._check_length(begin)
            if not self._more():
                return len(self._carry) if len(self._carry) > begin else 0

    def _more(self) -> bool:
        piece = self._stream.some()
        self._carry += piece
        return bool(piece)

    def _check_length(self, begin: int = 0) -> None:
        if len(self._carry) - begin > CSV_BLOCK_BYTES:
            raise ValueError(
                f"{self._where}: a line is longer than {CSV_BLOCK_BYTES >> 20} MiB; look for a "
                "quotation mark that is not closed."
            )


def lines_end(text: bytes) -> int:
    r"""Return where the last whole line ends; a CR at the end may be half of a CRLF.

    Examples
    --------
    >>> lines_end(b"1,2\n3,"), lines_end(b"1\r2\r")
    (4, 2)
    """
    return max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1


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
        return lines_end(text)
    found = _whole_records(delimiter).match(text)
    return 0 if found is None else found.end()


@lru_cache
def _whole_records(delimiter: str) -> re.Pattern[bytes]:
    return re.compile(RECORDS.replace(b"D", re.escape(delimiter.encode())))
