"""Rows of data: one function, and nothing to do for rows that are already good."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm import kernels
from fastgmm.limits.room import copying
from fastgmm.tables.containers import opened, refuse_series
from fastgmm.tables.frames import Frame, rows_of, text_names
from fastgmm.tables.numeric import as_floats, as_numbers, dimension_error
from fastgmm.threads import fold_blocks
from fastgmm.typing import Rows
from fastgmm.validation.conversion import non_finite_error

_FLOAT32 = np.dtype(np.float32)
"""NumPy has one object for this dtype in native byte order, so that `is` suffices to tell it."""
_FLOAT64 = np.dtype(np.float64)
"""The same holds for this one."""

SERIAL_NUMBERS = 1 << 18
"""This many numbers are looked through in 50 microseconds, which is no work for threads."""


MOST_NAMED = 5
"""An error names so many columns with gaps at the most."""


def as_rows(
    X: Any,
    *,
    n_features: int | None = None,
    min_rows: int = 1,
    method: str = "",
    n_threads: int | None = None,
    gaps: bool = False,
) -> Rows:
    """Turn what the user gave into rows that the kernels take.

    Parameters
    ----------
    X : array_like of shape (n_samples, n_features)
        What `as_table` takes. Never changed.
    n_features : int, optional
        The number of columns the model was fitted on; None while fitting, where any number
        is good.
    min_rows : int, default=1
        The fewest rows that are accepted.
    method : str, default=""
        The method the user called, for the messages.
    n_threads : int, optional
        For the search for NaN and inf; None: all that this process may use.
    gaps : bool, default=False
        Whether NaN is a value that is missing, and no error.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        C-contiguous, aligned, native and finite but for gaps; float32 if the input is, else
        float64.
        The input itself, with no copy, if it is so already. May be read-only.  Of scores alone, for
        which `n_features` is known and a row suffices, scikit-learn's configuration
        ``assume_finite`` is trusted: trees of a start must not meet NaN, and one look at the rows
        is a small part of any fit.

    Raises
    ------
    ValueError
        For anything that is not 2-D, too few rows, no column, another number of columns than
        `n_features`, NaN or inf, complex numbers, ragged lists, text, integers that float64
        would round.
    TypeError
        For sparse matrices, ``numpy.matrix``, dates, and what is no table of numbers.

    Examples
    --------
    >>> as_rows([[1, 2], [3, 4]])
    array([[1., 2.],
           [3., 4.]])
    >>> as_rows([[1.0, float("nan")]])
    Traceback (most recent call last):
    ValueError: Input X contains NaN. The first is X[0, 1]: drop or fill what is missing, or learn
    from the rest with GaussianMixture(missing='em'). 1 of 1 row has gaps, in column 1.
    """
    given = X
    # This runs before every score of one row, so good rows cost six look-ups. Identity of the
    # dtype also tells native from swapped bytes; the rare equal copy takes the slow way round.
    if (
        type(X) is not np.ndarray
        or (X.dtype is not _FLOAT64 and X.dtype is not _FLOAT32)
        or X.ndim != 2
        or not (X.flags.c_contiguous and X.flags.aligned)
    ):
        X = as_floating(X, method)
    rows: Rows = X
    n_rows, n_columns = rows.shape
    trusted = n_features is not None and min_rows == 1
    fit = _is_fit(rows, n_threads, gaps, trusted)
    if n_rows < min_rows or n_columns == 0 or not fit:
        raise _content_error(rows, min_rows, method, gaps, given)
    if n_features is not None and n_columns != n_features:
        raise features_error(n_columns, n_features)
    return rows


def features_error(
    n_columns: int, n_features: int, estimator: str = "GaussianMixture"
) -> ValueError:
    """Build the error for rows of another number of columns than those of the fit."""
    return ValueError(
        f"X has {n_columns} features, but {estimator} is expecting {n_features} "
        "features as input: pass the columns that it was fitted on."
    )


def as_table(X: Any) -> NDArray[Any] | Frame:
    """Open what the user gave, once: its rows and the names of its columns are then at hand.

    Parameters
    ----------
    X : object
        An array of real numbers of any dtype and layout, nested lists, a frame, or anything else
        that `fastgmm.tables.containers` opens.

    Returns
    -------
    ndarray or Frame
        `as_rows` and the checks of names take it; an ndarray comes back as it is.

    Raises
    ------
    TypeError, ValueError
        As `fastgmm.tables.containers.opened`, and for a series of pandas and for names of columns
        of which some are text and some are not.
    """
    if type(X) is np.ndarray:
        return X
    refuse_series(X)
    found = opened(X, "X")
    if isinstance(found, Frame):
        text_names(found.data_labels)
    return found


def _is_fit(rows: Rows, n_threads: int | None, gaps: bool, trusted: bool) -> bool:
    """Whether all numbers are finite, or are gaps; many are not looked at where that is assumed.

    Few are looked through in less time than it takes to ask.
    """
    if trusted and rows.size > SERIAL_NUMBERS and _assumes_finite():
        return True
    found = _all_finite(rows, n_threads) or (gaps and not np.isinf(rows).any())
    return bool(found) or (trusted and _assumes_finite())


def _assumes_finite() -> bool:
    """Whether the user has said so by ``sklearn.set_config``, for scikit-learn's estimators."""
    get_config = getattr(sys.modules.get("sklearn"), "get_config", None)
    return get_config is not None and bool(get_config()["assume_finite"])


def _all_finite(rows: Rows, n_threads: int | None) -> bool:
    if rows.size <= SERIAL_NUMBERS:
        return kernels.all_finite(rows)
    found: list[bool] = []
    block = max(1, SERIAL_NUMBERS // rows.shape[1])
    fold_blocks(
        lambda begin, end: kernels.all_finite(rows[begin:end]),
        found.append,
        len(rows),
        block,
        n_threads,
    )
    return all(found)


def as_floating(X: Any, method: str = "") -> Rows:
    """Turn what the user gave into C-contiguous float32 or float64 rows, which may hold NaN."""
    as_it_is = type(X) is np.ndarray and X.dtype in (_FLOAT32, _FLOAT64) and X.flags.c_contiguous
    with copying(None if as_it_is else X, "X"):
        found = as_table(X)
        array = rows_of(found, "X") if isinstance(found, Frame) else as_numbers(found, "X")
        if array.ndim != 2:
            raise dimension_error(array, "X", _caller(method))
        return as_floats(array)


def has_gaps(rows: Rows, n_threads: int | None = None) -> bool:
    """Whether some number of rows that `as_rows` has taken is missing."""
    return not _all_finite(rows, n_threads)


def _content_error(rows: Rows, min_rows: int, method: str, gaps: bool, given: Any) -> ValueError:
    """Find which rule the rows break, in the order in which scikit-learn looks."""
    if gaps and np.isinf(rows).any():
        return non_finite_error(np.where(np.isnan(rows), 0.0, rows), "X", label="X")
    if not gaps and not np.isfinite(rows).all():
        error = non_finite_error(rows, "X", label="X")
        return ValueError(f"{error}{_where_gaps_are(rows, given)}")
    count, what, least = rows.shape[0], "sample(s)", min_rows
    if count >= least:
        count, what, least = rows.shape[1], "feature(s)", 1
    return ValueError(
        f"Found array with {count} {what} (shape={rows.shape}) while a minimum of {least} is "
        f"required by {_caller(method)}."
    )


def _where_gaps_are(rows: Rows, given: Any) -> str:
    """How many rows have gaps, and in which columns; nothing where none is NaN."""
    gaps = np.isnan(rows)
    n, columns = int(gaps.any(axis=1).sum()), np.flatnonzero(gaps.any(axis=0)).tolist()
    if not n:
        return ""
    labels = given.data_labels if isinstance(given, Frame) else range(rows.shape[1])
    named = ", ".join(repr(labels[j]) for j in columns[:MOST_NAMED])
    several, more = "s" if len(columns) > 1 else "", ", ..." if len(columns) > MOST_NAMED else "."
    have = "row has" if n == len(rows) == 1 else "rows have"
    return f" {n} of {len(rows)} {have} gaps, in column{several} {named}{more}"


def _caller(method: str) -> str:
    return f"GaussianMixture.{method}" if method else "GaussianMixture"
