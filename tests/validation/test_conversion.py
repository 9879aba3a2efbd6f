"""Arrays that are not rows of data, and numbers that are not finite."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fastgmm.validation.conversion import as_small_floats, non_finite_error
from support import error_of

NUMBERS = np.arange(6.0).reshape(3, 2) / 4.0

# ---------------------------------------------------------------- small arrays

SMALL = {
    "scalar": (3.0, TypeError, "weights is the scalar 3.0: pass an array."),
    "cube": (np.ones((1, 1, 1)), ValueError, "dim 3, while dim <= 2 is required for weights"),
    "empty": ([], ValueError, "Found array with 0 sample(s) (shape=(0,)) while a minimum of 1"),
    "no columns": (np.ones((2, 0)), ValueError, "Found array with 0 feature(s) (shape=(2, 0))"),
    "nan": ([1.0, np.nan], ValueError, "Input contains NaN. The first is weights[1]: drop"),
    "inf": ([[1.0, -np.inf]], ValueError, "Input contains infinity or a value too large"),
    "complex": ([1j], ValueError, "Complex data not supported. weights: its type is complex128"),
    "dates": (
        pd.Series(pd.to_datetime(["2001-01-01"])),
        TypeError,
        "weights: its type is datetime",
    ),
    "text": (
        pl.Series(["a"]),
        ValueError,
        "could not convert string to float: 'a'. weights: its t",
    ),
    "rounded": ([2**53 + 1], ValueError, "weights holds the integer 9007199254740993, which float"),
}


@pytest.mark.parametrize("name", SMALL)
def test_bad_small_arrays(name: str) -> None:
    values, kind, text = SMALL[name]
    error = error_of(as_small_floats, values, "weights")
    assert type(error) is kind
    assert text in str(error)


@pytest.mark.parametrize(
    "make",
    [
        np.array,
        list,
        tuple,
        pd.Series,
        lambda a: pd.Series(a, dtype="Float64"),
        lambda a: pd.Series(a).astype("category"),
        pl.Series,
        pa.array,
        lambda a: pa.chunked_array([a]),
        memoryview,
        lambda a: np.ma.masked_array(a),
    ],
)
def test_one_dimension_of_any_container(make) -> None:
    array = as_small_floats(make(np.array([0.5, 2.0, 2.0])), "weights")
    assert type(array) is np.ndarray
    assert array.tolist() == [0.5, 2.0, 2.0]


def test_dimensions_that_are_asked_for() -> None:
    assert as_small_floats(3.0, "x", dims=(0, 0)).shape == ()
    assert as_small_floats(np.ones((1, 2, 1)), "x", dims=(3, 3)).shape == (1, 2, 1)
    assert "dim <= 1 is required for x" in str(error_of(as_small_floats, NUMBERS, "x", dims=(1, 1)))


def test_the_label_stands_in_the_opening() -> None:
    error = error_of(as_small_floats, [np.nan], "w", label="sample_weight")
    assert str(error).startswith("Input sample_weight contains NaN. The first is w[0]")


def test_nan_is_told_before_inf_and_the_first_of_each() -> None:
    array = np.array([[1.0, np.inf], [2.0, np.nan], [np.nan, 3.0]])
    assert "contains NaN. The first is X[1, 1]" in str(non_finite_error(array, "X", label=""))
    array[np.isnan(array)] = -np.inf
    sentence = str(non_finite_error(array, "X", label=""))
    assert "infinity or a value too large for dtype('float64'). The first is X[0, 1]" in sentence
