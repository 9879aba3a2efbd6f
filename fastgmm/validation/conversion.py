"""From any container of numbers to a floating-point array."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.errors import warn_user
from fastgmm.tables import frames
from fastgmm.tables.unfit import first_unfit

EXACT = 2**53
"""Integers up to this one are float64 numbers; of larger ones only some."""


def as_array(values: Any, name: str) -> NDArray[Any]:
    """Turn what the user gave into an array, its numbers and dtype as they are.

    Parameters
    ----------
    values : array_like
        An array, nested lists, a frame of pandas, polars or pyarrow, or anything else that
        NumPy converts.
    name : str
        What the user calls it, for the messages.

    Returns
    -------
    ndarray
        A view where NumPy can make one.

    Raises
    ------
    TypeError
        For a sparse matrix and for ``numpy.matrix``, whose products mean something else.
    ValueError
        For ragged lists (NumPy's own message).
    """
    if isinstance(values, np.matrix):
        raise TypeError(f"np.matrix is not supported: pass np.asarray({name}).")
    if hasattr(values, "tocsr"):
        raise _sparse_error(name)
    if frames.is_pandas(values):
        return _from_pandas(values, name)
    # Naming np.ma imports it, which takes 2 MB that only a masked array is worth.
    if (
        "numpy.ma" in sys.modules
        and isinstance(values, np.ma.MaskedArray)
        and np.ma.is_masked(values)
    ):
        warn_user(
            f"The mask of {name} is ignored, as scikit-learn does, and the values under it are "
            "used: drop those rows if they are not data."
        )
    return np.asarray(values)


def as_floats(array: NDArray[Any], name: str, *, from_list: bool = False) -> NDArray[Any]:
    """Convert to C-contiguous, aligned, native floats: float32 stays, all else is float64.

    Parameters
    ----------
    array : ndarray
        Any shape and dtype; never changed, and returned as it is where nothing is to do.
    name : str
        What the user calls it, for the messages.
    from_list : bool, default=False
        Whether it was given as Python numbers, for which NumPy and scikit-learn refuse complex
        values with another type of error.

    Returns
    -------
    ndarray of float32 or float64

    Raises
    ------
    ValueError
        For complex numbers and for text that is not a number.
    TypeError
        For dates, and for objects that are not numbers.
    """
    kind = array.dtype.kind
    if kind == "c" and from_list:
        raise TypeError("float() argument must be a string or a real number, not 'complex'")
    _refuse_kind(kind, name)
    if kind in "iu" and array.dtype.itemsize == 8:
        _refuse_large(array, name)
    single = kind == "f" and array.dtype.itemsize == 4
    # A long double beyond the range of float64 becomes inf here, which is refused as such.
    with np.errstate(over="ignore"):
        return np.require(array, np.float32 if single else np.float64, ["C", "A", "E"])


def as_small_floats(
    values: Any, name: str, *, label: str = "", dims: tuple[int, int] = (1, 2)
) -> NDArray[Any]:
    """Convert and check an array that is not rows of data: sample weights, initial parameters.

    Parameters
    ----------
    values : array_like
        What the user gave.
    name : str
        What the user calls it.
    label : str, default=""
        The name inside the opening words, which scikit-learn has for some arguments only.
    dims : tuple of int, default=(1, 2)
        The least and the most dimensions that are allowed.

    Returns
    -------
    ndarray of float32 or float64
        Not empty, finite.
    """
    array = as_floats(as_array(values, name), name, from_list=isinstance(values, list | tuple))
    if array.ndim < dims[0]:
        raise TypeError(
            "Input should have at least 1 dimension i.e. satisfy `len(x.shape) > 0`, but "
            f"{name} is the scalar {array}: pass an array."
        )
    if array.ndim > dims[1]:
        raise ValueError(
            f"Found array with dim {array.ndim}, while dim <= {dims[1]} is required for {name}: "
            f"its shape is {array.shape}."
        )
    if not np.isfinite(array).all():
        raise non_finite_error(array, name, label=label)
    for axis, what in enumerate(("sample(s)", "feature(s)")[: array.ndim]):
        if array.shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {what} (shape={array.shape}) while a minimum of 1 is "
                f"required for {name}."
            )
    return array


def non_finite_error(array: NDArray[Any], name: str, *, label: str) -> ValueError:
    """Build the error for NaN or inf, with the place of the first one.

    Parameters
    ----------
    array : ndarray of float
        Holds at least one value that is not finite.
    name : str
        What the user calls it.
    label : str
        The name inside the opening words, or "".

    Returns
    -------
    ValueError
        Tells of NaN before it tells of inf, as scikit-learn does.
    """
    place = first_unfit(array, only_nan=True)
    what, remedy = "NaN", "drop or fill what is missing"
    if place is None:
        place = first_unfit(array)
        what = f"infinity or a value too large for {array.dtype!r}"
        remedy = "drop or replace it"
    assert place is not None
    where = ", ".join(map(str, place))
    opening = f"Input {label} contains" if label else "Input contains"
    return ValueError(f"{opening} {what}. The first is {name}[{where}]: {remedy}.")


def _from_pandas(values: Any, name: str) -> NDArray[Any]:
    for dtype in frames.pandas_dtypes(values):
        # The conversion would cast complex numbers and dates to floats in silence.
        _refuse_kind(dtype.kind, name)
    array = frames.pandas_array(values)
    if array is None:
        raise _sparse_error(name)
    return array


def _refuse_kind(kind: str, name: str) -> None:
    if kind == "c":
        raise ValueError(f"Complex data not supported: pass {name}.real, or parts as columns.")
    if kind in "mM":
        raise TypeError(
            f"{name} holds dates or time spans, which have no unit that a mixture could use: "
            "convert them to numbers."
        )


def _refuse_large(array: NDArray[Any], name: str) -> None:
    """Refuse integers whose last digits a float64 would lose."""
    if array.size == 0 or (array.max() <= EXACT and array.min() >= -EXACT):
        return
    numbers = array.astype(np.float64)
    # What rounds up to 2^63 or 2^64 has no integer of its dtype to compare with.
    inside = numbers < 2.0 ** (63 if array.dtype.kind == "i" else 64)
    lost = ~inside
    lost[inside] = numbers[inside].astype(array.dtype) != array[inside]
    if not lost.any():
        return
    place = np.unravel_index(int(lost.argmax()), array.shape)
    raise ValueError(
        f"{name}[{', '.join(map(str, place))}] is {array[place]}, and float64 holds no integer "
        f"of so many digits: subtract an offset first, or pass {name}.astype(float) if the last "
        "digits do not matter."
    )


def _sparse_error(name: str) -> TypeError:
    return TypeError(
        f"Sparse data was passed for {name}, but dense data is required: pass {name}.toarray(), "
        f"or {name}.sparse.to_dense() of a frame."
    )
