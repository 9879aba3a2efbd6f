"""Checks that the values of files share: each raises a ValueError that names the number.

A value that files hold has a method `check`, which `archive.codec` calls when the value has been
read.  Anyone can compute a checksum, so a file may say anything, and what passes these checks must
be as good as what the package has made itself.
"""

import math
from typing import Any

import numpy as np

from fastgmm.limits.scalars import as_float, shown

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
"""Rows and mixtures have one of these dtypes."""


def check_array(
    name: str,
    array: np.ndarray,
    shape: tuple[int, ...],
    least: float = -math.inf,
) -> None:
    """Refuse an array of another shape, and numbers that are not finite or under `least`."""
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    if array.dtype not in FLOATS:
        raise ValueError(f"{name} must hold float32 or float64 numbers, got {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite numbers, got {array[~np.isfinite(array)][0]}")
    if array.size and array.min() < least:
        raise ValueError(f"{name} must be at least {least:g}, got {array.min():g}")


def check_rows(name: str, rows: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse rows of another shape, and numbers that are infinite; NaN is a gap."""
    gaps = np.isnan(rows) if rows.dtype in FLOATS else False
    check_array(name, np.where(gaps, rows.dtype.type(0), rows) if np.any(gaps) else rows, shape)


def check_number(
    name: str, number: float, least: float = -math.inf, most: float = math.inf
) -> None:
    """Refuse a number that is NaN, infinite, or not between two others."""
    if not (math.isfinite(found := as_float(number)) and least <= found <= most):
        raise ValueError(
            f"{name} must be a finite number from {least:g} to {most:g}, got {shown(number)}"
        )


def check_count(name: str, number: int, least: int = 0) -> None:
    """Refuse a count that is less than another."""
    if not as_float(number) >= least:
        raise ValueError(f"{name} must be at least {least}, got {shown(number)}")


def check_log_density(name: str, *numbers: float) -> None:
    """Refuse NaN and plus infinity: a density may be zero, and its logarithm minus infinity."""
    for number in numbers:
        if not as_float(number) < math.inf:
            raise ValueError(f"{name} must be a number or -inf, got {shown(number)}")


def check_sizes(name: str, array: np.ndarray, ndim: int) -> tuple[Any, ...]:
    """The shape of an array; one of other dimensions, or without any number, is refused."""
    if array.ndim != ndim or not all(array.shape):
        raise ValueError(f"{name} must have {ndim} dimensions of at least 1, got {array.shape}")
    return array.shape


def check_shape(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> tuple[Any, ...]:
    """The shape of an array, in which None stands for any size; another one is refused."""
    same = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or not all(wanted in (None, size) for size, wanted in same):
        raise ValueError(f"{name} must have the shape {shape}, got {array.shape}")
    return array.shape


def check_names(names: np.ndarray | None, n_features: int) -> None:
    """Refuse names of features that are not one text per feature."""
    if names is None:
        return
    if names.shape != (n_features,) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"there must be {n_features} names of features, got {names.shape}")
    if len(set(names)) < n_features:
        raise ValueError("the names of features must differ from each other")
