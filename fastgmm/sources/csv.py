"""What CSV text holds: the line of names, the numbers of its fields, and where a field is wrong."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fastgmm.tables.table import advice

DELIMITERS = {".csv": ",", ".tsv": "\t"}

# What pyarrow.csv takes for a missing number: the header detection and the error messages must
# agree with it (a test compares the two).
GAPS = {"", "NA", "N/A", "#NA", "#N/A", "#N/A N/A", "n/a", "NULL", "null", "NaN", "nan", "-NaN"}
GAPS |= {"-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"}

# pyarrow refuses a line longer than its block, which is 1 MiB (some 60,000 numbers) unless told.
CSV_BLOCK_BYTES = 8 * 2**20


class Head(NamedTuple):
    """What precedes the numbers of a CSV.

    Attributes
    ----------
    names : list of str or None
        "" for a column without one; None where the numbers begin at once.
    n_fields : int
        The number of columns.
    n_records, n_lines : int
        What to pass over, blank lines included: a name in quotation marks may hold line breaks,
        so that the two differ.
    """

    names: list[str] | None
    n_fields: int
    n_records: int
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
    n_blank = 0
    first: list[str] = []
    try:
        for first in reader:
            if first:
                break
            n_blank += 1
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
        return Head(None, len(first), 0, 0)  # pyarrow passes over blank lines itself
    return Head([field.strip() for field in first], len(first), n_blank + 1, n_lines)


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


def refuse_records(
    where: Path | str,
    records: Iterable[tuple[int, list[str]]],
    names: Sequence[str] | None,
    n_fields: int,
    chosen: Sequence[int],
    check: Callable[[str, float], None],
) -> None:
    """Raise the error for the first bad record; return when the csv module finds none.

    Parameters
    ----------
    where : path or str
        What the errors call the source.
    records : iterable of (int, list of str)
        Lines and fields, as from `numbered`, without those of the header.
    names : sequence of str or None
        The names of the columns.
    n_fields : int
        How many fields each record must have.
    chosen : sequence of int
        The columns that must hold numbers.
    check : callable
        Given a place and the number there (NaN for a gap), raises if the number is unfit.

    Raises
    ------
    ValueError
        If a record has another number of fields, or a word where a number belongs.
    """
    labels = list(names or map(str, range(n_fields)))
    for line, fields in records:
        if len(fields) != n_fields:
            raise ValueError(
                f"{where}, line {line}: it has {len(fields)} fields, the first line has {n_fields}."
            )
        for position in chosen:
            column = position if names is None else repr(names[position])
            place = f"{where}, line {line}, column {column}"
            value = number(fields[position])
            if value is None:
                pairs = zip(labels, fields, strict=True)
                fitting = [label for label, field in pairs if number(field) is not None]
                hint = advice(fitting) if fitting else "commas separate the fields of a .csv"
                raise ValueError(f"{place}: {_short(fields[position])} is not a number; {hint}.")
            check(place, value)


def number(field: str) -> float | None:
    """Return the number that a field stands for, NaN for a gap, None for a word.

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


def _short(field: str) -> str:
    """Quote a field; an open quotation mark makes one of many lines."""
    return repr(field if len(field) <= 40 else field[:40] + "...")
