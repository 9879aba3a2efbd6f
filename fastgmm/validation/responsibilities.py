"""Responsibilities that a user gives: the probability of each component, row by row."""

from typing import Any

import numpy as np

from fastgmm.typing import FloatArray

SUM_TOLERANCE = 1e-4
"""Those of a row sum to one within this: users may have them as float32 numbers, or rounded."""


def as_responsibilities(
    values: Any, n_samples: int, n_components: int, *, noise: bool = False
) -> FloatArray:
    """Responsibilities (n_samples, n_components) as float64 numbers.

    Parameters
    ----------
    values : array_like
    n_samples, n_components : int
    noise : bool, default=False
        Whether rows may leave something for noise, and sum to less than 1.

    Raises
    ------
    ValueError
        When they are of another shape, not between 0 and 1, do not sum to 1 in each row, or leave a
        component without any row.

    Examples
    --------
    >>> as_responsibilities([[1, 0], [0.5, 0.5]], 2, 2).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    >>> as_responsibilities([[1, 0], [0.5, 0.6]], 2, 2)
    Traceback (most recent call last):
    ValueError: The responsibilities of row 1 sum to 1.1, and must sum to 1.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"responsibilities must be numbers: {error}") from error
    shape = (n_samples, n_components)
    if array.shape != shape:
        raise ValueError(
            f"responsibilities must have the shape {shape}, a row for each row of X and a column "
            f"for each component, got {array.shape}."
        )
    wrong = ~((array >= 0.0) & (array <= 1.0 + SUM_TOLERANCE))
    if wrong.any():
        i, k = (int(place) for place in np.argwhere(wrong)[0])
        raise ValueError(
            f"responsibilities must be between 0 and 1, and that of row {i} for component {k} is "
            f"{array[i, k]:g}."
        )
    sums = array.sum(axis=1)
    off = (sums > 1.0 + SUM_TOLERANCE) | ((sums < 1.0 - SUM_TOLERANCE) & (not noise))
    if off.any():
        i = int(off.argmax())
        raise ValueError(
            f"The responsibilities of row {i} sum to {sums[i]:g}, and must sum "
            f"{'at most to' if noise else 'to'} 1."
        )
    nothing = array.sum(axis=0) == 0.0
    if nothing.any():
        raise ValueError(
            f"responsibilities give component {int(nothing.argmax())} no row: use fewer components."
        )
    return array
