"""Feature names: found, compared, and refused as in scikit-learn."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn.mixture

from fastgmm import validation
from support import error_of

ROWS = np.random.default_rng(5).normal(size=(12, 2))

NAMED: dict[str, tuple[Any, list[str] | None]] = {
    "array": (ROWS, None),
    "list": (ROWS.tolist(), None),
    "pandas": (pd.DataFrame({"a": [1], "b": [2]}), ["a", "b"]),
    "polars": (pl.DataFrame({"a": [1], "b": [2]}), ["a", "b"]),
    "pyarrow": (pa.table({"a": [1], "b": [2]}), ["a", "b"]),
    "numbers for names": (pd.DataFrame(ROWS), None),
    "pairs for names": (
        pd.DataFrame(ROWS, columns=pd.MultiIndex.from_tuples(["ab", "cd"])),
        None,
    ),
    "no column": (pd.DataFrame(), None),
    "not a frame": (type("Table", (), {"columns": lambda self: 3})(), None),
}


@pytest.mark.parametrize("name", NAMED)
def test_feature_names(name: str) -> None:
    X, expected = NAMED[name]
    names = validation.feature_names_of(X)
    if expected is None:
        assert names is None
    else:
        assert names.dtype == object
        assert names.tolist() == expected


def test_feature_names_of_two_kinds() -> None:
    mixed = pd.DataFrame(ROWS, columns=["a", 1])
    opening = "Feature names are only supported if all input features have string names, but"
    for call in (sklearn.mixture.GaussianMixture().fit, validation.feature_names_of):
        error = error_of(call, mixed)
        assert type(error) is TypeError
        assert str(error).startswith(opening)


FITTED = np.array(["a", "b"], dtype=object)


@pytest.mark.parametrize("names", [["b", "a"], ["a", "c"], ["a"], ["a", "b", "c"]])
def test_other_feature_names(names: list[str]) -> None:
    X = pd.DataFrame(np.ones((3, len(names))), columns=names)
    peer = sklearn.mixture.GaussianMixture().fit(pd.DataFrame(ROWS, columns=FITTED))
    opening = "The feature names should match those that were passed during fit."
    for error in (error_of(peer.predict, X), error_of(validation.check_feature_names, X, FITTED)):
        assert type(error) is ValueError
        assert str(error).startswith(opening)


def test_other_feature_names_are_listed() -> None:
    def message(names: list[str], fitted: list[str]) -> str:
        X = pd.DataFrame(np.ones((1, len(names))), columns=names)
        error = error_of(validation.check_feature_names, X, np.array(fitted, dtype=object))
        return str(error)

    assert "not seen in fit: c; missing now: b." in message(["a", "c"], ["a", "b"])
    assert "another order" in message(["b", "a"], ["a", "b"])
    many = [f"x{i}" for i in range(9)]
    assert "missing now: x1, x2, x3, x4, x5, ..." in message(["x0"], many)
    assert "missing now: x1, x2, x3, x4, x5." in message(["x0"], many[:6])


def test_feature_names_on_one_side_only() -> None:
    peer = sklearn.mixture.GaussianMixture()
    sides = {
        "X has feature names, but GaussianMixture was fitted without feature names": (
            pd.DataFrame(ROWS, columns=FITTED),
            ROWS,
            None,
        ),
        "X does not have valid feature names, but GaussianMixture was fitted with feature names": (
            ROWS,
            pd.DataFrame(ROWS, columns=FITTED),
            FITTED,
        ),
    }
    for message, (X, fitted_on, names) in sides.items():
        with pytest.warns(UserWarning, match=f"^{message}"):
            peer.fit(fitted_on).predict(X)
        with pytest.warns(UserWarning, match=f"^{message}"):
            validation.check_feature_names(X, names)


def test_same_feature_names_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        validation.check_feature_names(ROWS, None)
        for make in (pd.DataFrame, pl.DataFrame, pa.table):
            validation.check_feature_names(make({"a": [1], "b": [2]}), FITTED)
