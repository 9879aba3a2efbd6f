"""What is known of the components of rows: labels, or the components that each may be of."""

from typing import Any

import numpy as np

from fastgmm.data.labels import RowLabels
from fastgmm.limits.scalars import as_array

UNKNOWN = -1
"""The label of a row of which nothing is known."""


def as_row_labels(labels: Any, n_samples: int, n_components: int) -> RowLabels | None:
    """The components that each row may be of; None where that is any, of all rows.

    Parameters
    ----------
    labels : array_like of int, shape (n_samples,), or of bool, (n_samples, n_components), or None
        The component of each row, -1 where it is not known; or which components it may be of.
    n_samples, n_components : int

    Raises
    ------
    TypeError
        When they are neither integers nor booleans.
    ValueError
        When there is not one for each row, or a component does not exist, or a row has none.

    Examples
    --------
    >>> as_row_labels([1, -1, 0], 3, 2).numbers
    array([ 1, -1,  0], dtype=int32)
    >>> as_row_labels([2, -1, 0], 3, 2)
    Traceback (most recent call last):
    ValueError: The label of row 0 is 2, ...
    """
    if labels is None:
        return None
    if isinstance(labels, np.ma.MaskedArray):
        if labels.dtype.kind not in "iu":
            raise TypeError("labels of bool have no mask: allow all components instead.")
        labels = labels.filled(UNKNOWN)  # what is masked is missing
    array = as_array(labels, "labels")
    if array.dtype == bool:
        return _of_sets(array, n_samples, n_components)
    if array.dtype.kind not in "iu":
        raise TypeError(
            "labels must be integers, the numbers of components with -1 where nothing is known, or "
            f"an array of bool with a column for each component, got {array.dtype}: number other "
            "labels by np.unique(labels, return_inverse=True)."
        )
    if array.shape != (n_samples,):
        raise ValueError(
            f"labels must have the shape ({n_samples},), a number for each row, or be bool of the "
            f"shape ({n_samples}, {n_components}), got {array.dtype} of {array.shape}."
        )
    wrong = (array < UNKNOWN) | (array >= n_components)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"The label of row {row} is {array[row]}, and components have the numbers from 0 to "
            f"{n_components - 1}: pass -1 where nothing is known, or more components."
        )
    if (array == UNKNOWN).all():
        return None
    return RowLabels(array.astype(np.int32), np.eye(n_components, dtype=bool))


def _of_sets(allowed: np.ndarray, n_samples: int, n_components: int) -> RowLabels | None:
    shape = (n_samples, n_components)
    if allowed.shape != shape:
        raise ValueError(
            f"labels of bool must have the shape {shape}, a column for each component, got "
            f"{allowed.shape}."
        )
    nothing = ~allowed.any(axis=1)
    if nothing.any():
        raise ValueError(
            f"labels let row {int(nothing.argmax())} be of no component: allow one at least, or "
            "all where nothing is known."
        )
    if allowed.all():
        return None
    # Rows of bits are compared as one number each, where they fit.
    packed = np.packbits(allowed, axis=1)
    _, first, numbers = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    sets, numbers = allowed[first], numbers.reshape(-1).astype(np.int32)
    anything = np.flatnonzero(sets.all(axis=1))
    if len(anything):
        numbers[numbers == anything[0]] = UNKNOWN
    return RowLabels(numbers, sets)
