"""Types of values: numbers, dates, text, and the sentence for each."""

import datetime
import decimal
import fractions

import numpy as np
import pandas as pd
import pytest

from fastgmm.tables import kinds

TIMES = (
    *("datetime64[ns]", "datetime64[us, UTC]", "timedelta64[s]", "period[D]", "interval[int64]"),
    *("Date", "Datetime(time_unit='us', time_zone=None)", "Duration(time_unit='us')", "Time"),
    *("date32[day]", "timestamp[us]", "time64[ns]", "duration[s]", "month_day_nano_interval"),
    *("timestamp[ns][pyarrow]", "category of datetime64[ns]", "dictionary<values=date32[day], ind"),
)
OTHERS = ("double", "int64", "str", "Categorical", "Enum", "struct<time: int64>", "List", "bool")


def test_names_of_dates_and_spans() -> None:
    assert all(map(kinds.is_time, TIMES))
    assert not any(map(kinds.is_time, OTHERS))


VALUES = {
    "text": ("a", ValueError, "could not convert string to float: 'a'. X: rest"),
    "bytes": (b"a", ValueError, "could not convert string to float: b'a'. X: rest"),
    "complex": (1j, ValueError, "Complex data not supported. X: its type is complex"),
    "date": (datetime.date(2001, 1, 1), TypeError, "X: its type is date, not a number; dates and"),
    "span": (datetime.timedelta(1), TypeError, "X: its type is timedelta, not a number; dates"),
    "stamp": (
        pd.Timestamp("2001-01-01"),
        TypeError,
        "X: its type is Timestamp, not a number; date",
    ),
    "no time": (pd.NaT, TypeError, "X: its type is NaTType, not a number; dates and time spans"),
    "period": (pd.Period("2001"), TypeError, "X: its type is Period, not a number; dates and time"),
    "span of NumPy": (
        np.timedelta64(1, "s"),
        TypeError,
        "X: its type is timedelta64, not a number",
    ),
    "list": ([1, 2], ValueError, "setting an array element with a sequence. X: rest"),
    "dict": (
        {},
        TypeError,
        "float() argument must be a string or a real number, not 'dict'. X: re",
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_that_are_no_numbers(name: str) -> None:
    value, kind, opening = VALUES[name]
    error = kinds.value_error("X", value, "rest")
    assert type(error) is kind
    assert str(error).startswith(opening)
    assert not kinds.is_number_type(type(value))


def test_values_that_are_numbers() -> None:
    values = [1, 1.5, True, None, pd.NA, decimal.Decimal(1), fractions.Fraction(1, 3)]
    values += [np.float32(1), np.int8(1), np.bool_(1), np.longdouble(1)]
    assert all(kinds.is_number_type(type(value)) for value in values)
    assert kinds.first_of_other_type(values) is None
    assert kinds.kind_of_objects(values) is None
    assert kinds.first_of_other_type([*values, "a", "b"]) == len(values)
    assert kinds.kind_of_objects([1, datetime.date(2001, 1, 1)]) == "date"
    assert kinds.kind_of_objects([1, "a"]) == "object (str)"


def test_names_inside_a_sentence() -> None:
    assert kinds.inside("Item 3 of the source") == "item 3 of the source"
    assert kinds.inside("X") == "X"


def test_sentences_of_types() -> None:
    assert kinds.type_sentence("str", "advice") == "its type is str, not a number; advice."
    assert "days since a date" in kinds.type_sentence("Date", "advice")
    assert "the real part" in kinds.type_sentence("complex64", "advice")
    assert type(kinds.time_error("X", "Date")) is TypeError
    assert type(kinds.complex_error("X", "complex64")) is ValueError
    assert str(kinds.text_error("X", "a", "rest")).endswith("'a'. X: rest")


def test_text_that_reads_as_a_number() -> None:
    assert all(map(kinds.reads_as_number, ("5.1", " -2 ", b"3", "nan", "1e5")))
    assert not any(map(kinds.reads_as_number, ("5,1", "five", "", 5.1, None)))
