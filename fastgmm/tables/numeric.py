"""Arrays of any type to numbers: one rule for each type, whoever asks.

Booleans count as 0 and 1, integers must be numbers that float64 has, Python's own numbers become
float64, and None is a gap. Everything else is refused with a sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.tables.kinds import (
    complex_error,
    first_of_other_type,
    reads_as_number,
    text_error,
    time_error,
    value_error,
)

EXACT = 2**53
"""float64 holds every integer up to this one, and not the next."""


def as_numbers(array: NDArray[Any], at: str) -> NDArray[Any]:
    """Refuse what are no numbers, and make floats of objects that are.

    Parameters
    ----------
    array : ndarray
        Any shape and dtype; never changed.
    at : str
        What the errors call it, such as "X".

    Returns
    -------
    ndarray
        Booleans, integers and floats come back as they are; objects as float64, NaN for None.

    Raises
    ------
    ValueError
        For complex numbers, text, nested sequences, and integers that float64 would round.
    TypeError
        For dates, structured arrays, and objects that are not numbers.

    Examples
    --------
    >>> as_numbers(np.array([[1, None]], dtype=object), "X")
    array([[ 1., nan]])
    """
    kind = array.dtype.kind
    if kind in "fb":
        return array
    if kind in "iu":
        check_exact(array, at)
        return array
    if kind == "O":
        return _numbers_of_objects(array, at)
    raise _other_error(array, at)


def as_floats(array: NDArray[Any]) -> NDArray[Any]:
    """Convert numbers to C-contiguous, aligned, native floats: float32 stays, else float64.

    Parameters
    ----------
    array : ndarray of bool, int or float
        Any shape; never changed, and returned as it is where nothing is to do.

    Returns
    -------
    ndarray of float32 or float64
    """
    single = array.dtype.kind == "f" and array.dtype.itemsize == 4
    # A long double beyond the range of float64 becomes inf here, which is refused as such.
    with np.errstate(over="ignore"):
        return np.require(array, np.float32 if single else np.float64, ["C", "A", "E"])


def dimension_error(array: NDArray[Any], name: str, caller: str) -> ValueError:
    """Build the error for an array that is no rows and columns.

    Parameters
    ----------
    array : ndarray
        It has not two dimensions.
    name : str
        What the user calls it.
    caller : str
        The method or function that was called.

    Returns
    -------
    ValueError
        It opens as scikit-learn's.
    """
    if array.ndim > 2:
        return ValueError(
            f"Found array with dim {array.ndim}, while dim <= 2 is required by {caller}: {name} "
            f"has shape {array.shape}, pass one row per sample."
        )
    if array.ndim == 1:
        return ValueError(
            f"Expected 2D array, got 1D array instead: {name} has shape {array.shape}. Reshape "
            "your data: (-1, 1) makes one feature of it, (1, -1) one row."
        )
    return ValueError(
        f"Expected 2D array, got scalar array instead: {name} is {array}. Pass rows of numbers, "
        "for example [[1.0, 2.0], [3.0, 4.0]]."
    )


def check_exact(array: NDArray[Any], at: str, columns: Sequence[int] | None = None) -> None:
    """Refuse integers that float64 would round: different ones could become equal.

    Parameters
    ----------
    array : ndarray of int
    at : str
        What the error calls it.
    columns : sequence of int, optional
        The numbers of the columns of a part of rows; None: they are counted.

    Raises
    ------
    ValueError
        For the first such integer.
    """
    if array.dtype.itemsize < 8 or array.size == 0:
        return
    if int(array.min()) >= -EXACT and int(array.max()) <= EXACT:
        return
    rounded = array.astype(np.float64)
    # What rounds up to the end of the range has no way back, and was none of its numbers.
    end = float(2 ** (63 if array.dtype.kind == "i" else 64))
    with np.errstate(invalid="ignore"):
        inexact = (rounded >= end) | (rounded.astype(array.dtype) != array)
    if inexact.any():
        where = _column(at, array, int(inexact.argmax()), columns)
        raise exactness_error(int(array[inexact][0]), where)


def exactness_error(value: int, at: str) -> ValueError:
    """Build the error for an integer that float64 would round."""
    shown = str(value) if abs(value) < 10**30 else f"of {value.bit_length()} bits"
    return ValueError(
        f"{at} holds the integer {shown}, which float64 would round (integers beyond 2**53 can "
        "become equal): subtract an offset, or convert to float64 first if rounding is harmless."
    )


def without_mask(masked: np.ma.MaskedArray[Any, Any], at: str) -> NDArray[Any]:
    """A masked array with its gaps as NaN.

    Parameters
    ----------
    masked : MaskedArray
        Any shape and dtype; never changed.
    at : str
        What the errors call it.

    Returns
    -------
    ndarray
        The array itself where nothing is masked, else floats, float32 if it is.
    """
    data: NDArray[Any] = np.ma.getdata(masked)
    if not np.ma.is_masked(masked):
        return data
    mask = np.ma.getmaskarray(masked)
    if mask.dtype.names is not None:
        return data
    numbers = as_numbers(data[~mask], at)
    kind = np.float32 if numbers.dtype == np.float32 else np.float64
    filled = np.full(data.shape, np.nan, kind)
    with np.errstate(over="ignore"):
        filled[~mask] = numbers
    return filled


def is_masked_type(array: NDArray[Any]) -> bool:
    """Whether this is a masked array; naming `np.ma` imports it, which takes 2 MB."""
    return "numpy.ma" in sys.modules and isinstance(array, np.ma.MaskedArray)


def _numbers_of_objects(array: NDArray[Any], at: str) -> NDArray[np.float64]:
    values: list[Any] = array.ravel().tolist()
    place = first_of_other_type(values)
    if place is not None:
        value = values[place]
        raise value_error(
            _column(at, array, place),
            value,
            f"it holds a value of type {type(value).__name__}; choose columns of numbers, or "
            "convert it.",
        )
    # Converting None gives NaN; what pandas calls NA has no float.
    if any(type(value).__name__ == "NAType" for value in values):
        values = [None if type(value).__name__ == "NAType" else value for value in values]
    try:
        numbers = np.array(values, dtype=object).astype(np.float64).reshape(array.shape)
    except OverflowError:
        largest = max(filter(_is_integer, values), key=abs)
        where = _column(at, array, values.index(largest))
        raise exactness_error(largest, where) from None
    for i in np.flatnonzero(np.abs(numbers.ravel()) >= EXACT).tolist():
        if _is_integer(values[i]) and int(numbers.flat[i]) != int(values[i]):
            raise exactness_error(int(values[i]), _column(at, array, i))
    return numbers


def _column(at: str, array: NDArray[Any], place: int, columns: Sequence[int] | None = None) -> str:
    """Name the column of a place in an array, counted along its rows."""
    if array.ndim != 2:
        return at
    column = place % array.shape[1]
    return f"{at}, column {column if columns is None else columns[column]}"


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer)


def _other_error(array: NDArray[Any], at: str) -> Exception:
    dtype, kind = array.dtype, array.dtype.kind
    if kind == "c":
        return complex_error(at, str(dtype))
    if kind in "mM":
        return time_error(at, str(dtype))
    if kind in "UST":
        first = array.flat[0] if array.size else ""
        first = getattr(first, "item", lambda: first)()
        advice = "leave out what is none of numbers, and convert the rest with .astype(float)"
        if array.size == 0 or reads_as_number(first):
            advice = "convert them with .astype(float)"
        return text_error(at, first, f"its values are text ({dtype}); {advice}.")
    if dtype.names is not None:
        return TypeError(
            f"Cannot cast array data from {dtype!r} to float64. {at} is a structured array: pass "
            "numpy.lib.recfunctions.structured_to_unstructured of it."
        )
    return TypeError(f"{at} holds values of type {dtype}: convert them to float32 or float64.")
