"""What every frame is: names, the types of its columns, their numbers."""

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from fastgmm.tables import frames
from fastgmm.tables.containers import frame_of
from fastgmm.tables.table import Table
from support import error_of

DATA = {"a": [1, 2, 3], "species": ["x", "y", "z"], "b": [0.5, None, 2.5]}
MAKERS = {
    "pandas": lambda data: pandas.DataFrame(data),
    "nullable": lambda data: pandas.DataFrame(data).convert_dtypes(),
    "polars": lambda data: polars.DataFrame(data),
    "table": lambda data: pyarrow.table(data),
    "record batch": lambda data: pyarrow.RecordBatch.from_pydict(data),
}
NUMBERS = {"a": [1, 2, 3], "b": [0.5, None, 2.5], "c": [True, False, True]}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_frame_is_columns_of_numbers(make):
    frame = frame_of(make(DATA))
    assert frame.names == frame.data_labels == ("a", "species", "b")
    assert frame.n_rows == 3
    assert not frame.single
    assert [kind is None for kind in frame.kinds] == [True, False, True]
    numbers = frame.numbers(frame.column(2), 0, 3, "X")
    np.testing.assert_array_equal(numbers, [0.5, np.nan, 2.5])
    assert frame.numbers(frame.column(0), 1, 3, "X").tolist() == [2, 3]
    assert frame.first(1) == "x"
    assert frame.first(2) == 0.5


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_rows_of_a_frame(make):
    rows = frames.rows_of(frame_of(make(NUMBERS)), "X")
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(rows, [[1, 0.5, 1], [2, np.nan, 0], [3, 2.5, 1]])
    error = error_of(frames.rows_of, frame_of(make(DATA)), "X")
    assert type(error) is ValueError
    assert str(error).startswith("could not convert string to float: 'x'. X, column 'species': its")
    assert str(error).endswith("not a number; choose columns of numbers, such as ['a', 'b'].")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_column_of_an_integer_that_would_be_rounded_is_named(make):
    frame = frame_of(make({"a": [1, 2], "large": [3, 2**53 + 1]}))
    error = error_of(frames.rows_of, frame, "X")
    assert type(error) is ValueError
    assert str(error).startswith("X, column 'large' holds the integer 9007199254740993, which")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_text_that_reads_as_numbers_is_to_be_converted(make):
    error = error_of(frames.rows_of, frame_of(make({"a": [1.0, 2.0], "b": ["5.1", "4"]})), "X")
    assert "X, column 'b': its type" in str(error)
    assert str(error).endswith(
        "its text reads as numbers: convert the column first, as by .astype(float) of pandas."
    )
    error = error_of(frames.rows_of, frame_of(make({"b": ["5.1", "4"]})), "X")
    assert "convert the columns first" in str(error)


def test_few_columns_are_advised():
    data = {f"x{i}": [1.0] for i in range(9)}
    error = error_of(frames.rows_of, frame_of(polars.DataFrame({**data, "s": ["a"]})), "X")
    assert "such as ['x0', 'x1', 'x2', 'x3', 'x4', 'x5', ...]" in str(error)
    error = error_of(frames.rows_of, frame_of(polars.DataFrame({"s": ["a"]})), "X")
    assert str(error).endswith("no column holds numbers.")
    error = error_of(frames.rows_of, frame_of(polars.DataFrame({"s": ["a"]})), "w", series=True)
    assert "'a'. w: its type" in str(error)


def test_sparse_data_is_called_so():
    error = frames.sparse_error("X")
    assert type(error) is TypeError
    assert str(error).startswith("Sparse data was passed for X, but dense data is required: ")


def test_a_class_is_known_by_its_name():
    class Special(pandas.DataFrame):
        pass

    assert frames.is_class(Special(DATA), "pandas", "DataFrame")
    assert not frames.is_class(Special(DATA), "polars", "DataFrame")
    assert frame_of(Special(DATA)).names == ("a", "species", "b")


def test_the_classes_are_named():
    kinds = {name: frame_of(make(DATA)).kind for name, make in MAKERS.items()}
    assert kinds["pandas"] == kinds["polars"] == "DataFrame"
    assert kinds["table"] == "Table"
    assert kinds["record batch"] == "RecordBatch"


def test_names_that_are_no_text_are_none():
    assert frame_of(pandas.DataFrame(np.ones((2, 2)))).names is None
    assert frame_of(pandas.DataFrame()).names is None
    assert list(frames.names_of(pandas.DataFrame(np.ones((2, 2))))) == [0, 1]
    assert frames.text_names([("a", "b"), ("c", "d")]) is None
    assert frames.text_names([]) is None
    assert frames.text_names(["a", "a"]) == ("a", "a")
    error = error_of(frames.text_names, ["a", 1])
    assert type(error) is TypeError
    assert "types ['int', 'str']" in str(error)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_names_of_frames(make):
    assert list(frames.names_of(make(DATA))) == ["a", "species", "b"]
    assert list(frames.names_of(frame_of(make(DATA)))) == ["a", "species", "b"]


def test_other_values_have_no_names():
    assert frames.names_of(np.ones((2, 2))) is None
    assert frames.names_of(type("Callable", (), {"columns": lambda self: 3})()) is None
    assert frames.names_of(Table(np.ones((1, 1)), ("a",))) == ("a",)
