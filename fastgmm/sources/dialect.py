"""The dialect of a CSV: what separates its fields, and what a field stands for."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import replace

from fastgmm.limits.scalars import as_flag, is_iterable, is_word, shown
from fastgmm.values import dataclass

COMMON_GAPS = {"", "NA", "N/A", "#NA", "#N/A", "#N/A N/A", "n/a", "NULL", "null", "NaN", "nan"}
COMMON_GAPS |= {"-NaN", "-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"}
COMMON_GAPS |= {"?", "-", "--", ".", "None", "none", "n.a.", "N.A.", "na", "<NA>"}
"""These stand for a missing number. The first two lines are those of pyarrow and pandas; the third
has what questionnaires, statistical packages and Python write."""

SNIFFED_DELIMITERS = ";\t"
"""A first line that a comma does not cut is looked through for these."""
BLANKS = "whitespace"
"""As a delimiter, this word stands for any number of blanks and tabs."""
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""Excel takes the delimiter from a first line like this one."""
YEAR = re.compile(r"(1[5-9]|20)\d\d")
"""A field like this may be the name of a column as well as a number."""
MARK = re.compile(r"[^\w\s\"+\-.\x00-\x1f\x7f-\U0010ffff]")
"""A delimiter or the sign of a comment: one ASCII character that no number holds."""


@dataclass(frozen=True)
class Dialect:
    """What a reader was told of a CSV.

    Attributes
    ----------
    header : bool or None
        Whether the first line holds names; None finds out.
    delimiter : str or None
        Between the fields: one character, or "whitespace"; None finds out.
    decimal : str
        Before the decimals.
    comment : str or None
        From here to the end of a line, text is a comment.
    gap_marks : tuple of str
        These stand for a missing number, besides the common ones.
    bad_lines : {"error", "skip"}
        What is done about a line that is no row: then a line end always ends a row.
    """

    header: bool | None = None
    delimiter: str | None = None
    decimal: str = "."
    comment: str | None = None
    gap_marks: tuple[str, ...] = ()
    bad_lines: str = "error"

    @property
    def gaps(self) -> frozenset[str]:
        """All that stands for a missing number."""
        return frozenset(COMMON_GAPS).union(self.gap_marks)

    @property
    def separator(self) -> str:
        """The character between the fields, a comma unless another is known."""
        return " " if self.delimiter == BLANKS else self.delimiter or ","

    @property
    def skips(self) -> bool:
        """Whether lines that are no rows are passed over."""
        return self.bad_lines == "skip"

    @property
    def edits_lines(self) -> bool:
        """Whether lines are made ready before they are cut into fields."""
        return self.comment is not None or self.delimiter == BLANKS

    def number(self, field: str) -> float | None:
        """The number that a field stands for, NaN for a gap, None for a word.

        Examples
        --------
        >>> Dialect(decimal=",").number(" 2,5"), Dialect().number("two")
        (2.5, None)
        """
        field = field.strip()
        if field in COMMON_GAPS or field in self.gap_marks:
            return math.nan
        if self.decimal != ".":
            field = field.replace(".", "_").replace(self.decimal, ".")
        try:
            return float(field) if field.isascii() and "_" not in field else None
        except ValueError:
            return None

    def given(self) -> list[str]:
        """The names of the arguments that say something of text only."""
        names = ("header", "delimiter", "decimal", "comment", "gap_marks", "bad_lines")
        return [name for name in names if getattr(self, name) != getattr(PLAIN, name)]

    def sniffed(self, first: str) -> Dialect:
        """Find the delimiter of a first record, where this is safe.

        Parameters
        ----------
        first : str
            The record, its line end included.

        Returns
        -------
        Dialect
            Another delimiter only where a comma does not cut the record and a single one of
            `SNIFFED_DELIMITERS` does.
        """
        if self.delimiter is not None:
            return self
        decimal_comma = self.decimal == ","
        if not decimal_comma and _n_fields(first, ",") > 1:
            return replace(self, delimiter=",")
        found = [one for one in SNIFFED_DELIMITERS if _n_fields(first, one) > 1]
        if len(found) == 1:
            return replace(self, delimiter=found[0])
        return replace(self, delimiter=";" if decimal_comma else ",")


PLAIN = Dialect()
"""Nothing was told."""


def dialect_of(
    header: bool | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    comment: str | None = None,
    gap_marks: str | Sequence[str] = (),
    bad_lines: str = "error",
) -> Dialect:
    """Check what a user says of a CSV.

    Parameters
    ----------
    header, delimiter, decimal, comment
        As in `Dialect`.
    gap_marks : str or sequence of str
        One mark may stand without a list.
    bad_lines : {"error", "skip"}

    Returns
    -------
    Dialect

    Raises
    ------
    ValueError
        If one of them cannot be, or two are the same character.

    Examples
    --------
    >>> dialect_of(delimiter=";", decimal=",", gap_marks="-999").gap_marks
    ('-999',)
    """
    if delimiter is not None and not is_word(delimiter, (BLANKS, " ", "\t")):
        _check_mark("delimiter", delimiter)
    if not is_word(decimal, (".", ",")):
        raise ValueError(f"decimal must be '.' or ',', got {shown(decimal)}.")
    if comment is not None:
        _check_mark("comment", comment)
    if not is_word(bad_lines, ("error", "skip")):
        raise ValueError(f"bad_lines must be 'error' or 'skip', got {shown(bad_lines)}.")
    if isinstance(gap_marks, str):
        gap_marks = [gap_marks]
    marks = list(gap_marks) if is_iterable(gap_marks) else []
    if not is_iterable(gap_marks) or not all(map(_is_text, marks)):
        raise ValueError(
            f"gap_marks must be texts, as they stand in the file, got {shown(gap_marks)}."
        )
    if header is not None:
        header = as_flag(header, "header")
    used = {"delimiter": delimiter, "decimal": decimal, "comment": comment}
    for one in used.values():
        twins = [other for other in used if one is not None and used[other] == one]
        if len(twins) > 1:
            both = " and ".join(f"{twin}={one!r}" for twin in twins)
            raise ValueError(f"{both} must be different characters.")
    stripped = tuple(mark.strip() for mark in marks)
    return Dialect(header, delimiter, decimal, comment, stripped, bad_lines)


def _is_text(mark: object) -> bool:
    """Whether a file of text can hold it: half a pair of UTF-16 is none."""
    return isinstance(mark, str) and mark.encode(errors="replace").decode() == mark


def _check_mark(name: str, value: object) -> None:
    if not isinstance(value, str) or not MARK.fullmatch(value):
        words = ", '\\t', ' ' or 'whitespace'" if name == "delimiter" else ""
        raise ValueError(
            f"{name} must be one ASCII character such as {';' if words else '#'!r}{words}, got "
            f"{shown(value)}."
        )


def _n_fields(record: str, delimiter: str) -> int:
    return len(next(csv.reader([record], delimiter=delimiter), []))
