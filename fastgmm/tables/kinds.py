"""Types of values: which are numbers, and the sentence that refuses each of the others.

Where scikit-learn refuses a value too, a sentence opens with its words for the same mistake while
it fits.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

_TIMES = re.compile(
    r"(category of |dictionary<values=|ListType\()?"
    r"(date|time|duration|period|interval|month_day|<[mM]8)",
    re.IGNORECASE,
)
"""The name of a type of dates or time spans begins so in NumPy, pandas, polars and pyarrow."""

_TIME_ADVICE = (
    "dates and time spans have no unit that a mixture could use, so convert them to numbers, such "
    "as days since a date"
)

_TIME_TYPES = (
    *(datetime.date, datetime.time, datetime.timedelta),
    *(np.datetime64, np.timedelta64),
)
"""Single dates and spans are of these types; those of pandas derive from them."""


def inside(name: str) -> str:
    """What errors call the data, as it stands inside a sentence.

    Examples
    --------
    >>> inside("The array"), inside("X")
    ('the array', 'X')
    """
    return name[0].lower() + name[1:] if name.startswith(("The ", "Item ")) else name


def is_time(kind: str) -> bool:
    """Whether this is the name of a type of dates or time spans.

    Examples
    --------
    >>> is_time("datetime64[ns]"), is_time("Date"), is_time("double")
    (True, True, False)
    """
    return _TIMES.match(kind) is not None


def complex_error(at: str, kind: str) -> ValueError:
    """Build the error for complex numbers, `at` saying where they are."""
    return ValueError(f"Complex data not supported. {at}: {type_sentence(kind, '')}")


def time_error(at: str, kind: str) -> TypeError:
    """Build the error for dates and time spans, `at` saying where they are."""
    return TypeError(f"{at}: its type is {kind}, not a number; {_TIME_ADVICE}.")


def type_sentence(kind: str, advice: str) -> str:
    """What is wrong with a column whose type is none of numbers, and what to do.

    Parameters
    ----------
    kind : str
        The name of the type.
    advice : str
        How to choose other columns.

    Returns
    -------
    str
        The second half of a sentence.
    """
    if is_time(kind):
        advice = _TIME_ADVICE
    elif kind.startswith("complex"):
        advice = "pass the real part, or both parts as columns"
    return f"its type is {kind}, not a number; {advice}."


def reads_as_number(value: Any) -> bool:
    """Whether a value is text that is a number but for its type.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool

    Examples
    --------
    >>> reads_as_number("5.1"), reads_as_number("five"), reads_as_number(5.1)
    (True, False, False)
    """
    if not isinstance(value, str | bytes):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def text_error(at: str, value: Any, rest: str) -> ValueError:
    """Build the error for text, `at` saying where it is and `rest` what to do."""
    return ValueError(f"could not convert string to float: {value!r}. {at}: {rest}")


def value_error(at: str, value: Any, rest: str) -> Exception:
    """Build the error for a single value that is no number.

    Parameters
    ----------
    at : str
        Where it is.
    value : object
        The value.
    rest : str
        What it is and what to do: the second half of a sentence.

    Returns
    -------
    ValueError or TypeError
        It has the type that ``float`` raises.
    """
    kind = type(value)
    if _is_time_type(kind):
        return time_error(at, kind.__name__)
    if issubclass(kind, complex | np.complexfloating):
        return complex_error(at, kind.__name__)
    if issubclass(kind, str | bytes):
        return text_error(at, value, rest)
    if hasattr(value, "__len__") and not isinstance(value, dict | set):
        return ValueError(f"setting an array element with a sequence. {at}: {rest}")
    return TypeError(
        f"float() argument must be a string or a real number, not {kind.__name__!r}. {at}: {rest}"
    )


def _is_time_type(kind: type) -> bool:
    # The periods of pandas are of no type that Python knows.
    return issubclass(kind, _TIME_TYPES) or kind.__name__ == "Period"


def is_number_type(kind: type) -> bool:
    """Whether values of this type are numbers, or a gap: None, or the NA of pandas.

    Examples
    --------
    >>> is_number_type(int), is_number_type(type(None)), is_number_type(str)
    (True, True, False)
    """
    if kind in (float, int, bool, type(None)) or kind.__name__ == "NAType":
        return True
    others = (str, bytes, complex, np.complexfloating)
    if issubclass(kind, others) or _is_time_type(kind) or hasattr(kind, "__len__"):
        return False
    return hasattr(kind, "__float__") or hasattr(kind, "__index__")


def first_of_other_type(values: list[Any]) -> int | None:
    """The place of the first value that is neither a number nor a gap; None if there is none."""
    wrong = {kind for kind in set(map(type, values)) if not is_number_type(kind)}
    if not wrong:
        return None
    return next(i for i, value in enumerate(values) if type(value) in wrong)


def kind_of_objects(values: Iterable[Any]) -> str | None:
    """The name of the type of Python objects that are no numbers; None where all are numbers.

    Examples
    --------
    >>> kind_of_objects([1, 2.5, None]), kind_of_objects([1, "a"])
    (None, 'object (str)')
    """
    listed = list(values)
    place = first_of_other_type(listed)
    if place is None:
        return None
    value = listed[place]
    name = type(value).__name__
    return name if _is_time_type(type(value)) else f"object ({name})"
