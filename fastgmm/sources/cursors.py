"""Rows of a database: what a cursor of the Python Database API (PEP 249) fetches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.arrow import one_line
from fastgmm.sources.blocks import Block, Source, rows_at_once
from fastgmm.tables.numeric import as_numbers, check_exact

PLAIN = frozenset({float, type(None)})
"""Values of these types become floats as they are; None becomes NaN."""


class CursorSource(Source):
    """What a cursor fetches, once.

    Parameters
    ----------
    cursor : object
        It has executed a query.

    Raises
    ------
    ValueError
        If it has not.
    """

    nothing = "holds no rows: its query gives none."
    reiterable = False
    reads_ahead = False

    def __init__(self, cursor: Any) -> None:
        where = "The cursor"
        with _sentences(where, cursor):
            names = _names_of(cursor)
        if not names:
            raise ValueError(f"{where} has executed no query that gives rows: execute one first.")
        super().__init__(where, len(names), names)
        self._cursor = cursor

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Fetch some rows at a time."""
        assert self.names is not None
        n_rows, first = rows_at_once(batch_rows, self.n_columns), 0
        places = [f"{self.where}, column {self.names[i]!r}" for i in chosen]
        while rows := self._fetched(n_rows):
            columns = list(zip(*rows, strict=True))
            values = [_numbers(columns[i], at) for i, at in zip(chosen, places, strict=True)]
            yield Block(first, len(rows), values)
            first += len(rows)

    def _fetched(self, n_rows: int) -> list[Any]:
        with _sentences(str(self.where), self._cursor):
            rows = list(self._cursor.fetchmany(n_rows))
        # Some drivers give rows as dictionaries.
        return [list(row.values()) for row in rows] if rows and _is_mapping(rows[0]) else rows


def cursor_source(value: Any) -> CursorSource | None:
    """Make a source of a cursor.

    Parameters
    ----------
    value : object

    Returns
    -------
    CursorSource or None
        None if it is no cursor, nor a result of SQLAlchemy.

    Raises
    ------
    ValueError
        If it is closed, or has executed no query.
    """
    known = hasattr(type(value), "fetchmany")
    if known and any(hasattr(type(value), name) for name in ("description", "keys")):
        return CursorSource(value)
    return None


def _names_of(cursor: Any) -> tuple[str, ...]:
    if hasattr(type(cursor), "description"):
        return tuple(str(column[0]) for column in cursor.description or ())
    return tuple(map(str, cursor.keys()))


def _is_mapping(row: Any) -> bool:
    return isinstance(row, Mapping)


def _numbers(column: Sequence[Any], at: str) -> NDArray[Any]:
    """A column of Python's values as floats; `at` names it in errors."""
    kinds = set(map(type, column))
    if kinds <= PLAIN:
        return np.array(column, dtype=np.float64)
    if kinds == {int}:
        whole = np.array(column)
        if whole.dtype.kind in "iu":
            check_exact(whole, at)
            return whole
    objects = np.empty(len(column), dtype=object)
    objects[:] = column
    numbers: NDArray[Any] = as_numbers(objects, at)
    return numbers


@contextlib.contextmanager
def _sentences(where: str, cursor: Any) -> Iterator[None]:
    """Turn the errors of the cursor's own package into one sentence.

    Raises
    ------
    ValueError
        Instead of them; each driver has classes of its own, which derive from nothing in common.
    """
    package = type(cursor).__module__.partition(".")[0]
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] != package:
            raise
        said = one_line(error)
        remedy = "; its connection must stay open" if "closed" in said else ""
        if "thread" in said:
            remedy = "; read it on the thread that opened its connection"
        raise ValueError(f"{where} cannot be read ({said}){remedy}.") from error
