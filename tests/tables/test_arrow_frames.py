"""Tables of pyarrow: every kind of column."""

import datetime
import decimal

import numpy as np
import pandas
import pyarrow
import pytest

from fastgmm.tables.arrow_frames import ArrowFrame, arrow_kinds, arrow_numbers, plain_columns
from fastgmm.tables.frames import rows_of
from support import error_of

NUMBERS = {
    "bool": (pyarrow.array([True, None, False]), [1, np.nan, 0]),
    "int8": (pyarrow.array([3, None, 2], pyarrow.int8()), [3, np.nan, 2]),
    "uint64": (pyarrow.array([3, None, 2**60], pyarrow.uint64()), [3, np.nan, 2**60]),
    "half": (pyarrow.array(np.array([0.5, 1.5, 2], np.float16)), [0.5, 1.5, 2]),
    "float": (pyarrow.array([3, None, 2], pyarrow.float32()), [3, np.nan, 2]),
    "double": (pyarrow.array([3.5, None, float("nan")]), [3.5, np.nan, np.nan]),
    "decimal": (
        pyarrow.array([decimal.Decimal("0.25"), None, decimal.Decimal(2)]),
        [0.25, np.nan, 2],
    ),
    "dictionary": (pyarrow.array([3, None, 2]).dictionary_encode(), [3, np.nan, 2]),
    "nulls": (pyarrow.nulls(3), [np.nan] * 3),
    "chunks": (pyarrow.chunked_array([[1, None], [3]]), [1, np.nan, 3]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_columns_of_numbers(name):
    column, expected = NUMBERS[name]
    frame = ArrowFrame(pyarrow.table({"a": column, "b": [1.5, 2.5, 3.5]}))
    assert frame.kinds == (None, None)
    np.testing.assert_array_equal(arrow_numbers(column, "X"), expected)
    np.testing.assert_array_equal(rows_of(frame, "X"), np.c_[expected, [1.5, 2.5, 3.5]])
    np.testing.assert_array_equal(frame.numbers(frame.column(0), 1, 3, "X"), expected[1:])


OTHERS = {
    "text": (pyarrow.array(list("xyz")), "string", ValueError),
    "dictionary": (pyarrow.array(list("xyz")).dictionary_encode(), "dictionary<", ValueError),
    "dates": (pyarrow.array([datetime.date(2001, 1, 1)] * 3), "date32[day]", TypeError),
    "times": (pyarrow.array([1, 2, 3], pyarrow.timestamp("s")), "timestamp[s]", TypeError),
    "spans": (pyarrow.array([1, 2, 3], pyarrow.duration("s")), "duration[s]", TypeError),
    "lists": (pyarrow.array([[1], [2], [3]]), "list<", ValueError),
    "structs": (pyarrow.array([{"time": 1}] * 3), "struct<", TypeError),
}


@pytest.mark.parametrize("name", OTHERS)
def test_columns_of_other_values(name):
    column, kind, error_type = OTHERS[name]
    frame = ArrowFrame(pyarrow.table({"a": column, "b": [1.5, 2.5, 3.5]}))
    assert frame.kinds[0].startswith(kind)
    error = error_of(rows_of, frame, "X")
    assert type(error) is error_type
    assert f"X, column 'a': its type is {frame.kinds[0]}, not a number; " in str(error)


def test_the_index_of_pandas_is_no_data():
    table = pyarrow.table({"a": [1], "__index_level_0__": [7]})
    frame = ArrowFrame(table)
    assert frame.default == plain_columns(table.schema) == [0]
    assert frame.data_labels == ("a",)
    assert rows_of(frame, "X").tolist() == [[1]]
    kept = pyarrow.Table.from_pandas(pandas.DataFrame({"a": [1, 2]}, index=[5, 7]))
    assert rows_of(ArrowFrame(kept), "X").tolist() == [[1], [2]]


def test_float32_stays_where_all_columns_are():
    for dtypes, single in ((("f4", "f4"), True), (("f4", "f8"), False)):
        native = pyarrow.table({str(i): np.ones(2, dtype) for i, dtype in enumerate(dtypes)})
        frame = ArrowFrame(native)
        assert frame.single is single
        assert rows_of(frame, "X").dtype == (np.float32 if single else np.float64)


def test_integers_that_float64_would_round():
    for column in (
        pyarrow.array([None, 2**53 + 1]),
        pyarrow.array([2**53 + 1], pyarrow.uint64()),
        pyarrow.array([2**53 + 1, 1]).dictionary_encode(),
    ):
        assert "X holds the integer 9007199254740993" in str(error_of(arrow_numbers, column, "X"))


def test_kinds_of_a_schema():
    schema = pyarrow.schema({"a": pyarrow.string(), "b": pyarrow.decimal128(5, 2)})
    assert arrow_kinds(schema) == ("string", None)


def test_no_rows():
    frame = ArrowFrame(pyarrow.table({"a": pyarrow.array([], pyarrow.int64())}))
    assert rows_of(frame, "X").shape == (0, 1)
    assert frame.first(0) is None
