"""Names of columns, for input that has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.errors import warn_user
from fastgmm.tables.frames import names_of, text_names

_WITHOUT_NAMES = (np.ndarray, list, tuple)
"""Containers of these types have no names of columns, so that no attribute is looked for."""
_SHOWN = 5
"""An error lists at most this many names per kind of mistake; a table may have thousands."""


def feature_names_of(X: Any) -> NDArray[np.object_] | None:
    """The column names of a frame whose names are all strings.

    Parameters
    ----------
    X : array_like
        Frames, opened by `as_table` or not, have names; arrays and lists have none.

    Returns
    -------
    ndarray of object, shape (n_features,), or None

    Raises
    ------
    TypeError
        If some names are strings and some are not.
    """
    if isinstance(X, _WITHOUT_NAMES):
        return None
    labels = names_of(X)
    names = None if labels is None else text_names(labels)
    return None if names is None else np.asarray(names, dtype=object)


def check_feature_names(
    X: Any, fitted_names: NDArray[np.object_] | None, owner: str = "GaussianMixture"
) -> None:
    """Compare the columns of `X` with those that the model was fitted on.

    Parameters
    ----------
    X : array_like
        What the user gave.
    fitted_names : ndarray of object, shape (n_features,), or None
        What `feature_names_of` returned for the data of the fit.
    owner : str, default="GaussianMixture"
        Name of the class, for the warning.

    Raises
    ------
    ValueError
        If both have names and the names or their order differ.

    Warns
    -----
    UserWarning
        If one of the two has names and the other has none.
    """
    names = feature_names_of(X)
    if names is None and fitted_names is None:
        return
    if names is None:
        _warn(f"X does not have valid feature names, but {owner} was fitted with feature names")
    elif fitted_names is None:
        _warn(f"X has feature names, but {owner} was fitted without feature names")
    elif len(names) != len(fitted_names) or (names != fitted_names).any():
        raise _other_names_error(set(names), set(fitted_names))


def _warn(message: str) -> None:
    warn_user(f"{message}: its columns are taken by position.")


def _other_names_error(names: set[str], fitted_names: set[str]) -> ValueError:
    unseen, missing = sorted(names - fitted_names), sorted(fitted_names - names)
    parts = [
        *([f"not seen in fit: {_listed(unseen)}"] if unseen else []),
        *([f"missing now: {_listed(missing)}"] if missing else []),
    ]
    found = "; ".join(parts) or "the same names, but in another order"
    return ValueError(
        "The feature names should match those that were passed during fit. Found "
        f"{found}. Select the columns with X[model.feature_names_in_]."
    )


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
