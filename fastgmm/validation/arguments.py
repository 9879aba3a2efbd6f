"""Arguments of the methods other than rows: sample weights, output arrays, orders, callbacks."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.limits.scalars import as_array, as_numbers, shown
from fastgmm.typing import FloatArray, Rows
from fastgmm.validation.conversion import as_small_floats, non_finite_error


def as_sample_weight(
    sample_weight: Any, n_samples: int, *, some_positive: bool = True
) -> FloatArray | None:
    """Turn sample weights into float64, one per row.

    Parameters
    ----------
    sample_weight : array_like of shape (n_samples,), a number, or None
        How often each row counts; a number counts for every row.
    n_samples : int
        The number of rows.
    some_positive : bool, default=True
        Whether they must not all be zero; those of one batch of many may.

    Returns
    -------
    ndarray of shape (n_samples,), float64, or None
        None where None was given: every row counts once.

    Raises
    ------
    ValueError
        If the shape is not (n_samples,), or a weight is negative, NaN or inf, or all are zero.
    TypeError
        If the weights are sparse or not numbers.

    Examples
    --------
    >>> as_sample_weight([1, 2], 2)
    array([1., 2.])
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Number):
        weights: FloatArray = np.full(n_samples, as_numbers(sample_weight, "sample_weight"))
        if not np.isfinite(weights).all():
            raise non_finite_error(weights, "sample_weight", label="sample_weight")
    else:
        if n_samples == 0 and not some_positive and np.shape(sample_weight) == (0,):
            return np.empty(0)
        given = as_small_floats(sample_weight, "sample_weight", label="sample_weight")
        if given.ndim != 1:
            raise ValueError(
                f"Sample weights must be 1D array or scalar, got {given.ndim}D array: "
                f"pass one number for each of the {n_samples} rows."
            )
        if given.shape != (n_samples,):
            raise ValueError(
                f"sample_weight.shape == {given.shape}, expected {(n_samples,)}: pass one number "
                "for each row."
            )
        weights = given.astype(np.float64, copy=False)
    if len(weights) == 0 and not some_positive:
        return weights
    _check_weight_values(weights, some_positive)
    return weights


def check_out(out: Any, shape: tuple[int, ...], rows: Rows) -> None:
    """Check that the results of rows can be written into `out` with no copy.

    Parameters
    ----------
    out : object
        What the user gave.
    shape : tuple of int
        The shape of the result.
    rows : ndarray
        The rows that are read meanwhile; the result has their dtype.

    Raises
    ------
    TypeError
        If `out` is not an array, or of another dtype.
    ValueError
        If its shape is another, or it is read-only, not C-contiguous or not aligned, or lies in the
        memory of the rows: those that are not read yet would be overwritten.

    Examples
    --------
    >>> check_out(np.empty(3), (4,), np.zeros((4, 2)))
    Traceback (most recent call last):
    ValueError: 'out' has shape (3,), but the result has shape (4,): pass ...
    """
    # This runs before every score of one row, so that an array that will do does not pay for the
    # sentence about one that will not.
    if type(out) is np.ndarray and out.dtype is rows.dtype and out.shape == shape:
        flags = out.flags
        if flags.writeable and flags.c_contiguous and flags.aligned:
            # Arrays that own their memory are apart; to ask NumPy takes a fifth of a score.
            if out is not rows and flags.owndata and rows.base is None:
                return
            if not np.may_share_memory(out, rows):
                return
    dtype = rows.dtype
    remedy = f"pass np.empty({shape}, dtype='{dtype}')."
    if not isinstance(out, np.ndarray):
        raise TypeError(f"'out' must be a NumPy array, got {type(out).__name__}: {remedy}")
    if out.dtype != dtype:
        raise TypeError(f"'out' has dtype {out.dtype}, but the result is {dtype}: {remedy}")
    if out.shape != shape:
        raise ValueError(f"'out' has shape {out.shape}, but the result has shape {shape}: {remedy}")
    for flag, wanted in (
        ("writeable", "writeable"),
        ("c_contiguous", "C-contiguous"),
        ("aligned", "aligned"),
    ):
        if not getattr(out.flags, flag):
            raise ValueError(f"'out' must be {wanted}, and it is not: {remedy}")
    # Only the bounds are compared, which is exact: both are contiguous.
    if np.may_share_memory(out, rows):
        raise ValueError(
            f"'out' lies in the memory of the rows, which are read while it is written: {remedy}"
        )


def check_callback(callback: Any) -> None:
    """Refuse what cannot be called before a fit has begun, and not when it first would be.

    Parameters
    ----------
    callback : callable or None
        What the user gave.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if callback is not None and not callable(callback):
        raise TypeError(
            f"callback must be a function of one argument, or None, got {shown(callback)}: pass, "
            "for example, print."
        )


def check_enough_rows(n_samples: int, n_components: int) -> None:
    """Refuse to fit more components than there are rows.

    Parameters
    ----------
    n_samples : int
        The number of rows.
    n_components : int
        The number of components.

    Raises
    ------
    ValueError
        If there are fewer rows than components.
    """
    if n_samples < n_components:
        raise ValueError(
            f"Expected n_samples >= n_components but got n_components = {n_components}, "
            f"n_samples = {n_samples}: use fewer components or more rows."
        )


def as_order(order: Any, n_components: int) -> NDArray[np.intp]:
    """Turn an order of the components into an array of their numbers.

    Parameters
    ----------
    order : array_like of shape (n_components,)
        The number of each component once, as `np.argsort` gives them.
    n_components : int
        The number of components.

    Returns
    -------
    ndarray of shape (n_components,), intp

    Raises
    ------
    TypeError
        If the numbers are not integers.
    ValueError
        If there are more or fewer than components, or one is missing.

    Examples
    --------
    >>> as_order([2, 0, 1], 3)
    array([2, 0, 1])
    """
    array = as_array(order, "order")
    if array.dtype.kind not in "iu" and array.size > 0:
        raise TypeError(
            f"order must hold integers, the numbers of the components, got {shown(order)}: pass, "
            "for example, np.argsort(model.means_[:, 0])."
        )
    if array.shape != (n_components,):
        raise ValueError(
            f"order must have the shape ({n_components},), a number for each component, got "
            f"{array.shape}."
        )
    missing = np.setdiff1d(np.arange(n_components), array)
    if len(missing) > 0:
        raise ValueError(
            f"order must hold each number from 0 to {n_components - 1} once, and {missing[0]} is "
            f"missing in {array.tolist()}."
        )
    ordered: np.ndarray = array.astype(np.intp)
    return ordered


def _check_weight_values(weights: FloatArray, some_positive: bool) -> None:
    if some_positive and not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number, and these are all zero: "
            "pass None for rows that count once."
        )
    if weights.min() < 0:
        at = int(weights.argmin())
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: sample_weight[{at}] is "
            f"{weights[at]:g}, and a row cannot count less than zero times."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(
            "Sample weights must have a finite sum, and this one overflows: divide them by "
            f"{weights.max():g}."
        )
