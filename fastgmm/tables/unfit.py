"""Numbers that no table may hold: where the first one is, and what is wrong with it."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEARCHED_NUMBERS = 2**17
"""The search goes through this many numbers at a time, so that its mask stays in the cache."""


def first_unfit(array: NDArray[Any], *, only_nan: bool = False) -> tuple[int, ...] | None:
    """Find the first number that is NaN or infinite.

    Parameters
    ----------
    array : ndarray of float
        Any shape; one that is C-contiguous is not copied.
    only_nan : bool, default=False
        Whether infinite numbers are passed over.

    Returns
    -------
    tuple of int, or None
        Its place, one number per axis, counted from 0; None where all numbers are fit.

    Examples
    --------
    >>> first_unfit(np.array([[1.0, 2.0], [np.inf, np.nan]]))
    (1, 0)
    """
    numbers = array.reshape(-1)
    for start in range(0, len(numbers), SEARCHED_NUMBERS):
        piece = numbers[start : start + SEARCHED_NUMBERS]
        fit = ~np.isnan(piece) if only_nan else np.isfinite(piece)
        if not fit.all():
            place = np.unravel_index(start + int(fit.argmin()), array.shape)
            return tuple(int(i) for i in place)
    return None


def fault(value: float, dtype: np.dtype[Any]) -> str | None:
    """Say what is wrong with a number that was read.

    Parameters
    ----------
    value : float
        NaN for a missing value.
    dtype : dtype
        The dtype of the rows, float32 or float64.

    Returns
    -------
    str or None
        The second half of a sentence; None if rows of this dtype can hold the number.

    Examples
    --------
    >>> fault(1e39, np.dtype(np.float32))
    '1e+39 is too large for float32; read it as float64.'
    """
    remedy = "leave out or fill in rows with gaps (gaps='drop' leaves them out)"
    if math.isnan(value):
        return f"the value is missing; {remedy}."
    if math.isinf(value):
        return f"{value} is not a finite number; {remedy}."
    if abs(value) > float(np.finfo(dtype).max):
        return f"{value} is too large for {dtype}; read it as float64."
    return None
