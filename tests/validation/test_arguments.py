"""Sample weights, `out` and counts: every message, scikit-learn beside."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn.mixture
from sklearn.utils.validation import _check_sample_weight

import fastgmm
from fastgmm import validation
from support import error_of

ROWS = np.random.default_rng(5).normal(size=(12, 2))
WITH_NAN = np.where(np.arange(24).reshape(12, 2) == 7, np.nan, ROWS)
WITH_INF = np.where(np.arange(24).reshape(12, 2) == 6, -np.inf, ROWS)
BAD_WEIGHTS: dict[str, tuple[Any, str]] = {
    "too short": (np.ones(11), "sample_weight.shape == (11,), expected (12,)!"),
    "too long": (np.ones(13), "sample_weight.shape == (13,), expected (12,)!"),
    "2-D": (np.ones((12, 1)), "Sample weights must be 1D array or scalar, got 2D array"),
    "3-D": (np.ones((12, 1, 1)), "Found array with dim 3, while dim <= 2 is required"),
    "0-D": (np.array(1.0), "Input should have at least 1 dimension"),
    "empty": (np.ones(0), "Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is req"),
    "empty rows": (np.ones((12, 0)), "Found array with 0 feature(s) (shape=(12, 0)) while a minim"),
    "NaN": (WITH_NAN[:, 1], "Input sample_weight contains NaN."),
    "inf": (
        WITH_INF[:, 0],
        "Input sample_weight contains infinity or a value too large for dtype('float64').",
    ),
    "negative": (-np.ones(12), "Negative values in data passed to `sample_weight`"),
    "negative number": (-2, "Negative values in data passed to `sample_weight`"),
    "all zero": (np.zeros(12), "Sample weights must contain at least one non-zero number"),
    "zero": (0, "Sample weights must contain at least one non-zero number"),
    "text": (["a"] * 12, "could not convert string to float: "),
    "complex": (np.ones(12) + 1j, "Complex data not supported"),
    "sparse": (
        scipy.sparse.csr_array(np.ones((12, 1))),
        "Sparse data was passed for sample_weight, but dense data is required",
    ),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_sample_weight(name: str) -> None:
    weights, opening = BAD_WEIGHTS[name]
    expected = error_of(_check_sample_weight, weights, ROWS, ensure_non_negative=True)
    error = error_of(validation.as_sample_weight, weights, 12)
    assert type(error) is type(expected)
    assert str(expected).startswith(opening)
    assert str(error).startswith(opening.rstrip("!"))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.nan, "Input sample_weight contains NaN."),
        (np.inf, "Input sample_weight contains infinity"),
        (np.full(12, 1e308), "Sample weights must have a finite sum"),
    ],
)
def test_sample_weight_that_scikit_learn_lets_pass(weights: Any, message: str) -> None:
    error = error_of(validation.as_sample_weight, weights, 12)
    assert type(error) is ValueError
    assert str(error).startswith(message)


def test_good_sample_weight() -> None:
    assert validation.as_sample_weight(None, 3) is None
    given = np.array([0.0, 1.0, 2.0])
    for weights in (given, given.tolist(), given.astype(np.float32), given.astype(int)):
        np.testing.assert_array_equal(validation.as_sample_weight(weights, 3), given)
    for series in (pd.Series(given), pd.Series([0, 1, 2], dtype="Int64"), pl.Series(given)):
        np.testing.assert_array_equal(validation.as_sample_weight(series, 3), given)
    for number in (2, 2.0, np.float32(2), np.int8(2)):
        made = validation.as_sample_weight(number, 3)
        assert made.dtype == np.float64
        assert made.tolist() == [2.0, 2.0, 2.0]


def misaligned(array: np.ndarray) -> np.ndarray:
    buffer = np.zeros(array.nbytes + 1, dtype=np.uint8)
    view = buffer[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def read_only() -> np.ndarray:
    array = np.empty((4, 2))
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "kind", "message"),
    [
        ([[0.0] * 2] * 4, TypeError, "'out' must be a NumPy array, got list"),
        (np.empty((4, 2), np.float32), TypeError, "'out' has dtype float32, but the result is flo"),
        (np.empty((4, 2), ">f8"), TypeError, "'out' has dtype >f8, but the result is float64"),
        (np.empty((4, 2), int), TypeError, "'out' has dtype int64, but the result is float64"),
        (np.empty((2, 4)), ValueError, "'out' has shape (2, 4), but the result has shape (4, 2)"),
        (np.empty(4), ValueError, "'out' has shape (4,), but the result has shape (4, 2)"),
        (read_only(), ValueError, "'out' must be writeable, and it is not"),
        (np.empty((4, 4))[:, ::2], ValueError, "'out' must be C-contiguous, and it is not"),
        (np.empty((2, 4)).T, ValueError, "'out' must be C-contiguous, and it is not"),
        (misaligned(np.empty((4, 2))), ValueError, "'out' must be aligned, and it is not"),
    ],
)
def test_bad_out(out: Any, kind: type[Exception], message: str) -> None:
    error = error_of(validation.check_out, out, (4, 2), np.zeros((4, 3)))
    assert type(error) is kind
    assert str(error).startswith(message)
    assert str(error).endswith("pass np.empty((4, 2), dtype='float64').")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_good_out(dtype: type) -> None:
    rows = np.zeros((3, 2), dtype)
    validation.check_out(np.empty(3, dtype), (3,), rows)
    validation.check_out(np.empty((3, 1), dtype)[:, :], (3, 1), rows)
    # Parts of one array that do not overlap.
    buffer = np.zeros(9, dtype)
    validation.check_out(buffer[6:], (3,), buffer[:6].reshape(3, 2))


@pytest.mark.parametrize(
    ("out", "rows"),
    [
        (slice(0, 6), slice(0, 6)),
        (slice(2, 8), slice(0, 6)),
        (slice(0, 6), slice(2, 8)),
        (slice(5, 11), slice(0, 6)),
        (slice(0, 6), slice(5, 11)),
    ],
)
def test_out_in_the_memory_of_the_rows(out: slice, rows: slice) -> None:
    buffer = np.zeros(12)
    error = error_of(
        validation.check_out, buffer[out].reshape(3, 2), (3, 2), buffer[rows].reshape(3, 2)
    )
    assert type(error) is ValueError
    assert str(error).startswith("'out' lies in the memory of the rows")
    own = np.zeros((3, 2))
    assert str(error_of(validation.check_out, own, (3, 2), own)) == str(error)


@pytest.mark.parametrize(
    "order", [[2, 0, 1], (2, 0, 1), np.array([2, 0, 1], np.uint8), pd.Series([2, 0, 1])]
)
def test_good_order(order: Any) -> None:
    got = validation.as_order(order, 3)
    assert got.dtype == np.intp
    assert got.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("order", "kind", "message"),
    [
        ([0.0, 1.0, 2.0], TypeError, "order must hold integers"),
        ([False, True, True], TypeError, "order must hold integers"),
        (["a", "b", "c"], TypeError, "order must hold integers"),
        (None, TypeError, "order must hold integers"),
        (2, ValueError, "order must have the shape (3,), a number for each component, got ()"),
        ([], ValueError, "order must have the shape (3,)"),
        ([0, 1], ValueError, "order must have the shape (3,)"),
        ([[0, 1, 2]], ValueError, "order must have the shape (3,)"),
        ([0, 1, 1], ValueError, "order must hold each number from 0 to 2 once, and 2 is missing"),
        ([1, 2, 3], ValueError, "order must hold each number from 0 to 2 once, and 0 is missing"),
        ([0, 1, -1], ValueError, "order must hold each number from 0 to 2 once, and 2 is missing"),
    ],
)
def test_bad_order(order: Any, kind: type[Exception], message: str) -> None:
    error = error_of(validation.as_order, order, 3)
    assert type(error) is kind
    assert str(error).startswith(message)


@pytest.mark.parametrize("callback", [True, 0, "print", [], np.zeros(2)])
def test_a_callback_is_called_or_none(callback: Any) -> None:
    validation.check_callback(None)
    validation.check_callback(print)
    model = fastgmm.GaussianMixture(2)
    for call in (
        lambda: model.fit(ROWS, callback=callback),
        lambda: model.fit_batches([ROWS], callback=callback),
        lambda: fastgmm.select(ROWS, 2, callback=callback),
    ):
        with pytest.raises(TypeError, match=r"^callback must be a function of one argument"):
            call()
    assert not model.is_fitted


def test_more_components_than_rows() -> None:
    expected = error_of(sklearn.mixture.GaussianMixture(13).fit, ROWS)
    error = error_of(validation.check_enough_rows, 12, 13)
    opening = "Expected n_samples >= n_components but got n_components = 13, n_samples = 12"
    assert type(error) is type(expected)
    assert str(expected).startswith(opening)
    assert str(error).startswith(opening)
    validation.check_enough_rows(13, 13)
