"""What a frame is, of whatever package: names, the types of its columns, and their numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.tables.kinds import (
    inside,
    is_time,
    reads_as_number,
    time_error,
    type_sentence,
    value_error,
)
from fastgmm.tables.numeric import as_numbers

SHOWN_NAMES = 6
"""An advice lists at most this many columns to choose."""


class Frame(ABC):
    """A frame as columns from which slices of numbers can be taken.

    Attributes
    ----------
    native : object
        The frame itself.
    kind : str
        The name of its class.
    labels : tuple
        What its columns are called, of whatever type.
    n_rows : int
        How many rows it has.
    default : list of int or None
        The columns that count as data if none are chosen; None: all.
    kinds : tuple of (str or None)
        None for a column of numbers and the name of its type for another.
    single : bool
        Whether all columns are float32.
    """

    default: list[int] | None = None

    def __init__(self, native: Any, labels: Iterable[Any], n_rows: int) -> None:
        self.native, self.kind = native, type(native).__name__
        self.labels, self.n_rows = tuple(labels), n_rows

    @property
    @abstractmethod
    def kinds(self) -> tuple[str | None, ...]:
        """What the columns are, looked at when first asked for."""

    @property
    @abstractmethod
    def single(self) -> bool:
        """Whether all columns are float32."""

    @abstractmethod
    def column(self, i: int) -> Any:
        """The column with a number."""

    @abstractmethod
    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        """A column from one row to before another, NaN where one is missing; `at` names it."""

    @abstractmethod
    def first(self, i: int) -> Any:
        """The first value of a column that is there, as Python shows it; None if there is none."""

    def whole(self) -> NDArray[Any] | None:
        """All of it as one array of numbers, where its package has that at hand."""
        return None

    def check(self, name: str) -> None:  # noqa: B027 -- most frames are as they should be
        """Refuse a frame that its columns do not tell is none; `name` is what errors call it."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of all columns; None unless all are strings."""
        return text_names(self.labels)

    @property
    def data_labels(self) -> tuple[Any, ...]:
        """What the columns are called that count as data."""
        chosen = self.default
        return self.labels if chosen is None else tuple(self.labels[i] for i in chosen)


def text_names(labels: Iterable[Any]) -> tuple[str, ...] | None:
    """The names of columns, if all of them are text.

    Parameters
    ----------
    labels : iterable
        What they are called, of whatever type.

    Returns
    -------
    tuple of str, or None
        None if none of them is text, or there are none.

    Raises
    ------
    TypeError
        If some are strings and some are not.
    """
    names = tuple(labels)
    kinds = sorted({"str" if isinstance(name, str) else type(name).__qualname__ for name in names})
    if "str" not in kinds:
        return None
    if len(kinds) > 1:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but "
            f"these are of types {kinds}: rename the columns, or pass an array."
        )
    return names


def is_class(value: Any, package: str, name: str) -> bool:
    """Whether a value is of a class of this package and name, or of one that derives from it.

    A package that is not imported has made no value, so that none need be imported to ask.
    """
    return any(
        kind.__name__ == name and kind.__module__.split(".")[0] == package
        for kind in type(value).__mro__
    )


def names_of(value: Any) -> Iterable[Any] | None:
    """The names of the columns of a frame, of whatever type they are.

    Parameters
    ----------
    value : object
        A frame, or anything else that may have named columns.

    Returns
    -------
    iterable or None
        None if it has none.
    """
    if isinstance(value, Frame):
        return value.data_labels
    # The `columns` of pyarrow are the data.
    names: Any = getattr(value, "column_names", None)
    if names is None:
        names = getattr(value, "columns", None)
    return None if callable(names) else names


def rows_of(frame: Frame, name: str, *, series: bool = False) -> NDArray[Any]:
    """All columns that count as data, as rows of numbers.

    Parameters
    ----------
    frame : Frame
    name : str
        What the user calls it, for the messages.
    series : bool, default=False
        Whether it is a series whose only column the messages do not name.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        float32 if all columns are; a view where the package gives one.

    Raises
    ------
    ValueError, TypeError
        For the first column that holds no numbers; as `fastgmm.tables.numeric.as_numbers`.
    """
    whole = frame.whole()
    if whole is not None:
        return as_numbers(whole, name)
    chosen = range(len(frame.labels)) if frame.default is None else frame.default
    places = [name if series else f"{name}, column {frame.labels[i]!r}" for i in chosen]
    for i, at in zip(chosen, places, strict=True):
        if frame.kinds[i] is not None:
            raise _column_error(frame, i, at)
    rows = np.empty((frame.n_rows, len(chosen)), np.float32 if frame.single else np.float64)
    for position, (i, at) in enumerate(zip(chosen, places, strict=True)):
        rows[:, position] = frame.numbers(frame.column(i), 0, frame.n_rows, at)
    return rows


def _column_error(frame: Frame, i: int, at: str) -> Exception:
    kind = frame.kinds[i]
    assert kind is not None
    if is_time(kind):
        return time_error(at, kind)
    fitting = [label for label, other in zip(frame.labels, frame.kinds, strict=True) if not other]
    advice = "no column holds numbers"
    if fitting:
        more = ", ..." if len(fitting) > SHOWN_NAMES else ""
        shown = ", ".join(map(repr, fitting[:SHOWN_NAMES]))
        advice = f"choose columns of numbers, such as [{shown}{more}]"
    first = frame.first(i)
    if reads_as_number(first):
        what = "the column" if fitting else "the columns"
        advice = f"its text reads as numbers: convert {what} first, as by .astype(float) of pandas"
    return value_error(at, first, type_sentence(kind, advice))


def sparse_error(name: str) -> TypeError:
    """Build the error for sparse data, which `name` names."""
    return TypeError(
        f"Sparse data was passed for {inside(name)}, but dense data is required: convert it with "
        ".toarray(), or a frame with .sparse.to_dense()."
    )
