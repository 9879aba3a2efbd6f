"""Arrays of any type to numbers: one rule for each type."""

import datetime
import decimal
import sys

import numpy as np
import pandas as pd
import pytest

from fastgmm.tables import numeric
from support import error_of

NUMBERS = np.arange(6.0).reshape(3, 2) / 4.0
EXACT = 2**53


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", ">i8", "f2", "f4", ">f8", "g"])
def test_numbers_are_as_they_are(dtype: str) -> None:
    array = np.array([[0, 1], [1, 0]]).astype(dtype)
    assert numeric.as_numbers(array, "X") is array


def test_objects_become_floats_and_none_a_gap() -> None:
    values = [[1, None, pd.NA], [decimal.Decimal("0.25"), True, np.float32(0.5)]]
    found = numeric.as_numbers(np.array(values, dtype=object), "X")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[1, np.nan, np.nan], [0.25, 1, 0.5]])
    assert numeric.as_numbers(np.empty((0, 2), dtype=object), "X").shape == (0, 2)


BAD = {
    "complex": (
        np.array([1j]),
        ValueError,
        "Complex data not supported. X: its type is complex128",
    ),
    "dates": (np.array(["2001"], "M8[D]"), TypeError, "X: its type is datetime64[D], not a number"),
    "spans": (np.array([1], "m8[s]"), TypeError, "X: its type is timedelta64[s], not a number"),
    "text": (np.array(["1"]), ValueError, "could not convert string to float: '1'. X: its values"),
    "no text": (
        np.array([], "U1"),
        ValueError,
        "could not convert string to float: ''. X: its val",
    ),
    "bytes": (np.array([b"1"]), ValueError, "could not convert string to float: b'1'. X: its valu"),
    "fields": (np.zeros(2, "f8,f8"), TypeError, "Cannot cast array data from dtype([('f0', '<f8')"),
    "void": (np.zeros(2, "V3"), TypeError, "X holds values of type |V3: convert them to float32"),
    "objects of text": (
        np.array([[1, "a"]], dtype=object),
        ValueError,
        "could not convert string to float: 'a'. X, column 1: it holds a value of type str",
    ),
    "objects of dates": (
        np.array([1, datetime.date(2001, 1, 1)], dtype=object),
        TypeError,
        "X: its type is date, not a number; dates and time spans have no unit",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_number(name: str) -> None:
    array, kind, opening = BAD[name]
    error = error_of(numeric.as_numbers, array, "X")
    assert type(error) is kind
    assert str(error).startswith(opening)


@pytest.mark.parametrize(
    ("values", "dtype", "shown"),
    [
        ([0, EXACT + 1], "i8", EXACT + 1),
        ([0, -EXACT - 1], "i8", -EXACT - 1),
        ([0, EXACT + 1], ">i8", EXACT + 1),
        ([2**62, 2**63 - 1], "i8", 2**63 - 1),
        ([2**63, 2**64 - 1], "u8", 2**64 - 1),
        ([2**63, 2**63 + 2**10], "u8", 2**63 + 2**10),
        ([0.5, EXACT + 1], "O", EXACT + 1),
        ([2**70, 2**70 + 1], "O", 2**70 + 1),
        ([1, 10**400], "O", "of 1329 bits"),
    ],
)
def test_integers_that_float64_would_round(values: list, dtype: str, shown: object) -> None:
    error = error_of(numeric.as_numbers, np.array(values, dtype=dtype), "X")
    assert type(error) is ValueError
    assert str(error).startswith(f"X holds the integer {shown}, which float64 would round")


def test_the_column_of_an_integer_is_named() -> None:
    rows = np.array([[1, 2, 3], [4, EXACT + 1, 6]])
    for array in (rows, rows.T.copy().T, rows.astype(object)):
        assert "X, column 1 holds" in str(error_of(numeric.as_numbers, array, "X"))
    assert "X, column 7 holds" in str(error_of(numeric.check_exact, rows, "X", [5, 7, 9]))
    huge = np.array([[1, 10**400]], dtype=object)
    assert "X, column 1 holds" in str(error_of(numeric.as_numbers, huge, "X"))


def test_integers_that_float64_has() -> None:
    for values, dtype in (
        ([EXACT, -EXACT], "i8"),
        ([2**62, -(2**63), 2**60 + 2**8], "i8"),
        ([2**63, 2**64 - 2**11], "u8"),
        ([2**70, EXACT, float(EXACT)], "O"),
    ):
        found = numeric.as_numbers(np.array(values, dtype=dtype), "X")
        assert [int(value) for value in found.astype(float)] == values
    assert numeric.as_numbers(np.empty(0, "i8"), "X").shape == (0,)


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
        (NUMBERS.T, np.float64),
        (NUMBERS[::2], np.float64),
        (np.frombuffer(b"x" + NUMBERS.tobytes(), np.uint8)[1:].view(np.float64), np.float64),
    ],
)
def test_float32_stays_and_all_else_is_float64(array: np.ndarray, dtype: type) -> None:
    before = array.copy()
    floats = numeric.as_floats(array)
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
        assert numeric.as_floats(array) is array


@pytest.mark.skipif(sys.platform == "win32", reason="long doubles are doubles there")
def test_numbers_beyond_float64_become_infinite_in_silence() -> None:
    assert numeric.as_floats(np.array([np.finfo(np.longdouble).max]))[0] == np.inf


def test_what_is_masked_becomes_nan() -> None:
    mask = [[False, True], [False, False]]
    for dtype, expected in (("f4", np.float32), ("f8", np.float64), ("i8", np.float64)):
        masked = np.ma.masked_array(np.array([[1, 2], [3, 4]], dtype), mask)
        found = numeric.without_mask(masked, "X")
        assert found.dtype == expected
        np.testing.assert_array_equal(found, [[1, np.nan], [3, 4]])
        assert masked.data[0, 1] == 2
    plain = np.ma.masked_array(NUMBERS)
    assert np.shares_memory(numeric.without_mask(plain, "X"), NUMBERS)
    assert numeric.is_masked_type(plain)
    assert not numeric.is_masked_type(NUMBERS)
    # What lies under the mask need be no number that float64 has.
    under = np.ma.masked_array([2**53 + 1, 1], [True, False])
    np.testing.assert_array_equal(numeric.without_mask(under, "X"), [np.nan, 1])
    error = error_of(numeric.without_mask, np.ma.masked_array([1j, 2], [True, False]), "X")
    assert "Complex data not supported" in str(error)


@pytest.mark.parametrize(
    ("shape", "opening"),
    [
        ((), "Expected 2D array, got scalar array instead: X is 1.0. Pass rows"),
        ((3,), "Expected 2D array, got 1D array instead: X has shape (3,). Reshape"),
        (
            (1, 2, 3),
            "Found array with dim 3, while dim <= 2 is required by caller: X has shape (1,",
        ),
    ],
)
def test_other_dimensions(shape: tuple, opening: str) -> None:
    error = numeric.dimension_error(np.ones(shape), "X", "caller")
    assert type(error) is ValueError
    assert str(error).startswith(opening)
