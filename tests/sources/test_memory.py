"""Arrays, .npy files and frames to rows."""

import sys

import numpy as np
import pandas
import pyarrow
import pytest
from pyarrow import dataset

from containers import Sliceable, WithArrowStream
from fastgmm.sources import batches, memory, read_table
from source_support import REMEDY, joined, refused, refused_whole, write, written


def test_frames_without_names_of_text_go_by_number():
    frame = pandas.DataFrame(np.arange(6.0).reshape(2, 3))
    assert batches(frame).columns is None
    assert joined(frame, columns=[2]).tolist() == [[2.0], [5.0]]


def test_an_npy_that_became_shorter(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.ones((1000, 3)))
    read = batches(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r" has become shorter while it was read\.$"):
        list(read)


def test_npy_of_one_dimension_is_one_column(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(5))
    assert joined(tmp_path / "x.npy", batch_rows=2).tolist() == [[0], [1], [2], [3], [4]]


def test_files_of_arrays_that_are_not_right(tmp_path):
    for array, sentence in (
        (np.ones((2, 2), complex), "holds values of type complex128, not integers or floats."),
        (np.ones((2, 2, 2)), "has 3 dimensions; rows and columns are 2."),
        (np.ones((3, 0)), "has no column; nothing would be left."),
    ):
        np.save(tmp_path / "x.npy", array)
        refused(f"{tmp_path / 'x.npy'} {sentence}", tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (
            np.ones((2, 2, 2)),
            "Found array with dim 3, while dim <= 2 is required by fastgmm.sources.batches: The "
            "array has shape (2, 2, 2), pass one row per sample.",
        ),
        (
            np.ones(3),
            "Expected 2D array, got 1D array instead: The array has shape (3,). Reshape your data: "
            "(-1, 1) makes one feature of it, (1, -1) one row.",
        ),
        (np.ones((3, 0)), "The array has no column; nothing would be left."),
    ],
)
def test_arrays_that_are_not_right(array, sentence):
    refused(sentence, array)
    refused(sentence, Sliceable(array))


def test_booleans_are_numbers(tmp_path):
    rows = np.eye(3, dtype=bool)
    path = written(tmp_path, rows, "x.npy")
    for source in (path, rows, Sliceable(rows), pandas.DataFrame(rows), rows.tolist()):
        assert joined(source).tolist() == np.eye(3).tolist()


def test_integers_that_float64_would_round(tmp_path):
    rows = np.array([[1, 2**53 + 1]])
    path = written(tmp_path, rows, "x.npy")
    for source in (path, rows, Sliceable(rows), pandas.DataFrame(rows, columns=["a", "b"])):
        with pytest.raises(
            ValueError, match=r"column ('b'|1) holds the integer 9007199254740993, w"
        ):
            list(batches(source, columns=[1]))


# ---------------------------------------------------------------- what lies elsewhere


def test_a_store_is_never_read_whole():
    rows = np.random.default_rng(0).normal(size=(40000, 50))
    store = Sliceable(rows)
    read = batches(store, batch_rows=500)
    assert store.largest == 0
    assert (read.n_rows, read.columns) == (40000, None)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(read)), rows)
    assert 0 < store.largest <= 2**16 // 50
    store.largest = 0
    np.testing.assert_array_equal(joined(store, columns=[7, 3], batch_rows=10**9), rows[:, [7, 3]])
    assert store.largest <= 2**20 // 50


@pytest.mark.parametrize(
    ("chunks", "step"),
    [
        ((300, 2), 32700),
        # Chunks that are larger than a batch are read in as few slices as may be.
        ((40000, 2), 40000),
        ((10**6, 2), 500000),
        (None, 32768),
        (True, 32768),
    ],
)
def test_slices_end_where_chunks_do(chunks, step):
    store = Sliceable(np.zeros((70000, 2)), chunks)
    list(batches(store, batch_rows=5))
    ends = [*range(step, 70000, step), 70000]
    assert store.slices == list(zip([0, *ends[:-1]], ends, strict=True))


def test_uneven_chunks_are_fetched_one_by_one():
    store = Sliceable(np.arange(20.0).reshape(10, 2), ((3, 5, 2), (2,)))
    np.testing.assert_array_equal(joined(store, batch_rows=4), store.rows)
    assert store.slices == [(0, 3), (3, 8), (8, 10)]


def test_a_store_with_a_dtype_of_its_own():
    store = Sliceable(np.ones((3, 2)))
    store.dtype = "float64 of another package"
    assert joined(store).tolist() == np.ones((3, 2)).tolist()


def test_a_store_of_unknown_length():
    store = Sliceable(np.ones((3, 2)))
    store.shape = (float("nan"), 2)
    refused(
        "The array does not know how many rows it has: call compute_chunk_sizes() first.", store
    )


@pytest.mark.parametrize("package", ["h5py", "zarr", "dask.array"])
def test_stores_of_packages(package, tmp_path):
    made = pytest.importorskip(package)
    rows = np.random.default_rng(0).normal(size=(500, 3))
    if package == "h5py":
        file = made.File(tmp_path / "x.h5", "w")
        store = file.create_dataset("x", data=rows, chunks=(64, 3))
    else:
        store = (made.array if package == "zarr" else made.from_array)(rows, chunks=(64, 3))
    read = batches(store, batch_rows=100, columns=[2, 0])
    assert read.n_rows == 500
    assert read.reiterable
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(read)), rows[:, [2, 0]])


def test_groups_and_closed_files(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        store = file.create_dataset("x", data=np.ones((5, 2)))
        read = batches(store)
        sentence = "The source is a File of several arrays ('x'): pass one of them, such as f['X']."
        refused(sentence, file, error=TypeError)
    sentence = "The array lies in an HDF5 file that is closed: keep its file open."
    refused(sentence, store)
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        list(read)
    zarr = pytest.importorskip("zarr")
    sentence = "The source is a Group of several arrays (none): pass one of them, such as f['X']."
    refused(sentence, zarr.group(), error=TypeError)


def test_what_a_store_gives_is_its_own():
    """A store that hands out what it keeps finds it as it was."""
    kept = Sliceable(np.ones((5, 2)))
    for rows in batches(kept):
        rows[:] = 7.0
    assert kept.rows.tolist() == np.ones((5, 2)).tolist()


def test_parts_of_what_is_no_array():
    rows = np.arange(12.0).reshape(6, 2)
    table = pyarrow.table({"a": rows[:, 0], "b": rows[:, 1]})
    for source, again in (
        (dataset.dataset(table), True),
        (table.to_reader(4), False),
        (WithArrowStream(table), False),
    ):
        read = batches(source, batch_rows=4)
        assert read.reiterable is again
        np.testing.assert_array_equal(np.concatenate(list(read)), rows)
        assert read.columns == ("a", "b")


def test_names_of_frames_of_dask_and_narwhals():
    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
    narwhals = pytest.importorskip("narwhals")
    assert batches(narwhals.from_native(frame)).columns == ("a", "b")
    dask = pytest.importorskip("dask.dataframe")
    read = batches(dask.from_pandas(frame, npartitions=2))
    assert read.reiterable
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(read)), frame.to_numpy())
    assert read.columns == ("a", "b")


def test_lists_are_rows_or_tables():
    rows = [[1.0, 2.0], [3.0, 4.0]]
    for source in (rows, tuple(map(tuple, rows)), list(np.array(rows)), [rows], [np.array(rows)]):
        assert joined(source).tolist() == rows
    assert joined([rows, rows]).tolist() == rows + rows


def test_masked_values_are_gaps():
    masked = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])
    assert joined(masked, gaps="drop").tolist() == [[3.0, 4.0]]
    refused(f"The array, row 0 (counted from 0), column 1: the value is missing; {REMEDY}", masked)


def test_numpy_needs_no_pyarrow(tmp_path, monkeypatch):
    path = write(tmp_path, "npy", np.ones((3, 4)))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for source in (path, np.ones((3, 4)), [np.ones((3, 4))], pandas.DataFrame(np.ones((3, 4)))):
        assert joined(source).shape == (3, 4)


def test_npy_of_one_dimension_is_one_column_of_a_whole_file(tmp_path):
    assert read_table(written(tmp_path, np.arange(3), "x.npy")).rows.tolist() == [[0], [1], [2]]


@pytest.mark.parametrize("shape", [(0,), (0, 1), (0, 3)])
def test_an_npy_without_rows(tmp_path, shape):
    path = written(tmp_path, np.ones(shape), "x.npy")
    assert list(batches(path)) == []
    refused_whole(path, f"{path} is empty: its shape is {(*shape, 1)[:2]}.")


def test_large_npy_is_mapped(tmp_path, monkeypatch):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    path = written(tmp_path, rows, "x.npy")
    assert not isinstance(read_table(path).rows.base, np.memmap)
    monkeypatch.setattr(memory, "MAPPED_BYTES", 1000)
    mapped = read_table(path).rows
    assert isinstance(mapped.base, np.memmap)
    assert not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, rows)
    np.testing.assert_array_equal(read_table(path, columns=[2]).rows, rows[:, [2]])


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (b"123", {}, "{} is not a whole .npy file of numbers; write it with numpy.save."),
        (np.array([[None]]), {}, "{} is not a whole .npy file of numbers; write it with "
         "numpy.save."),
        (np.ones((2, 2), complex), {}, "{} holds values of type complex128, not integers or "
         "floats."),
        (np.array([["a"]]), {}, "{} holds values of type <U1, not integers or floats."),
        (np.ones((2, 2, 2)), {}, "{} has 3 dimensions; rows and columns are 2."),
        (np.array(1.0), {}, "{} has 0 dimensions; rows and columns are 2."),
        (np.ones((0, 2)), {}, "{} is empty: its shape is (0, 2)."),
        (np.array([[1, 2], [3, np.nan]]), {}, "{}, row 1 (counted from 0), column 1: the value is "
         "missing; " + REMEDY),
        (np.array([[1, 2], [3, np.nan]]), {"columns": ["1"]}, "{}, row 1 (counted from 0), column "
         "1: the value is missing; " + REMEDY),
        (np.array([[1, np.inf]]), {}, "{}, row 0 (counted from 0), column 1: inf is not a finite "
         "number; " + REMEDY),
        (np.array([[1, -1e39]]), {"dtype": "f4"}, "{}, row 0 (counted from 0), column 1: -1e+39 is "
         "too large for float32; read it as float64."),
        (np.ones((2, 2)), {"columns": ["a"]}, "{} has no column names, so 'a' is not one; choose "
         "by number, 0 to 1."),
    ],
)  # fmt: skip
def test_npy_errors_name_the_place(tmp_path, content, options, sentence):
    path = written(tmp_path, content, "x.npy")
    refused_whole(path, sentence.format(path), **options)


def test_cut_off_npy_and_archives_are_refused(tmp_path):
    path = written(tmp_path, np.ones((100, 3)), "x.npy")
    whole = path.read_bytes()
    for length in (5, 60, 200, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused_whole(
            path, f"{path} is not a whole .npy file of numbers; write it with numpy.save."
        )
    np.savez(tmp_path / "x.npz", a=np.ones((2, 2)))
    (tmp_path / "x.npz").rename(path)
    refused_whole(path, f"{path} is an .npz archive; save its array of rows with numpy.save.")


def test_npy_needs_no_pyarrow(tmp_path, monkeypatch):
    path = written(tmp_path, np.ones((2, 2)), "x.npy")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read_table(path).rows.tolist() == [[1.0, 1.0], [1.0, 1.0]]
