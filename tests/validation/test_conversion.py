"""From any container of numbers to an array, and from any array to floats."""

import decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from fastgmm.validation.conversion import as_array, as_floats, as_small_floats, non_finite_error
from support import error_of

NUMBERS = np.arange(6.0).reshape(3, 2) / 4.0
COLUMNS = {"a": NUMBERS[:, 0], "b": NUMBERS[:, 1]}

# ---------------------------------------------------------------- containers


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS,
        NUMBERS.tolist(),
        tuple(map(tuple, NUMBERS.tolist())),
        pd.DataFrame(COLUMNS),
        pd.DataFrame(COLUMNS).convert_dtypes(),
        pl.DataFrame(COLUMNS),
        pa.table(COLUMNS),
        memoryview(NUMBERS),
    ],
    ids=lambda values: f"{type(values).__module__}.{type(values).__name__}",
)
def test_the_numbers_of_any_container(values: Any) -> None:
    array = as_array(values, "X")
    assert type(array) is np.ndarray
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, NUMBERS)


def test_no_copy_where_numpy_makes_none() -> None:
    assert as_array(NUMBERS, "X") is NUMBERS
    frame = pd.DataFrame(NUMBERS)
    assert np.shares_memory(as_array(frame, "X"), frame.to_numpy())
    assert as_array(np.arange(3), "X").dtype.kind == "i"


def test_missing_values_of_pandas_are_nan() -> None:
    frame = pd.DataFrame({"a": [1, None], "b": [0.5, 2.0]}).astype({"a": "Int64"})
    np.testing.assert_array_equal(as_array(frame, "X"), [[1.0, 0.5], [np.nan, 2.0]])
    series = pd.Series([1.5, None], dtype="Float32")
    array = as_array(series, "X")
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [1.5, np.nan])
    mixed = pd.DataFrame({"a": series, "b": pd.Series([1, 2], dtype="Int8")})
    assert as_array(mixed, "X").dtype == np.float64


SPARSE = {
    "scipy": scipy.sparse.csr_matrix(NUMBERS),
    "scipy array": scipy.sparse.coo_array(NUMBERS),
    "pandas": pd.DataFrame(NUMBERS).astype(pd.SparseDtype(float)),
}


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_data_is_refused(name: str) -> None:
    error = error_of(as_array, SPARSE[name], "X")
    assert type(error) is TypeError
    assert str(error) == (
        "Sparse data was passed for X, but dense data is required: pass X.toarray(), "
        "or X.sparse.to_dense() of a frame."
    )


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_refused() -> None:
    error = error_of(as_array, np.matrix(NUMBERS), "the weights")
    assert type(error) is TypeError
    assert "np.asarray(the weights)" in str(error)


def test_a_mask_is_ignored_aloud() -> None:
    masked = np.ma.masked_greater(NUMBERS, 1.0)
    with pytest.warns(UserWarning, match="The mask of X is ignored") as caught:
        np.testing.assert_array_equal(as_array(masked, "X"), NUMBERS)
    assert caught[0].filename == __file__
    # A masked array of which nothing is masked is an array.
    np.testing.assert_array_equal(as_array(np.ma.masked_array(NUMBERS), "X"), NUMBERS)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_dates_of_frames_are_refused(make: Any) -> None:
    dates = np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[us]")
    error = error_of(lambda X: as_floats(as_array(X, "X"), "X"), make({"a": dates}))
    assert type(error) is TypeError
    assert "X holds dates or time spans" in str(error)


# ---------------------------------------------------------------- floats


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (NUMBERS.astype(np.float32), np.float32),
        (NUMBERS.astype(np.float16), np.float64),
        (NUMBERS.astype(">f4"), np.float32),
        (NUMBERS.astype(">f8"), np.float64),
        (NUMBERS.astype(np.longdouble), np.float64),
        (4 * NUMBERS.astype(np.int8), np.float64),
        (NUMBERS > 0.5, np.float64),
        (NUMBERS.astype(str), np.float64),
        (np.array([[decimal.Decimal("0.25")]]), np.float64),
        (NUMBERS.T, np.float64),
        (NUMBERS[::2], np.float64),
        (np.frombuffer(b"x" + NUMBERS.tobytes(), np.uint8)[1:].view(np.float64), np.float64),
    ],
)
def test_float32_stays_and_all_else_is_float64(array: np.ndarray, dtype: Any) -> None:
    before = array.copy()
    floats = as_floats(array, "X")
    assert floats.dtype == dtype
    assert floats.dtype.isnative
    assert floats.flags.c_contiguous
    assert floats.flags.aligned
    np.testing.assert_array_equal(floats, array.astype(float))
    np.testing.assert_array_equal(array, before)


def test_what_is_right_already_is_not_copied() -> None:
    frozen = NUMBERS.copy()
    frozen.flags.writeable = False
    for array in (NUMBERS, frozen, NUMBERS.astype(np.float32)):
        assert as_floats(array, "X") is array


@pytest.mark.parametrize(
    ("array", "kind", "text"),
    [
        (np.array([1j]), ValueError, "Complex data not supported: pass X.real"),
        (np.array(["one"]), ValueError, "could not convert string to float"),
        (np.array([{}]), TypeError, "float"),
        (np.array([1], "timedelta64[s]"), TypeError, "X holds dates or time spans"),
    ],
)
def test_what_is_no_number(array: np.ndarray, kind: type, text: str) -> None:
    error = error_of(as_floats, array, "X")
    assert type(error) is kind
    assert text in str(error)


def test_complex_numbers_in_lists_are_another_error() -> None:
    """As in scikit-learn: NumPy's own words for a Python number that is complex."""
    error = error_of(as_floats, np.array([1j]), "X", from_list=True)
    expected = error_of(float, 1j)
    assert (type(error), str(error)) == (type(expected), str(expected))


def test_numbers_beyond_float64_become_infinite_in_silence() -> None:
    assert as_floats(np.array([np.finfo(np.longdouble).max]), "X")[0] == np.inf


# ---------------------------------------------------------------- small arrays

SMALL = {
    "scalar": (3.0, TypeError, "weights is the scalar 3.0: pass an array."),
    "cube": (np.ones((1, 1, 1)), ValueError, "dim 3, while dim <= 2 is required for weights"),
    "empty": ([], ValueError, "Found array with 0 sample(s) (shape=(0,)) while a minimum of 1"),
    "no columns": (np.ones((2, 0)), ValueError, "Found array with 0 feature(s) (shape=(2, 0))"),
    "nan": ([1.0, np.nan], ValueError, "Input contains NaN. The first is weights[1]: drop"),
    "inf": ([[1.0, -np.inf]], ValueError, "Input contains infinity or a value too large"),
    "complex": ([1j], TypeError, "not 'complex'"),
}


@pytest.mark.parametrize("name", SMALL)
def test_bad_small_arrays(name: str) -> None:
    values, kind, text = SMALL[name]
    error = error_of(as_small_floats, values, "weights")
    assert type(error) is kind
    assert text in str(error)


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


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_that_float64_holds(dtype: Any) -> None:
    top = 2**53
    exact = np.array([[0, top], [top + 2, 3 * 2**60], [2**62, 7]], dtype=dtype)
    got = as_floats(exact, "X")
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got.astype(dtype), exact)
    assert as_floats(exact[:0], "X").shape == (0, 2)


@pytest.mark.parametrize(
    "number", [2**53 + 1, 2**60 + 1, 2**63 - 1, 2**63 - 513, -(2**53) - 1, -(2**63) + 1, 2**64 - 1]
)
def test_integers_that_float64_does_not_hold(number: int) -> None:
    dtype = np.uint64 if number >= 2**63 else np.int64
    array = np.array([[0, 1], [2, 3], [4, number]], dtype=dtype)
    with pytest.raises(ValueError, match=rf"^X\[2, 1\] is {number}, and float64 holds no integer"):
        as_floats(array, "X")
    with pytest.raises(ValueError, match=rf"^sample_weight\[1\] is {number}, and float64 holds"):
        as_small_floats(array[2], "sample_weight")
    assert as_floats(array.astype(np.float64), "X")[2, 1] == float(number)
