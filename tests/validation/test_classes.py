"""The classes of a classifier, and what is said per class."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fastgmm.errors import InvalidParameterError
from fastgmm.validation.classes import as_classes, as_priors, choices_of, codes_of

CLASSES = np.array(["a", "b"])


@pytest.mark.parametrize(
    ("y", "classes", "dtype"),
    [
        ([3, 1, 3], [1, 3], np.int64),
        (np.array([3, 1, 3], np.uint8), [1, 3], np.uint8),
        (["b", "a", "b"], ["a", "b"], "<U1"),
        (np.array(["b", "a", "b"], object), ["a", "b"], object),
        ([True, False, True], [False, True], bool),
        ([2.0, -1.0, 2.0], [-1.0, 2.0], np.float64),
        (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"], object),
    ],
)
def test_classes_are_sorted(y: Any, classes: list[Any], dtype: Any) -> None:
    found, codes = as_classes(y, 3, "Owner")
    assert found.tolist() == classes
    assert found.dtype == dtype
    assert codes.tolist() == [1, 0, 1]
    known = codes_of(y, 3, found, "Owner")
    assert known.tolist() == [1, 0, 1]


def test_a_column_is_flattened_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="^A column-vector y was passed when a 1d array was"):
        found, codes = as_classes([[2], [1]], 2, "Owner")
    assert (found.tolist(), codes.tolist()) == ([1, 2], [1, 0])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (None, "^Owner requires y to be passed, but the target y is None"),
        ([1, 2], r"^Found input variables with inconsistent numbers of samples: \[3, 2\]"),
        ([0.5, 1.0, 2.0], "^Unknown label type: continuous"),
        ([1.0, np.nan, 2.0], "^Input y contains NaN"),
        ([1.0, np.inf, 2.0], "^Input y contains infinity or a value too large for dtype"),
        (["a", None, "b"], "^The label of row 1 is missing"),
        (np.zeros((3, 2), int), r"^labels must have the shape \(3,\)"),
    ],
)
def test_what_are_no_classes(y: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        as_classes(y, 3, "Owner")


def test_classes_that_were_not_named_are_refused() -> None:
    assert codes_of(["b"], 1, CLASSES, "Owner").tolist() == [1]
    with pytest.raises(ValueError, match=r"^y has the class 'c', and the classes are"):
        codes_of(["b", "c"], 2, CLASSES, "Owner")


def test_choices() -> None:
    assert choices_of("n_components", 2, CLASSES, "Owner") == [(2,), (2,)]
    assert choices_of("n_components", range(1, 3), CLASSES, "Owner") == [(1, 2), (1, 2)]
    mixed = {"b": np.int64(3), "a": [1, 2]}
    assert choices_of("n_components", mixed, CLASSES, "Owner") == [(1, 2), (3,)]
    assert choices_of("covariance_type", "tied", CLASSES, "Owner") == [("tied",), ("tied",)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (0, r"^The 'n_components' parameter of Owner must be an int in the range \[1, inf\)"),
        ([1, "x"], "^The 'n_components' parameter of Owner must be an int"),
        ({"a": 1}, "has nothing for 'b', and the classes are"),
        ({"a": 1, "b": 1, "c": 1}, "names 'c', and the classes are"),
        ([], "has no values"),
    ],
)
def test_wrong_choices(given: Any, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        choices_of("n_components", given, CLASSES, "Owner")


def test_priors() -> None:
    assert as_priors(None, CLASSES, "Owner") is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in ([0.25, 0.75], {"b": 0.75, "a": 0.25}):
            found = as_priors(given, CLASSES, "Owner")
            assert found is not None
            assert found.tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([0.5], "^The 'priors' parameter of Owner must be 2 numbers that are not negative"),
        ([1.5, -0.5], "must be 2 numbers that are not negative"),
        ([np.nan, 1.0], "must be 2 numbers that are not negative"),
        ("even", "must be 2 numbers that are not negative"),
        ([1.0, 3.0], "must sum to 1, got 4"),
        ({"a": 1.0}, r"names \['a'\], and the classes are"),
    ],
)
def test_wrong_priors(given: Any, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        as_priors(given, CLASSES, "Owner")
