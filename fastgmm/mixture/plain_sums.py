"""Statistics that were made by hand: what they hold becomes Python's, or is refused."""

from numbers import Integral, Real
from typing import Any

import numpy as np

from fastgmm.limits.scalars import as_float, as_numbers, shown
from fastgmm.typing import FloatArray


def plain_sums(held: dict[str, Any]) -> dict[str, Any]:
    """The attributes of statistics that are no arrays, as Python's numbers and a dtype.

    Parameters
    ----------
    held : dict
        All attributes; arrays are float64.

    Returns
    -------
    dict
        Those that may have been of other types.

    Raises
    ------
    TypeError
        When one is no number, or no dtype.
    ValueError
        When the arrays do not have the shapes of the same mixture.
    """
    reference, first, weight = (
        held[name].shape for name in ("reference", "first_moment", "component_weight")
    )
    if len(reference) != 2 or first != reference or weight != reference[:1]:
        raise ValueError(
            "reference and first_moment must have the shape (K, D), and component_weight (K,), got "
            f"{reference}, {first} and {weight}"
        )
    number = held["n_samples"]
    if not isinstance(number, Integral) or isinstance(number, np.timedelta64):
        raise TypeError(f"n_samples must be an integer, got {shown(number)}")
    for name in ("weight", "log_likelihood"):
        if not isinstance(held[name], Real):
            raise TypeError(f"{name} must be a number, got {shown(held[name])}")
    try:
        dtype = np.dtype(held["dtype"])
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"dtype must be float32 or float64, got {shown(held['dtype'])}") from error
    return {
        "n_samples": int(number),
        "weight": as_float(held["weight"]),
        "log_likelihood": as_float(held["log_likelihood"]),
        "dtype": dtype,
    }


def as_ridge(reg_covar: Any, shape: tuple[int, ...]) -> FloatArray:
    """What is added to variances of this shape, as an array that broadcasts with them.

    A ridge by feature goes with one variance of all features, too.

    Raises
    ------
    TypeError, ValueError
        When it is no number, and none for each.
    """
    ridge = as_numbers(reg_covar, "reg_covar")
    try:
        np.broadcast_shapes(ridge.shape, shape)
    except ValueError as error:
        raise ValueError(f"reg_covar must be a number, got {shown(reg_covar)}") from error
    return ridge


def as_reference(reference: Any, shape: tuple[int, ...]) -> FloatArray:
    """Points of the shape (K, D) that moments may be about.

    Raises
    ------
    TypeError, ValueError
        When these are no numbers, or of another shape.
    """
    points = as_numbers(reference, "reference")
    if points.shape != shape:
        raise ValueError(f"reference must have the shape {shape} of the means, got {points.shape}")
    return points


def as_factor(factor: Any) -> float:
    """What statistics may be multiplied by.

    Raises
    ------
    ValueError
        When it is no finite number of at least 0.
    """
    number = as_float(int(factor) if isinstance(factor, bool) else factor)
    if not 0.0 <= number < np.inf:
        raise ValueError(
            f"the factor of scaled() must be a finite number >= 0, got {shown(factor)}"
        )
    return number
