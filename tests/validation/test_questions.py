"""Arguments of questions: every container that will do, and every sentence about what will not."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fastgmm.validation import as_table
from fastgmm.validation.questions import (
    as_columns,
    as_count,
    as_level,
    as_others,
    as_targets,
    as_values,
    check_width,
)

NAMES = np.array(["a", "b", "7"], dtype=object)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (0, (0,)),
        (np.int8(2), (2,)),
        (np.array(1), (1,)),
        ([2, 0], (2, 0)),
        ((np.uint64(1),), (1,)),
        (np.array([2, 1]), (2, 1)),
        (iter([1, 2]), (1, 2)),
        ("b", (1,)),
        (["7", "a"], (2, 0)),
        (["1", 0], (1, 0)),
        (np.array(["b", "a"]), (1, 0)),
        (pd.Index(["b", "a"]), (1, 0)),
    ],
)
def test_columns_in_any_container(columns: Any, expected: tuple[int, ...]) -> None:
    found = as_columns(columns, NAMES, 3)
    assert found == expected
    assert all(type(number) is int for number in found)


@pytest.mark.parametrize(
    "columns", [None, True, [False], np.array([True, False]), 1.0, [0.0], [[0]], [None], 1j]
)
def test_what_is_no_column(columns: Any) -> None:
    with pytest.raises(TypeError, match=r"^columns must be names or numbers of features, such as"):
        as_columns(columns, NAMES, 3)


def test_unknown_columns_are_named() -> None:
    with pytest.raises(ValueError, match=r"^The model has no column 'c'; it has 'a', 'b', '7'\.$"):
        as_columns(["a", "c"], NAMES, 3)
    with pytest.raises(ValueError, match=r"^The model has no column number 3; the numbers are 0 t"):
        as_columns(3, NAMES, 3)


def test_others() -> None:
    assert as_others((2, 0), 4, "") == (1, 3)
    with pytest.raises(ValueError, match=r"^columns holds all 2 columns of the model, and so\.$"):
        as_others((1, 0), 2, "so")
    with pytest.raises(ValueError, match=r"^columns holds the only column of the model, and so\.$"):
        as_others((0,), 1, "so")


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.5],
        (1.0, 2.5),
        np.array([1, 2.5]),
        np.array([1, 2.5], dtype=np.float32),
        np.array([1, 2.5], dtype=">f8"),
        np.array([1.0, 9.0, 2.5])[::2],
        pd.Series([1, 2.5]),
        pl.Series([1.0, 2.5]),
    ],
)
def test_values_in_any_container(values: Any) -> None:
    row = as_values(values, 2)
    assert row.tolist() == [[1.0, 2.5]]
    assert row.dtype == np.float64
    assert row.flags.c_contiguous
    assert not np.may_share_memory(row, np.asarray(values))


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array(3.0), [3], np.array([3.0])])
def test_one_value(value: Any) -> None:
    assert as_values(value, 1).tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("values", "kind", "sentence"),
    [
        ([1.0], ValueError, r"^values must hold one number for each of the 2 columns, got the sha"),
        (1.0, ValueError, r"^values must hold one number for each of the 2 columns, got the shap"),
        ([], ValueError, r"^Found array with 0 sample\(s\)|^values must hold one number"),
        ([[1.0, 2.0]], ValueError, r"^Found array with dim 2|^values must hold one number"),
        ([1.0, np.nan], ValueError, r"^Input contains NaN. The first is values\[1\]: drop or"),
        (np.array([-np.inf, 1.0]), ValueError, r"^Input contains infinity or a value too large"),
        (["a", "b"], ValueError, "could not convert string to float"),
        ([1j, 2], ValueError, "Complex data not supported"),
        (None, Exception, "values"),
    ],
)
def test_values_that_are_none(values: Any, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        as_values(values, 2)


def test_width() -> None:
    for X in (np.ones((3, 2)), pd.DataFrame(np.ones((3, 2)))):
        check_width(as_table(X), 2)
        with pytest.raises(ValueError, match=r"^X has 2 columns, but regress takes the 3 of the m"):
            check_width(as_table(X), 3)
    check_width(np.ones(3), 2)  # another check refuses what is no table


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2)])
def test_counts(value: Any) -> None:
    found = as_count(value, "n", 1, 2)
    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize("value", [0, 3, 2.0, True, None, "2"])
def test_what_is_no_count(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^n must be an integer from 1 to 2, got "):
        as_count(value, "n", 1, 2)
    if value != 3:
        with pytest.raises(ValueError, match=r"^n must be an integer of at least 1, got "):
            as_count(value, "n", 1)


def test_levels() -> None:
    assert [as_level(x) for x in (0.5, np.float32(0.5))] == [0.5, 0.5]
    for level in (0, 1, -0.5, 50, np.nan, None, True, "0.5"):
        with pytest.raises(ValueError, match=r"^level must be a number between 0 and 1, such as"):
            as_level(level)


@pytest.mark.parametrize(
    "y", [[1, 2, 3], (1.0, 2.0, 3.0), pd.Series([1, 2, 3]), pl.Series([1, 2, 3]), np.arange(1, 4)]
)
def test_targets_in_any_container(y: Any) -> None:
    assert as_targets(y, 3).tolist() == [1.0, 2.0, 3.0]


def test_several_targets() -> None:
    both = [[1.0, 2.0], [3.0, 4.0]]
    for y in (both, np.array(both), pd.DataFrame(both), pd.DataFrame(both, columns=["a", "b"])):
        assert as_targets(y, 2).tolist() == both


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (None, "^GaussianMixtureRegressor requires y to be passed, but the target y is None: pas"),
        ([1.0, 2.0], r"^Found input variables with inconsistent numbers of samples: \[3, 2\]"),
        ([1.0, np.nan, 2.0], "^Input y contains NaN. The first is y"),
        ([1.0, np.inf, 2.0], "^Input y contains infinity"),
        (np.ones((3, 1, 1)), "^Found array with dim 3, while dim <= 2 is required for y"),
        (np.ones((3, 0)), r"^Found array with 0 feature\(s\)"),
        (["a", "b", "c"], "could not convert string to float"),
    ],
)
def test_what_is_no_target(y: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        as_targets(y, 3)
