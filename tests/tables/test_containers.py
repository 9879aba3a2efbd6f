"""The door: what is taken, as what, and what is refused."""

import array
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from pyarrow import dataset

from containers import Sliceable, WithArray, WithArrowStream, WithDlpack, WithInterface
from fastgmm.tables import containers
from fastgmm.tables.frames import Frame
from fastgmm.tables.table import Table
from support import error_of

ROWS = np.arange(6.0).reshape(3, 2) / 4.0
COLUMNS = {"a": ROWS[:, 0].copy(), "b": ROWS[:, 1].copy()}
TABLE = pa.table(COLUMNS)

ARRAYS = {
    "array": lambda: ROWS,
    "list": ROWS.tolist,
    "tuples": lambda: tuple(map(tuple, ROWS.tolist())),
    "subclass": lambda: ROWS.view(np.recarray),
    "masked type": lambda: np.ma.masked_array(ROWS),
    "memory view": lambda: memoryview(ROWS),
    "interface": lambda: WithInterface(ROWS),
    "__array__": lambda: WithArray(ROWS),
    "DLPack": lambda: WithDlpack(ROWS.copy()),
    "slices": lambda: Sliceable(ROWS),
    "nameless table": lambda: Table(ROWS, None),
}
FRAMES = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "table": lambda: TABLE,
    "record batch": lambda: TABLE.to_batches()[0],
    "reader": lambda: TABLE.to_reader(),
    "dataset": lambda: dataset.dataset(TABLE),
    "stream": lambda: WithArrowStream(TABLE),
    "Table": lambda: Table(ROWS, ("a", "b")),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str) -> None:
    found = containers.opened(ARRAYS[name](), "X")
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, ROWS)
    np.testing.assert_array_equal(containers.array_of(ARRAYS[name](), "X"), ROWS)
    assert containers.is_table(ARRAYS[name]()) is (name not in ("list", "tuples"))


def test_integers_among_floats_are_not_rounded_unseen() -> None:
    for values in ([[2**53 + 1, 0.5]], [[2**63 + 1, -1]], [[2**53 + 1, float("nan")]]):
        error = error_of(containers.array_of, values, "X")
        assert str(error).startswith(f"X, column 0 holds the integer {values[0][0]}, which float64")
    values = [[2.0**60, 1e300], [float("inf"), 2**53]]
    assert containers.array_of(values, "X").tolist() == values
    assert containers.array_of([], "X").shape == (0,)


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name: str) -> None:
    found = containers.opened(FRAMES[name](), "X")
    assert isinstance(found, Frame)
    assert found.names == ("a", "b")
    assert containers.opened(found, "X") is found
    np.testing.assert_array_equal(containers.array_of(FRAMES[name](), "X"), ROWS)
    assert containers.is_table(FRAMES[name]())
    assert containers.streams_only(FRAMES[name]()) is (name == "stream")


def test_no_copy_where_numpy_makes_none() -> None:
    assert containers.opened(ROWS, "X") is ROWS
    for value in (WithInterface(ROWS), WithArray(ROWS), memoryview(ROWS), WithDlpack(ROWS)):
        assert np.shares_memory(containers.array_of(value, "X"), ROWS)
    frame = pd.DataFrame(ROWS)
    assert np.shares_memory(containers.array_of(frame, "X"), frame.to_numpy())
    assert containers.array_of(np.arange(3), "X").dtype.kind == "i"


@pytest.mark.parametrize(
    "make",
    [
        pd.Series,
        lambda a: pd.Series(a, dtype="Float64"),
        pl.Series,
        pa.array,
        lambda a: pa.chunked_array([a[:1], a[1:]]),
        lambda a: array.array("d", a),
    ],
)
def test_one_dimension(make) -> None:
    found = containers.array_of(make(COLUMNS["a"]), "w")
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, COLUMNS["a"])
    assert containers.is_table(make(COLUMNS["a"]))


class Unwilling:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no\narray today")


class Lazy(Sliceable):
    def __getitem__(self, key):
        return Lazy(super().__getitem__(key))


BAD = {
    "lazy slices": (
        Lazy(ROWS),
        TypeError,
        "X is a Lazy whose slices are no arrays: convert it to a",
    ),
    "matrix": (np.ones((2, 2)), TypeError, "np.matrix is not supported: convert X with numpy.asar"),
    "sparse": (
        scipy.sparse.eye_array(3),
        TypeError,
        "Sparse data was passed for X, but dense data",
    ),
    "sparse frame": (
        pd.DataFrame(np.eye(3)).astype(pd.SparseDtype(float)),
        TypeError,
        "Sparse data was passed for X, but dense data is required",
    ),
    "text": (
        "x.csv",
        ValueError,
        "could not convert string to float: 'x.csv'. X is text: to read a",
    ),
    "path": (
        Path("x.csv"),
        TypeError,
        "float() argument must be a string or a real number, not 'Po",
    ),
    "dict": (
        COLUMNS,
        TypeError,
        "float() argument must be a string or a real number, not 'dict'. X",
    ),
    "set": (
        {1},
        TypeError,
        "float() argument must be a string or a real number, not 'set'. X is no",
    ),
    "generator": (
        (r for r in ROWS),
        TypeError,
        "float() argument must be a string or a real number",
    ),
    "far": (
        WithDlpack(ROWS, 2),
        TypeError,
        "X is a WithDlpack in the memory of another device: cop",
    ),
    "unwilling": (
        Unwilling(),
        TypeError,
        "X is a Unwilling that gives no NumPy array (no array to",
    ),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str) -> None:
    value, kind, opening = BAD[name]
    error = error_of(containers.opened, np.asmatrix(value) if name == "matrix" else value, "X")
    assert type(error) is kind
    assert str(error).startswith(opening)


def test_series_are_refused_where_rows_are_asked_for() -> None:
    error = error_of(containers.refuse_series, pd.Series([1.0]))
    assert str(error).startswith("Expected a 2-dimensional container but got <class 'pandas")
    containers.refuse_series(pd.DataFrame())


def test_what_is_lazy_is_run() -> None:
    lazy = pl.LazyFrame(COLUMNS)
    assert containers.is_table(lazy)
    assert containers.opened(lazy, "X").names == ("a", "b")


def test_other_values_are_no_tables() -> None:
    for value in ([ROWS], (ROWS, ROWS), iter([ROWS]), "a", None, 3, lambda: [ROWS]):
        assert not containers.is_table(value)
        assert containers.frame_of(value) is None
        assert not containers.is_sliceable(value)
    assert containers.is_sliceable(ROWS)


def test_pyarrow_is_named_where_it_is_missing(monkeypatch) -> None:
    stream = WithArrowStream(TABLE)
    assert containers.arrow_reader(stream, "X").read_all().equals(TABLE)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = error_of(containers.opened, stream, "X")
    assert type(error) is ImportError
    assert "pip install pyarrow" in str(error)


def test_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(containers.array_of(torch.tensor(ROWS), "X"), ROWS)
    with_grad = torch.tensor(ROWS, requires_grad=True)
    assert str(error_of(containers.opened, with_grad, "X")).endswith("pass X.detach().")
    far = torch.empty((3, 2), device="meta")
    assert str(error_of(containers.opened, far, "X")) == "X is a Tensor on meta: pass X.cpu()."
    half = torch.tensor(ROWS).bfloat16()
    assert "gives no NumPy array (Got unsupported" in str(error_of(containers.opened, half, "X"))


def test_containers_of_other_packages() -> None:
    narwhals = pytest.importorskip("narwhals")
    for native in (pl.DataFrame(COLUMNS), pd.DataFrame(COLUMNS)):
        found = containers.opened(narwhals.from_native(native), "X")
        assert isinstance(found, Frame)
        assert found.names == ("a", "b")
    lazy = narwhals.from_native(pl.LazyFrame(COLUMNS))
    assert containers.opened(lazy, "X").names == ("a", "b")


def test_arrays_of_xarray() -> None:
    xarray = pytest.importorskip("xarray")
    made = xarray.DataArray(ROWS)
    np.testing.assert_array_equal(containers.array_of(made, "X"), ROWS)
    assert containers.opened(made.to_dataset(dim="dim_1"), "X").labels == ("0", "1")


def test_what_dask_holds() -> None:
    dask_array = pytest.importorskip("dask.array")
    made = dask_array.from_array(ROWS, chunks=(2, 1))
    np.testing.assert_array_equal(containers.array_of(made, "X"), ROWS)
    dask_frame = pytest.importorskip("dask.dataframe")
    frame = dask_frame.from_pandas(pd.DataFrame(COLUMNS), npartitions=2)
    assert containers.opened(frame, "X").names == ("a", "b")


def test_arrays_of_jax() -> None:
    numpy = pytest.importorskip("jax.numpy")
    np.testing.assert_array_equal(containers.array_of(numpy.asarray(ROWS), "X"), ROWS)
    half = numpy.asarray(ROWS).astype(numpy.bfloat16)
    assert "holds values of type bfloat16" in str(error_of(containers.array_of, half, "X"))


def test_no_package_is_imported() -> None:
    names = "('pandas', 'polars', 'pyarrow', 'torch', 'narwhals', 'numpy.ma')"
    code = (
        "import sys; from fastgmm.tables import containers; containers.array_of([[1.0]], 'X');"
        "containers.array_of(memoryview(b'ab'), 'X');"
        f"print([name for name in {names} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
