"""Labels of rows: numbers, text, dates or categories, one for each row."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.limits.scalars import as_array

_MISSING_NAMES = frozenset({"NAType", "NaTType"})
"""What is missing in a column of pandas is of one of these types."""


def as_labels(labels: Any, n_samples: int) -> tuple[list[Hashable], NDArray[np.intp]]:
    """The distinct labels of rows, and the number of each row's own among them.

    Parameters
    ----------
    labels : array_like of shape (n_samples,)
        Categories of pandas have an order, and those that no row has are left out.
    n_samples : int
        The number of rows.

    Returns
    -------
    labels : list
        In order: as categories have it, else sorted.
    codes : ndarray of shape (n_samples,), intp

    Raises
    ------
    ValueError
        When there is not one for each row, or one is missing.
    TypeError
        When they are of kinds that have no order.

    Examples
    --------
    >>> as_labels(["b", "a", "b"], 3)
    (['a', 'b'], array([1, 0, 1]))
    """
    categories, array = _categories(labels)
    if array.ndim != 1 or len(array) != n_samples:
        raise ValueError(
            f"labels must have the shape ({n_samples},), one label for each row, got {array.shape}."
        )
    missing = _missing(array) if categories is None else array < 0
    if missing.any():
        raise ValueError(
            f"The label of row {int(missing.argmax())} is missing: drop the row, or give it a "
            "label."
        )
    try:
        found, codes = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise TypeError(f"labels must be of one kind, numbers or text: {error}.") from error
    if categories is not None:
        return [categories[i] for i in found.tolist()], codes
    # Dates would become plain integers.
    return list(found) if found.dtype.kind in "mM" else found.tolist(), codes


def group_order(
    codes: NDArray[np.intp], n_groups: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The numbers of the rows, group by group and in their order, and where each group ends."""
    ends: NDArray[np.intp] = np.cumsum(np.bincount(codes, minlength=n_groups))
    return np.argsort(codes, kind="stable"), ends


def _categories(labels: Any) -> tuple[list[Hashable] | None, NDArray[Any]]:
    """The categories of pandas, and the number of each row's; None, and the labels themselves."""
    for holder in (labels, getattr(labels, "cat", None)):
        codes, categories = getattr(holder, "codes", None), getattr(holder, "categories", None)
        if codes is not None and categories is not None:
            return list(categories), np.asarray(codes)
    return None, as_array(labels, "labels")


def _missing(array: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,): which labels are none."""
    if array.dtype.kind == "O":
        return np.array([_is_missing(one) for one in array], dtype=bool)
    if array.dtype.kind in "fc":
        return np.asarray(np.isnan(array))
    if array.dtype.kind in "mM":
        return np.asarray(np.isnat(array))
    return np.zeros(len(array), dtype=bool)


def _is_missing(label: Any) -> bool:
    if label is None or type(label).__name__ in _MISSING_NAMES:
        return True
    return isinstance(label, float | np.floating) and bool(label != label)
