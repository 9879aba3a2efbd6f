"""The classes of a classifier: a label for each row, and what is said per class."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.errors import InvalidParameterError, warn_user
from fastgmm.limits.scalars import as_array, is_iterable, is_word, shown
from fastgmm.typing import MCLUST, FloatArray
from fastgmm.validation.constructor import check_parameters
from fastgmm.validation.labels import as_labels

Choices = tuple[Any, ...]
"""What one class may have: one value, or several of which a criterion chooses."""
PRIORS_TOLERANCE = 1e-6
"""Priors sum to 1 within this."""


def as_classes(y: Any, n_samples: int, owner: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The classes (C,) in order, and the number of each row's own among them (n,).

    Parameters
    ----------
    y : array_like of shape (n_samples,)
        Integers, booleans, text, or floats that are whole; not one may be missing.
    n_samples : int
    owner : str
        The name of the estimator, for the messages.

    Raises
    ------
    ValueError
        When there is not one label for each row, or they are numbers of a regression.

    Examples
    --------
    >>> as_classes(["b", "a", "b"], 3, "Owner")
    (array(['a', 'b'], dtype='<U1'), array([1, 0, 1]))
    """
    if y is None:
        raise ValueError(
            f"{owner} requires y to be passed, but the target y is None: pass the class of each "
            "row of X."
        )
    array = as_array(y, "y")
    if array.ndim == 2 and array.shape[1] == 1:
        warn_user(
            "A column-vector y was passed when a 1d array was expected: pass y.ravel().",
            _conversion_warning(),
        )
        array = array[:, 0]
    if array.ndim == 1 and len(array) != n_samples:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{n_samples}, {len(array)}]. Pass a class for each row of X."
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(
                "Input y contains NaN."
                if np.isnan(array).any()
                else "Input y contains infinity or a value too large for dtype('float64')."
            )
        if (array != np.round(array)).any():
            raise ValueError(
                "Unknown label type: continuous. Classes are integers, text or whole numbers: bin "
                "the numbers of y, or use GaussianMixtureRegressor."
            )
    found, codes = as_labels(array, n_samples)
    classes = np.empty(len(found), dtype=array.dtype)
    classes[:] = found
    return classes, codes


def _conversion_warning() -> type[Warning]:
    """scikit-learn's class for this, where it is loaded."""
    theirs = getattr(sys.modules.get("sklearn.exceptions"), "DataConversionWarning", UserWarning)
    found: type[Warning] = theirs
    return found


def codes_of(y: Any, n_samples: int, classes: NDArray[Any], owner: str) -> NDArray[np.intp]:
    """The number of each row's class (n,) among classes that are known.

    Raises
    ------
    ValueError
        When one is none of them, and as `as_classes`.
    """
    found, codes = as_classes(y, n_samples, owner)
    number_of = {label: i for i, label in enumerate(classes.tolist())}
    unknown = [label for label in found.tolist() if label not in number_of]
    if unknown:
        raise ValueError(
            f"y has the class {unknown[0]!r}, and the classes are {classes.tolist()}: name all of "
            "them in the first call."
        )
    numbers = np.array([number_of[label] for label in found.tolist()], dtype=np.intp)
    return numbers[codes]


def choices_of(name: str, given: Any, classes: NDArray[Any], owner: str) -> list[Choices]:
    """What each class may have of a parameter of `GaussianMixture`.

    Parameters
    ----------
    name : str
        That of the parameter.
    given : object
        One value for all classes, or a mapping of classes to theirs; each of them one value, or an
        iterable of those that a criterion chooses from.
    classes : ndarray of shape (C,)
    owner : str

    Raises
    ------
    InvalidParameterError
        When a value is not one of the parameter's, or a class lacks one, or is none.
    """
    labels = classes.tolist()
    if isinstance(given, Mapping):
        wrong = [label for label in given if label not in labels]
        lacking = [label for label in labels if label not in given]
        if wrong or lacking:
            what = f"names {wrong[0]!r}" if wrong else f"has nothing for {lacking[0]!r}"
            raise InvalidParameterError(
                f"The {name!r} parameter of {owner} {what}, and the classes are {labels}: give it "
                "a value for each class."
            )
        each = [given[label] for label in labels]
    else:
        each = [given] * len(labels)
    found = []
    for one in each:
        several = is_iterable(one) and not isinstance(one, str | bytes)
        values = tuple(one) if several else (one,)
        if not values:
            raise InvalidParameterError(f"The {name!r} parameter of {owner} has no values.")
        found.append(tuple(_checked(name, value, owner) for value in values))
    return found


def _checked(name: str, value: Any, owner: str) -> Any:
    """A value of a parameter, or the word for several."""
    if name == "covariance_type" and is_word(value, (MCLUST,)):
        return MCLUST
    return check_parameters({name: value}, owner)[name]


def as_priors(priors: Any, classes: NDArray[Any], owner: str) -> FloatArray | None:
    """The probability of each class (C,); None where they are to be estimated.

    Raises
    ------
    InvalidParameterError
        When they are not one for each class, are negative or do not sum to 1.
    """
    if priors is None:
        return None
    labels = classes.tolist()
    if isinstance(priors, Mapping):
        if set(priors) != set(labels):
            raise InvalidParameterError(
                f"The 'priors' parameter of {owner} names {list(priors)}, and the classes are "
                f"{labels}: give each of them one."
            )
        priors = [priors[label] for label in labels]
    try:
        given = np.asarray(priors, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        given = np.empty(0)
    if given.shape != (len(labels),) or not (given >= 0.0).all():
        raise InvalidParameterError(
            f"The 'priors' parameter of {owner} must be {len(labels)} numbers that are not "
            f"negative, one for each of the classes {labels}. Got {shown(priors)} instead."
        )
    if abs(given.sum() - 1.0) > PRIORS_TOLERANCE:
        raise InvalidParameterError(
            f"The 'priors' parameter of {owner} must sum to 1, got {given.sum():g}: divide them by "
            "their sum."
        )
    return given
