"""Frames of polars: every kind of column."""

import datetime
import decimal
import fractions

import numpy as np
import polars
import pytest

from fastgmm.tables.frames import rows_of
from fastgmm.tables.polars_frames import PolarsFrame
from support import error_of

INT128 = getattr(polars, "Int128", polars.Int64)  # It came with polars 1.18.


def column(values, dtype=None):
    return polars.DataFrame(
        {"a": polars.Series(values, dtype=dtype, strict=False), "b": [1.5, 2.5, 3.5]}
    )


NUMBERS = {
    "bool": (column([True, None, False]), [1, np.nan, 0]),
    "int": (column([3, None, 2]), [3, np.nan, 2]),
    "uint8": (column([3, 0, 2], polars.UInt8), [3, 0, 2]),
    "int128": (column([3, None, 2], INT128), [3, np.nan, 2]),
    "large": (column([2**60, None, 2], polars.UInt64), [2**60, np.nan, 2]),
    "float": (column([3.5, None, float("nan")]), [3.5, np.nan, np.nan]),
    "float32": (column([3.5, None, 2], polars.Float32), [3.5, np.nan, 2]),
    "decimal": (column([decimal.Decimal("0.25"), None, decimal.Decimal(2)]), [0.25, np.nan, 2]),
    "objects": (column([fractions.Fraction(1, 2), 2, 3], polars.Object), [0.5, 2, 3]),
    "nulls": (column([None, None, None]), [np.nan] * 3),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_columns_of_numbers(name):
    native, expected = NUMBERS[name]
    frame = PolarsFrame(native)
    assert frame.kinds == (None, None)
    np.testing.assert_array_equal(rows_of(frame, "X"), np.c_[expected, [1.5, 2.5, 3.5]])
    part = frame.numbers(frame.column(0), 1, 3, "X")
    np.testing.assert_array_equal(part, expected[1:])


DAY = datetime.date(2001, 1, 1)
OTHERS = {
    "text": (column(list("xyz")), "String", ValueError),
    "categories": (column(list("xyz"), polars.Categorical), "Categorical", ValueError),
    "enum": (column(list("xyz"), polars.Enum(["x", "y", "z"])), "Enum", ValueError),
    "dates": (column([DAY] * 3), "Date", TypeError),
    "times": (column([datetime.datetime(2001, 1, 1)] * 3), "Datetime", TypeError),
    "spans": (column([datetime.timedelta(1)] * 3), "Duration", TypeError),
    "times of day": (column([datetime.time(1)] * 3), "Time", TypeError),
    "lists": (column([[1], [2], [3]]), "List", ValueError),
    "structs": (column([{"time": 1}] * 3), "Struct", TypeError),
    "objects": (column([{1}, {2}, {3}], polars.Object), "object (set)", TypeError),
}


@pytest.mark.parametrize("name", OTHERS)
def test_columns_of_other_values(name):
    native, kind, error_type = OTHERS[name]
    frame = PolarsFrame(native)
    assert frame.kinds[0].startswith(kind)
    error = error_of(rows_of, frame, "X")
    assert type(error) is error_type
    assert f"X, column 'a': its type is {frame.kinds[0]}, not a number; " in str(error)


def test_float32_stays_where_all_columns_are():
    for dtypes, single in ((("f4", "f4"), True), (("f4", "f8"), False), (("f4", "i1"), False)):
        native = polars.DataFrame({str(i): np.ones(2, dtype) for i, dtype in enumerate(dtypes)})
        frame = PolarsFrame(native)
        assert frame.single is single
        assert rows_of(frame, "X").dtype == (np.float32 if single else np.float64)


@pytest.mark.parametrize("dtype", [polars.Int64, polars.UInt64, INT128])
def test_integers_that_float64_would_round(dtype):
    frame = PolarsFrame(column([None, 2**53 + 1, 2], dtype))
    assert "column 'a' holds the integer 9007199254740993" in str(error_of(rows_of, frame, "X"))


def test_no_rows():
    frame = PolarsFrame(column([1, 2, 3])[:0])
    assert rows_of(frame, "X").shape == (0, 2)
    assert frame.first(0) is None
    assert rows_of(PolarsFrame(polars.DataFrame()), "X").shape == (0, 0)
