"""Arrays that are not rows of data, and what is wrong with numbers that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.tables.containers import array_of
from fastgmm.tables.numeric import as_floats
from fastgmm.tables.unfit import first_unfit


def as_small_floats(
    values: Any,
    name: str,
    *,
    label: str = "",
    dims: tuple[int, int] = (1, 2),
    gaps: bool = False,
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
    gaps : bool, default=False
        Whether NaN stands for what is not known, and is no error.

    Returns
    -------
    ndarray of float32 or float64
        Not empty, finite but for gaps.
    """
    array = as_floats(array_of(values, name))
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
    unfit = ~np.isfinite(array)
    if gaps:
        unfit &= ~np.isnan(array)
    if unfit.any():
        raise non_finite_error(np.where(unfit, array, 0.0), name, label=label)
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
    if label == "X":
        remedy += ", or learn from the rest with GaussianMixture(missing='em')"
    if place is None:
        place = first_unfit(array)
        what = f"infinity or a value too large for {array.dtype!r}"
        remedy = "drop or replace it"
    assert place is not None
    where = ", ".join(map(str, place))
    opening = f"Input {label} contains" if label else "Input contains"
    return ValueError(f"{opening} {what}. The first is {name}[{where}]: {remedy}.")
