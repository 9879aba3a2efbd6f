"""The first lines of a CSV: its delimiter, its names, and whether there are any."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from fastgmm.lazy import lazy
from fastgmm.sources.dialect import SEPARATOR_LINE, YEAR, Dialect

SHOWN_CHARACTERS = 40
"""An error shows at most this much of a field: an open quotation mark makes one of many lines."""


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
    dialect : Dialect
        With the delimiter that was found.
    row_names : bool
        Whether the first column names the rows, and the line of names passes over it.
    """

    names: list[str] | None
    n_fields: int
    n_lines: int
    dialect: Dialect
    row_names: bool = False


def read_head(
    where: Path | str, lines: Iterable[str], dialect: Dialect, *, patient: bool = True
) -> Head:
    """Find out what precedes the numbers, from as few lines as tell.

    Parameters
    ----------
    where : path or str
        What the errors call the source.
    lines : iterable of str
        Its lines with their ends; what was not UTF-8 in them is U+FFFD.
    dialect : Dialect
        What the user has said.
    patient : bool, default=True
        Whether the second record is at hand, which in a pipe may be long in coming.

    Returns
    -------
    Head

    Raises
    ------
    ValueError
        If there is no line, or the first is not a line of text, or may be names or a row.
    """
    lines = iter(lines)
    n_blank, line = _next_full(lines)
    n_before, separator = 0, SEPARATOR_LINE.fullmatch(line)
    if separator is not None:
        n_before = n_blank + 1
        if dialect.delimiter is None:
            dialect = replace(dialect, delimiter=separator[1])
        n_blank, line = _next_full(lines)
    if not line:
        raise ValueError(f"{where} is empty.")
    try:
        dialect = dialect.sniffed(line)
        opening = _Opening(chain([line], lines), dialect)
        n_lines = n_before + n_blank + opening.n_lines
        _check_text(where, opening.first)
        header = dialect.header
        if header is None:
            header = _is_header(f"{where}, line {n_lines}", opening, dialect)
        if not header:
            # No blank line is skipped here, as pyarrow passes over those itself.
            return Head(None, len(opening.first), n_before, dialect)
        names = [field.strip() for field in opening.first]
        # R's write.table separates by blanks and quotes its names.
        if (patient or dialect.separator == " " or line.startswith('"')) and opening.names_rows:
            return Head(["", *names], len(names) + 1, n_lines, dialect, row_names=True)
    except csv.Error as error:
        raise ValueError(f"{where} is not a table of text ({error}).") from error
    return Head(names, len(names), n_lines, dialect)


def shown(field: str) -> str:
    """A field as an error shows it: quoted, and cut where it is long.

    Parameters
    ----------
    field : str

    Returns
    -------
    str
    """
    return repr(field if len(field) <= SHOWN_CHARACTERS else field[:SHOWN_CHARACTERS] + "...")


class _Opening:
    """The first two records that are not blank, the second only when it is asked for."""

    def __init__(self, lines: Iterator[str], dialect: Dialect) -> None:
        self._lines, self._dialect = lines, dialect
        self._reader = csv.reader(self._noted(), delimiter=dialect.separator)
        self._begin = ""
        self.first = next(self._reader)
        self.n_lines = self._reader.line_num

    def _noted(self) -> Iterator[str]:
        for line in self._lines:
            self._begin = self._begin or line.strip("\r\n")
            yield line

    @lazy
    def second(self) -> list[str]:
        """Its fields; none if there is no second record, or the csv module cannot read it."""
        self._begin = ""
        try:
            return next(filter(None, self._reader), [])
        except csv.Error:
            return []

    @property
    def names_rows(self) -> bool:
        """Whether the second record has one field more than the first, which names the row.

        A name is in quotation marks or a word. Where every field is a number, the record is one
        of another length, and a field that is empty at its end comes from a delimiter there.
        """
        if len(self.second) != len(self.first) + 1 or not self.second[-1]:
            return False
        first, *rest = map(self._dialect.number, self.second)
        named = first is None or self._begin.startswith('"') or self._dialect.separator == " "
        # A title above the line of names is followed by words alone.
        return named and any(value is not None for value in rest)


def _next_full(lines: Iterator[str]) -> tuple[int, str]:
    """How many blank lines there are, and the line behind them, "" at the end."""
    n_blank = 0
    for line in lines:
        if line.strip("\r\n"):
            return n_blank, line
        n_blank += 1
    return n_blank, ""


def _check_text(where: Path | str, fields: Sequence[str]) -> None:
    if any("\0" in field for field in fields):
        raise ValueError(f"{where} is not text: its first line holds a zero byte.")
    if any("\ufffd" in field for field in fields):
        raise ValueError(f"{where} is not UTF-8 text; save it as UTF-8.")


def _is_header(where: str, opening: _Opening, dialect: Dialect) -> bool:
    """Whether the first record holds names; a sentence where it may and may not.

    A record with a number is none of names. If a column begins with a word and goes on with a
    number, or all numbers may be years, it might be, and no row may be lost or won in silence.
    """
    numbers = [dialect.number(field) for field in opening.first]
    words = [field for field, value in zip(opening.first, numbers, strict=True) if value is None]
    found = [
        field
        for field, value in zip(opening.first, numbers, strict=True)
        if value is not None and value == value
    ]
    # Only a mixed line needs the next one, which in a pipe may be long in coming.
    if not words or len(words) == len(numbers):
        return bool(words)
    below = list(zip(opening.first, numbers, map(dialect.number, opening.second), strict=False))
    turned = any(value is None and next_ is not None for _, value, next_ in below)
    if not found:
        return any(value is None and next_ is not None and next_ == next_
                   for _, value, next_ in below)  # fmt: skip
    under = [second for field, second in zip(opening.first, opening.second, strict=False)
             if field in found]  # fmt: skip
    years = all(YEAR.fullmatch(field.strip()) for field in found)
    if turned or (years and not all(YEAR.fullmatch(field.strip()) for field in under)):
        raise ValueError(
            f"{where}: it holds words such as {shown(words[0])} and numbers such as "
            f"{shown(found[0])}; pass header=True if they are names and header=False if they are "
            "a row."
        )
    return False
