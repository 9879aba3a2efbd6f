"""What a user gave where one thing is wanted: a number, a word, a flag, a path; how it is shown.

Whatever a value is, a test of it ends in an answer, and a sentence about it stays short: arrays
have no truth value, integers may have more digits than Python prints, and floats may not hold them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 500
"""Of a value a sentence shows so many characters."""
MOST_LINES = 3
"""A table of more lines is shown by its shape alone."""


def shown(value: Any) -> str:
    """The representation of a value, no longer than a sentence bears.

    Parameters
    ----------
    value : object

    Returns
    -------
    str

    Examples
    --------
    >>> shown([1, 2]), shown(10**5000)
    ('[1, 2]', 'an int of 16610 bits')
    >>> shown(np.eye(9))
    'an object of the type ndarray and the shape (9, 9)'
    """
    if isinstance(value, int) and value.bit_length() > 4 * LONGEST:
        return f"an int of {value.bit_length()} bits"  # Python prints no more than 4300 digits
    try:
        text = repr(value)
    except Exception:
        return f"an object of the type {type(value).__name__}"
    shape = getattr(value, "shape", None)
    if text.count("\n") >= MOST_LINES and isinstance(shape, tuple):
        return f"an object of the type {type(value).__name__} and the shape {shape}"
    return clipped(text)


def clipped(text: str) -> str:
    """A text, or its beginning, where it is longer than a sentence bears.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> clipped("a" * 10**6) == "a" * LONGEST + "..."
    True
    """
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def as_float(value: Any) -> float:
    """A number as a float, and NaN for what is none or beyond floats: no range holds it.

    Parameters
    ----------
    value : object

    Returns
    -------
    float

    Examples
    --------
    >>> as_float(2), as_float("2"), as_float(True), as_float(10**400)
    (2.0, nan, nan, nan)
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except (OverflowError, TypeError):  # NumPy calls times integers, which they are not
        return math.nan


def is_word(value: Any, words: Iterable[str]) -> bool:
    """Whether a value is one of some words; an array is none.

    Parameters
    ----------
    value : object
    words : iterable of str

    Returns
    -------
    bool

    Examples
    --------
    >>> is_word("a", ("a", "b")), is_word(np.array(["a", "b"]), ("a", "b"))
    (True, False)
    """
    return isinstance(value, str) and value in words


def is_iterable(value: Any) -> bool:
    """Whether one may walk over a value; an array without dimensions only looks as if.

    So does a view of memory with several, or of numbers of half precision: Python has not
    implemented it.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool

    Examples
    --------
    >>> is_iterable([1]), is_iterable(np.array(1)), is_iterable(1)
    (True, False, False)
    """
    if isinstance(value, memoryview):
        if value.ndim != 1:
            return False
        try:
            value[:1].tolist()
        except NotImplementedError:
            return False
        return True
    try:
        iter(value)
    except TypeError:
        return False
    return True


def as_flag(value: Any, name: str) -> bool:
    """Whether a value is true.

    Parameters
    ----------
    value : object
    name : str
        What the user calls it.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If it is neither true nor false, as an array is.

    Examples
    --------
    >>> as_flag(np.zeros(2), "shuffle")
    Traceback (most recent call last):
    TypeError: shuffle must be True or False, got array([0., 0.]).
    """
    try:
        return bool(value)
    except Exception as error:
        raise TypeError(f"{name} must be True or False, got {shown(value)}.") from error


def as_path(value: Any, name: str) -> str:
    """The path of a file as text.

    Parameters
    ----------
    value : str, bytes or os.PathLike
    name : str
        What the user calls it.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If it is none.
    ValueError
        If no file can be called so.

    Examples
    --------
    >>> as_path(3, "path")
    Traceback (most recent call last):
    TypeError: path must be the path of a file, a str or a pathlib.Path, got 3.
    """
    try:
        path = os.fsdecode(value)
        encoded = os.fsencode(path)
    except TypeError as error:
        raise TypeError(
            f"{name} must be the path of a file, a str or a pathlib.Path, got {shown(value)}."
        ) from error
    except UnicodeError as error:
        raise ValueError(
            f"{name} is {shown(value)}, which this system cannot encode: no file has that name."
        ) from error
    if b"\0" in encoded:
        raise ValueError(f"{name} is {shown(value)}, and no file has a null character in its name.")
    return path


def as_array(values: Any, name: str) -> NDArray[Any]:
    """What NumPy makes of values, of any type and shape.

    Parameters
    ----------
    values : array_like
    name : str
        What the user calls it.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If lists in it are not of one length.

    Examples
    --------
    >>> as_array([[1], [2, 3]], "labels")
    Traceback (most recent call last):
    ValueError: labels must be one array, got [[1], [2, 3]]: lists in it must have one length.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{name} must be one array, got {shown(values)}: lists in it must have one length."
        ) from error


def as_numbers(values: Any, name: str) -> NDArray[np.float64]:
    """An array of float64.

    Parameters
    ----------
    values : array_like
    name : str
        What the user calls it.

    Returns
    -------
    ndarray of float64
        The same array, where it is one already.

    Raises
    ------
    TypeError
        If these are no real numbers, or not of one shape.
    ValueError
        If one is beyond float64.

    Examples
    --------
    >>> as_numbers("x", "reference")
    Traceback (most recent call last):
    TypeError: reference must be numbers, got 'x'.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind in "biufO":
            return array.astype(np.float64, copy=False)
    except OverflowError as error:
        raise ValueError(f"{name} has numbers beyond float64: {shown(values)}.") from error
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be numbers, got {shown(values)}.") from error
    raise TypeError(f"{name} must be numbers, got {shown(values)}.")
