"""Arrays, .npy files and frames to rows."""

import sys

import numpy as np
import pandas
import pytest

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


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.ones((2, 2), bool), "holds values of type bool, not integers or floats."),
        (np.ones((2, 2, 2)), "has 3 dimensions; rows and columns are 2."),
        (np.ones((3, 0)), "has no column; nothing would be left."),
    ],
)
def test_arrays_that_are_not_right(tmp_path, array, sentence):
    np.save(tmp_path / "x.npy", array)
    refused(f"{tmp_path / 'x.npy'} {sentence}", tmp_path / "x.npy")
    refused(f"The array {sentence}", array)


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
        (np.ones((2, 2), bool), {}, "{} holds values of type bool, not integers or floats."),
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
