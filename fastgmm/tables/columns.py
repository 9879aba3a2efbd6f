"""Columns of a table, chosen by name or by number."""

import operator
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from fastgmm.limits.scalars import is_iterable, shown

if TYPE_CHECKING:
    from pathlib import Path

Column: TypeAlias = str | int
"""A column is called by its name or by its number, counted from 0."""

MOST_DIGITS = 18
"""The number of a column has at most so many digits."""
SHOWN_FITTING = 6
"""An advice lists at most this many columns to choose."""

SHOWN_NAMES = 12
"""An error about an unknown column lists at most this many names that there are."""


def column_list(columns: Column | Sequence[Column] | None) -> list[Column] | None:
    """Make a list of what the user chose; one column may stand without a list.

    Parameters
    ----------
    columns : str, int, sequence of those, or None

    Returns
    -------
    list of (str or int), or None
        None where None was given.
    """
    if columns is None:
        return None
    if isinstance(columns, str | int) or not is_iterable(columns):
        return [as_column(columns)]
    return [as_column(column) for column in columns]


def as_column(column: Any) -> Column:
    """A column that somebody has chosen, by its name or its number.

    Parameters
    ----------
    column : str or int

    Returns
    -------
    str or int

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> as_column(1.5)
    Traceback (most recent call last):
    TypeError: A column is chosen by its name or its number, got 1.5.
    """
    if isinstance(column, str):
        return column
    try:
        return operator.index(column)
    except TypeError as error:
        raise TypeError(
            f"A column is chosen by its name or its number, got {shown(column)}."
        ) from error


def positions(
    where: "Path | str",
    names: Sequence[str] | None,
    n_columns: int,
    columns: Sequence[Column] | None,
) -> list[int]:
    """Turn the chosen columns into positions.

    Parameters
    ----------
    where : path or str
        What the errors call the table.
    names : sequence of str or None
        The names of all its columns, "" for one without.
    n_columns : int
        How many columns it has.
    columns : sequence of str or int, or None
        The choice; None is all, provided that all have names or none has. A string of digits that
        is no column's name counts as a number.

    Returns
    -------
    list of int
        Positions counted from 0, in the order of the choice.

    Raises
    ------
    ValueError
        If a column is unknown, ambiguous or chosen twice, or nothing is chosen.

    Examples
    --------
    >>> positions("The table", ("length", "width"), 2, ["width", "0"])
    [1, 0]
    """
    if columns is None:
        if names is not None and "" in names:
            named = [name for name in names if name]
            raise ValueError(
                f"{where}, column {names.index('')}: it has no name, "
                f"like the index that pandas and R write; {advice(named)}."
            )
        return list(range(n_columns))
    # With one more than there are, some column is chosen twice: what has no end is refused, too.
    listed = list(islice(columns, n_columns + 1)) if is_iterable(columns) else [as_column(columns)]
    found = [_position(where, names, n_columns, as_column(column)) for column in listed]
    if not found:
        raise ValueError(f"No column of {where} is chosen; choose at least one.")
    if len(set(found)) < len(found):
        twice = next(i for i, position in enumerate(found) if position in found[:i])
        raise ValueError(f"Column {shown(listed[twice])} of {where} is chosen twice.")
    return found


def _position(
    where: "Path | str", names: Sequence[str] | None, n_columns: int, column: Column
) -> int:
    if isinstance(column, str):
        if names is not None and column in names:
            if names.count(column) > 1:
                raise ValueError(
                    f"{where} has {names.count(column)} columns named {shown(column)}; choose by "
                    "number."
                )
            return names.index(column)
        if not (column.isascii() and column.isdigit()):
            if names is None:
                raise ValueError(
                    f"{where} has no column names, so {shown(column)} is not one; "
                    f"choose by number, 0 to {n_columns - 1}."
                )
            raise ValueError(f"{where} has no column {shown(column)}; it has {_quoted(names)}.")
    # More digits than these are no column's, and Python reads none of some thousand.
    number = -1 if isinstance(column, str) and len(column) > MOST_DIGITS else int(column)
    if not 0 <= number < n_columns:
        called = shown(column).strip("'")
        raise ValueError(
            f"{where} has no column number {called}; the numbers are 0 to {n_columns - 1}."
        )
    return number


def advice(fitting: Sequence[str]) -> str:
    """Say how to choose columns.

    Parameters
    ----------
    fitting : sequence of str
        The columns that hold numbers.

    Returns
    -------
    str
        The second half of a sentence.

    Examples
    --------
    >>> advice(["length"])
    "choose columns of numbers with columns=['length']"
    """
    if not fitting:
        return "no column holds numbers"
    shown = list(fitting[:SHOWN_FITTING])
    more = ", ..." if len(fitting) > len(shown) else ""
    return f"choose columns of numbers with columns=[{', '.join(map(repr, shown))}{more}]"


def _quoted(names: Sequence[str]) -> str:
    text = ", ".join(repr(name) for name in names[:SHOWN_NAMES])
    n_more = len(names) - SHOWN_NAMES
    return text if n_more <= 0 else f"{text} and {n_more} more"
