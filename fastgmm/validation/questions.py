"""Arguments of questions to a mixture: columns, values, levels, numbers of samples."""

from __future__ import annotations

from itertools import islice
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm import kernels
from fastgmm.limits.scalars import as_array, as_float, is_iterable, shown
from fastgmm.tables.columns import positions
from fastgmm.tables.frames import Frame
from fastgmm.typing import FloatArray
from fastgmm.validation.conversion import as_small_floats, non_finite_error

_FLOAT64 = np.dtype(np.float64)
"""NumPy has one object for this dtype in native byte order, so that `is` suffices to tell it."""


def as_columns(columns: Any, names: NDArray[np.object_] | None, n_features: int) -> tuple[int, ...]:
    """The numbers of columns that a user has chosen by name or number.

    Parameters
    ----------
    columns : str, int, or iterable of those
        The choice; at least one, none twice.
    names : ndarray of object, shape (n_features,), or None
        The names of the model's features.
    n_features : int
        How many there are.

    Returns
    -------
    tuple of int
        Counted from 0, in the order of the choice.

    Raises
    ------
    TypeError
        If something is neither a name nor a number.
    ValueError
        If a column is unknown or chosen twice, or none is.

    Examples
    --------
    >>> as_columns(["width", 0], np.array(["length", "width"], dtype=object), 2)
    (1, 0)
    """
    if isinstance(columns, np.ndarray):
        columns = columns.tolist()
    if isinstance(columns, str) or not is_iterable(columns):
        columns = [columns]
    # With one more than there are, some column is chosen twice: what has no end is refused, too.
    columns = list(islice(columns, n_features + 1))
    for column in columns:
        # A bool is an integer to Python; lists of them are masks, which these are not.
        if type(column) is not int and not isinstance(column, str | np.integer):
            raise TypeError(
                "columns must be names or numbers of features, such as [0, 2], got "
                f"{shown(column)}."
            )
    known = None if names is None else names.tolist()
    return tuple(positions("The model", known, n_features, columns))


def as_others(columns: tuple[int, ...], n_features: int, what: str) -> tuple[int, ...]:
    """The numbers of all other columns, in their order.

    Parameters
    ----------
    columns : tuple of int
    n_features : int
    what : str
        What an error says for want of others.

    Raises
    ------
    ValueError
        If there are no others.

    Examples
    --------
    >>> as_others((1,), 3, "nothing is left")
    (0, 2)
    """
    others = tuple([j for j in range(n_features) if j not in columns])
    if not others:
        every = "the only column" if n_features == 1 else f"all {n_features} columns"
        raise ValueError(f"columns holds {every} of the model, and {what}.")
    return others


def check_width(table: NDArray[Any] | Frame, n_others: int) -> None:
    """Refuse rows that hold the columns they are to tell of, or too few.

    Parameters
    ----------
    table : ndarray or Frame
        What `as_table` has opened; what is no table of rows is refused elsewhere.
    n_others : int
        The number of columns that are not asked for.

    Raises
    ------
    ValueError
        If there are more or fewer columns.
    """
    sizes = table.shape[1:] if isinstance(table, np.ndarray) else (len(table.data_labels),)
    if len(sizes) == 1 and sizes[0] != n_others:
        raise ValueError(
            f"X has {sizes[0]} columns, but regress takes the {n_others} of the model that are not "
            "asked for, in their order: leave out what is to be told."
        )


def as_values(values: Any, n_columns: int) -> FloatArray:
    """The values of some columns as one row.

    Parameters
    ----------
    values : array_like of shape (n_columns,), or a number where there is one column
    n_columns : int

    Returns
    -------
    ndarray of shape (1, n_columns), float64

    Raises
    ------
    ValueError
        If there are more or fewer, or one is NaN or inf.
    """
    given = as_array(values, "values") if type(values) in (list, tuple) else values
    if type(given) is np.ndarray and given.dtype is _FLOAT64:
        values = given
    else:
        values = as_small_floats(values, "values", dims=(0, 1))
    if values.shape != (n_columns,) and not (n_columns == 1 and values.shape == ()):
        raise ValueError(
            f"values must hold one number for each of the {n_columns} columns, got the shape "
            f"{values.shape}."
        )
    row: FloatArray = np.array(values, dtype=np.float64).reshape(1, n_columns)
    if not kernels.all_finite(row):
        raise non_finite_error(row[0], "values", label="")
    return row


def as_count(value: Any, name: str, least: int, most: int | None = None) -> int:
    """An integer in a range; `most` may be None.

    Raises
    ------
    ValueError
        If it is none, or out of the range.

    Examples
    --------
    >>> as_count(3, "n_components", 1, 2)
    Traceback (most recent call last):
    ValueError: n_components must be an integer from 1 to 2, got 3.
    """
    good = isinstance(value, Integral) and not isinstance(value, bool | np.timedelta64)
    if not good or int(value) < least or (most is not None and int(value) > most):
        lowest = shown(least)
        wanted = f"of at least {lowest}" if most is None else f"from {lowest} to {shown(most)}"
        raise ValueError(f"{name} must be an integer {wanted}, got {shown(value)}.")
    return int(value)


def as_level(level: Any) -> float:
    """A share of a mixture, between 0 and 1.

    Raises
    ------
    ValueError
        If it is none.
    """
    share = as_float(level)
    if not 0.0 < share < 1.0:
        raise ValueError(
            f"level must be a number between 0 and 1, such as 0.9, got {shown(level)}."
        )
    return share


def as_targets(y: Any, n_samples: int, gaps: bool = False) -> NDArray[Any]:
    """The targets of a regression, one or several for each row.

    Parameters
    ----------
    y : array_like of shape (n_samples,) or (n_samples, n_outputs)
    n_samples : int
        The number of rows.
    gaps : bool, default=False
        Whether NaN is a target that is not known, and no error.

    Returns
    -------
    ndarray of float32 or float64, of that shape

    Raises
    ------
    ValueError
        If there are none, more or fewer than rows, or one is inf, or NaN and no gap.

    Examples
    --------
    >>> as_targets([1, 2], 3)
    Traceback (most recent call last):
    ValueError: Found input variables with inconsistent numbers of samples: [3, 2]. Pass ...
    """
    if y is None:
        raise ValueError(
            "GaussianMixtureRegressor requires y to be passed, but the target y is None: pass "
            "one number, or a row of numbers, for each row of X."
        )
    targets = as_small_floats(y, "y", label="y", gaps=gaps)
    if len(targets) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{n_samples}, {len(targets)}]. Pass a target for each row of X."
        )
    return targets
