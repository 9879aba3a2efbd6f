"""Frames of pandas, polars and pyarrow: names, types and numbers of their columns."""

import subprocess
import sys

import numpy as np
import pandas
import polars
import pyarrow
import pytest

from fastgmm.tables import frames

DATA = {"a": [1, 2, 3], "species": ["x", "y", "z"], "b": [0.5, None, 2.5]}
MAKERS = {
    "pandas": lambda: pandas.DataFrame(DATA),
    "nullable": lambda: pandas.DataFrame(DATA).convert_dtypes(),
    "polars": lambda: polars.DataFrame(DATA),
    "table": lambda: pyarrow.table(DATA),
    "record batch": lambda: pyarrow.RecordBatch.from_pydict(DATA),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_frame_is_columns_of_numbers(make):
    frame = frames.frame_of(make())
    assert frame.names == ("a", "species", "b")
    assert frame.n_rows == 3
    assert [kind is None for kind in frame.kinds] == [True, False, True]
    numbers = frame.numbers(frame.column(2), 0, 3)
    np.testing.assert_array_equal(numbers, [0.5, np.nan, 2.5])
    assert frame.numbers(frame.column(0), 1, 3).tolist() == [2, 3]


def test_the_classes_are_named():
    kinds = {name: frames.frame_of(make()).kind for name, make in MAKERS.items()}
    assert kinds["pandas"] == kinds["polars"] == "DataFrame"
    assert kinds["table"] == "Table"
    assert kinds["record batch"] == "RecordBatch"


def test_a_subclass_of_a_frame_is_a_frame():
    class Special(pandas.DataFrame):
        pass

    assert frames.frame_of(Special(DATA)).names == ("a", "species", "b")


def test_the_index_of_pandas_is_no_data():
    table = pyarrow.table({"a": [1], "__index_level_0__": [7]})
    assert frames.frame_of(table).default == [0]
    assert frames.plain_columns(table.schema) == [0]
    assert frames.frame_of(pandas.DataFrame(DATA)).default is None


def test_names_that_are_no_text_are_none():
    assert frames.frame_of(pandas.DataFrame(np.ones((2, 2)))).names is None
    assert frames.frame_of(pandas.DataFrame()).names is None
    assert list(frames.names_of(pandas.DataFrame(np.ones((2, 2))))) == [0, 1]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_names_of_frames(make):
    assert list(frames.names_of(make())) == ["a", "species", "b"]


def test_other_values_are_no_frames():
    for value in (np.ones((2, 2)), [[1.0]], {"a": [1]}, pandas.Series([1.0]), "a", None):
        assert frames.frame_of(value) is None
    assert frames.names_of(np.ones((2, 2))) is None
    assert frames.names_of(type("Callable", (), {"columns": lambda self: 3})()) is None


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pandas.DataFrame({"a": [1, 2], "b": [3, 4]}), np.int64),
        (pandas.DataFrame({"a": [1, None]}, dtype="Int64"), np.float64),
        (pandas.DataFrame({"a": [1, None]}, dtype="Float32"), np.float32),
        (pandas.Series([1.5, None], dtype="Float64"), np.float64),
        (pandas.DataFrame({"a": pandas.array([1.5], "Float32"), "b": [1.5]}), np.float64),
    ],
)
def test_pandas_to_arrays(values, dtype):
    assert frames.is_pandas(values)
    array = frames.pandas_array(values)
    assert array.dtype == dtype
    assert array.shape == values.shape


def test_a_sparse_frame_is_no_array():
    sparse = pandas.DataFrame({"a": pandas.arrays.SparseArray([0.0, 1.0])})
    assert frames.pandas_array(sparse) is None
    assert [dtype.kind for dtype in frames.pandas_dtypes(sparse)] == ["f"]


def test_columns_of_arrow_are_numbers():
    chunked = pyarrow.chunked_array([[1, None], [3]])
    np.testing.assert_array_equal(frames.arrow_numbers(chunked), [1.0, np.nan, 3.0])
    half = pyarrow.array(np.array([0.5, 1.5], np.float16))
    assert frames.arrow_numbers(half).tolist() == [0.5, 1.5]
    schema = pyarrow.schema({"a": pyarrow.bool_(), "b": pyarrow.decimal128(5, 2)})
    assert frames.arrow_kinds(schema) == ("bool", None)


def test_no_package_of_frames_is_imported():
    code = (
        "import sys; from fastgmm.tables import frames; frames.frame_of([1.0]);"
        "print([name for name in ('pandas', 'polars', 'pyarrow') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
