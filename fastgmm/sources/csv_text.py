"""CSV text: the line of names, whole records, and what a field stands for."""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fastgmm.sources.streams import ByteStream

GAPS = {"", "NA", "N/A", "#NA", "#N/A", "#N/A N/A", "n/a", "NULL", "null", "NaN", "nan", "-NaN"}
GAPS |= {"-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"}
"""pyarrow.csv takes these for a missing number: the detection of the header and the error messages
must agree with it (a test compares the two)."""

CSV_BLOCK_BYTES = 8 * 2**20
"""No line may be longer than this. pyarrow refuses a line longer than its block, which is 1 MiB
(some 60,000 numbers) unless told."""

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
WHOLE_RECORDS = {
    delimiter: re.compile(RECORDS.replace(b"D", delimiter.encode())) for delimiter in ",\t"
}
"""Each delimiter has its compiled pattern of all whole records."""


class Head(NamedTuple):
    """What precedes the numbers of a CSV.

    Attributes
    ----------
    names : list of str or None
        "" for a column without one; None where the numbers begin at once.
    n_fields : int
        The number of columns.
    n_lines : int
        How many lines precede the records, blank ones included; a name in quotation marks may hold
        line breaks.
    """

    names: list[str] | None
    n_fields: int
    n_lines: int


def read_head(where: Path | str, lines: Iterable[str], delimiter: str, header: bool | None) -> Head:
    """Find out what precedes the numbers, from as few lines as tell.

    Parameters
    ----------
    where : path or str
        What the errors call the source.
    lines : iterable of str
        Its lines with their ends; what was not UTF-8 in them is U+FFFD.
    delimiter : str
        Between the fields.
    header : bool, optional
        As for `read_table`.

    Returns
    -------
    Head

    Raises
    ------
    ValueError
        If there is no line, or the first is not a line of text.
    """
    reader = csv.reader(lines, delimiter=delimiter)
    first: list[str] = []
    try:
        for first in reader:
            if first:
                break
        n_lines = reader.line_num
        if not first:
            raise ValueError(f"{where} is empty.")
        if any("\ufffd" in field for field in first):
            raise ValueError(f"{where} is not UTF-8 text; save it as UTF-8.")
        if header is None:
            header = _is_header(first, filter(None, reader))
    except csv.Error as error:
        raise ValueError(f"{where} is not a table of text ({error}).") from error
    if not header:
        # No line is skipped here, as pyarrow passes over blank ones itself.
        return Head(None, len(first), 0)
    return Head([field.strip() for field in first], len(first), n_lines)


def _is_header(first: Sequence[str], others: Iterator[list[str]]) -> bool:
    words = [number(field) is None for field in first]
    # Only a mixed line needs the next one, which in a pipe may be long in coming.
    if all(words) or not any(words):
        return all(words)
    pairs = zip(words, next(others, []), strict=False)
    return any(word and number(field) is not None for word, field in pairs)


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


def number(field: str) -> float | None:
    """The number that a field stands for, NaN for a gap, None for a word.

    Parameters
    ----------
    field : str

    Returns
    -------
    float or None
    """
    field = field.strip()
    if field in GAPS:
        return math.nan
    try:
        return None if "_" in field else float(field)
    except ValueError:
        return None


class CsvText:
    """A CSV while it is read: its header first, then its records.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    stream : ByteStream
        At its beginning.
    delimiter : str
        Between the fields.
    header : bool, optional
        As for `read_table`.

    Attributes
    ----------
    names, n_fields, n_lines
        As in `Head`.
    begin : int
        How many bytes precede the records.
    """

    def __init__(self, where: Path | str, stream: ByteStream, delimiter: str, header: bool | None):
        self._where, self._stream, self._delimiter = where, stream, delimiter
        self._carry = b""
        head = read_head(where, self._lines(), delimiter, header)
        self.names, self.n_fields, self.n_lines = head.names, head.n_fields, head.n_lines
        self.begin = 0
        for _ in range(head.n_lines):
            self.begin = self._line_end(self.begin)
        if head.n_lines == 0 and self._carry.startswith(BOM):
            self.begin = len(BOM)
        self._carry = self._carry[self.begin :]

    def records(self) -> Iterator[tuple[bytes, int]]:
        """Give whole records as soon as they have come, and the number of lines before them."""
        n_lines = self.n_lines
        while True:
            end = records_end(self._carry, self._delimiter)
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
