"""Frames of pandas: every kind of column."""

import datetime
import decimal

import numpy as np
import pandas
import pyarrow
import pytest

from fastgmm.tables.frames import rows_of
from fastgmm.tables.pandas_frames import PandasFrame
from support import error_of

VALUES = [3, 0, 2]


def column(values, dtype=None):
    return pandas.DataFrame({"a": pandas.Series(values, dtype=dtype), "b": [1.5, 2.5, 3.5]})


NUMBERS = {
    "bool": (column([True, False, True]), [1, 0, 1]),
    "nullable bool": (column([True, None, True], "boolean"), [1, np.nan, 1]),
    "int8": (column(VALUES, "int8"), VALUES),
    "nullable": (column([3, None, 2], "Int64"), [3, np.nan, 2]),
    "nullable, unsigned": (column([3, None, 2], "UInt64"), [3, np.nan, 2]),
    "nullable, float": (column([3, None, 2], "Float32"), [3, np.nan, 2]),
    "Arrow": (column([3, None, 2], "int64[pyarrow]"), [3, np.nan, 2]),
    "Arrow, float": (column([3, None, 2], "double[pyarrow]"), [3, np.nan, 2]),
    "Arrow, bool": (column([True, None, True], "bool[pyarrow]"), [1, np.nan, 1]),
    "Arrow, decimal": (
        column(
            [decimal.Decimal(3), None, decimal.Decimal(2)],
            pandas.ArrowDtype(pyarrow.decimal128(5, 2)),
        ),
        [3, np.nan, 2],
    ),
    "categories": (
        column(["3", "0", "3"]).assign(a=pandas.Categorical([3, None, 2])),
        [3, np.nan, 2],
    ),
    "categories of objects": (
        column(VALUES)
        .assign(a=pandas.Categorical([True, None, False]).astype(object))
        .astype({"a": "category"}),
        [1, np.nan, 0],
    ),
    "sparse": (column(VALUES, pandas.SparseDtype("int64", 0)), VALUES),
    "objects": (column([3, None, decimal.Decimal(2)], object), [3, np.nan, 2]),
    "NA": (column([3, pandas.NA, 2.0], object), [3, np.nan, 2]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_columns_of_numbers(name):
    native, expected = NUMBERS[name]
    frame = PandasFrame(native)
    assert frame.kinds == (None, None)
    assert not frame.single
    np.testing.assert_array_equal(rows_of(frame, "X"), np.c_[expected, [1.5, 2.5, 3.5]])
    part = frame.numbers(frame.column(0), 1, 3, "X").astype(float)
    np.testing.assert_array_equal(part, expected[1:])


DAY = datetime.date(2001, 1, 1)
OTHERS = {
    "text": (column(list("xyz")), "str", ValueError),
    "categories of text": (column(list("xyz"), "category"), "category of text", ValueError),
    "dates": (column(pandas.to_datetime([DAY] * 3)), "datetime64", TypeError),
    "dates of a zone": (column(pandas.to_datetime([DAY] * 3, utc=True)), "datetime64", TypeError),
    "spans": (column(pandas.to_timedelta([1, 2, 3], unit="s")), "timedelta64", TypeError),
    "periods": (column(pandas.period_range("2001", periods=3, freq="D")), "period[D]", TypeError),
    "objects of dates": (column([DAY] * 3, object), "date", TypeError),
    "Arrow, dates": (column([DAY] * 3, "date32[pyarrow]"), "date32", TypeError),
    "categories of dates": (
        column(pandas.to_datetime([DAY] * 3)).astype({"a": "category"}),
        "category of datetime64",
        TypeError,
    ),
    "complex": (column([1j, 2, 3]), "complex128", ValueError),
    "objects of text": (column([1, 2, "z"], object), "object (str)", ValueError),
}


@pytest.mark.parametrize("name", OTHERS)
def test_columns_of_other_values(name):
    native, kind, error_type = OTHERS[name]
    frame = PandasFrame(native)
    assert frame.kinds[0].startswith(kind)
    assert frame.kinds[1] is None
    error = error_of(rows_of, frame, "X")
    assert type(error) is error_type
    assert f"X, column 'a': its type is {frame.kinds[0]}, not a number; " in str(error)


def test_columns_of_one_type_are_a_view():
    for dtype in (float, "f4", "i4", bool):
        native = pandas.DataFrame(np.ones((3, 2), dtype))
        assert np.shares_memory(rows_of(PandasFrame(native), "X"), native.to_numpy())


def test_float32_stays_where_all_columns_are():
    for native, single in (
        (pandas.DataFrame(np.ones((2, 2), "f4")), True),
        (pandas.DataFrame(np.ones((2, 2))).astype("Float32"), True),
        (pandas.DataFrame(np.ones((2, 2))).astype("float[pyarrow]"), True),
        (pandas.DataFrame(np.ones((2, 2), "f4")).astype({0: "Float32"}), True),
        (pandas.DataFrame(np.ones((2, 2), "f4")).astype({0: "int8"}), False),
        (pandas.DataFrame(np.ones((2, 2), "f4")).astype({0: "f8"}), False),
    ):
        frame = PandasFrame(native)
        assert frame.single is single
        assert rows_of(frame, "X").dtype == (np.float32 if single else np.float64)


def test_names_may_repeat_or_be_pairs():
    rows = np.arange(6.0).reshape(3, 2)
    for columns in (["a", "a"], pandas.MultiIndex.from_tuples([("a", "b"), ("a", "c")]), [7, 5]):
        frame = PandasFrame(pandas.DataFrame(rows, columns=columns).astype({}))
        np.testing.assert_array_equal(rows_of(frame, "X"), rows)
        assert frame.numbers(frame.column(1), 0, 3, "X").tolist() == [1, 3, 5]


def test_sparse_columns_only_are_refused():
    sparse = pandas.DataFrame(np.eye(3)).astype(pandas.SparseDtype(float))
    assert type(error_of(PandasFrame(sparse).check, "X")) is TypeError
    PandasFrame(sparse.assign(b=1.0)).check("X")
    PandasFrame(pandas.DataFrame()).check("X")


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint64[pyarrow]", object])
def test_integers_that_float64_would_round(dtype):
    frame = PandasFrame(column([2**53 + 1, 1, 2], dtype))
    assert "column 'a' holds the integer 9007199254740993" in str(error_of(rows_of, frame, "X"))


def test_no_columns_and_no_rows():
    assert rows_of(PandasFrame(pandas.DataFrame()), "X").shape == (0, 0)
    assert rows_of(PandasFrame(pandas.DataFrame(index=range(5))), "X").shape == (5, 0)
    empty = PandasFrame(column(VALUES, "Int64")[:0])
    assert rows_of(empty, "X").shape == (0, 2)
    assert empty.first(0) is None
