"""Archives of arrays."""

import re

import numpy as np
import pytest

from fastgmm.sources import batches, read_table


@pytest.fixture
def archive(tmp_path):
    """Save arrays and return the path."""

    def save(**arrays):
        np.savez_compressed(tmp_path / "x.npz", **arrays)
        return tmp_path / "x.npz"

    return save


def test_one_array_is_rows(archive, rng):
    rows = rng.normal(size=(50, 3))
    path = archive(anything=rows)
    for dtype in (np.float32, np.float64):
        table = read_table(path, dtype=dtype, columns=[2, 0])
        np.testing.assert_array_equal(table.rows, rows[:, [2, 0]].astype(dtype))
    assert [len(batch) for batch in batches(path, batch_rows=20)] == [20, 20, 10]
    assert read_table(archive(x=np.arange(3))).rows.tolist() == [[0], [1], [2]]


def test_an_array_is_named_behind_the_archive(archive, rng):
    rows = rng.normal(size=(50, 3))
    path = archive(X=rows, y=np.arange(50))
    np.testing.assert_array_equal(read_table(path / "X").rows, rows)
    np.testing.assert_array_equal(read_table(f"{path}/y").rows[:, 0], np.arange(50))


def test_arrays_of_one_dimension_are_columns_with_names(archive):
    path = archive(a=np.arange(3), b=np.array([2.5, 3, 4], "f4"))
    table = read_table(path)
    assert table.columns == ("a", "b")
    assert table.rows.tolist() == [[0, 2.5], [1, 3], [2, 4]]
    assert read_table(path, columns="b").rows.tolist() == [[2.5], [3], [4]]


@pytest.mark.parametrize(
    ("arrays", "inside", "sentence"),
    [
        ({"X": np.eye(3), "y": np.ones(3)}, "", "{} holds several arrays ('X' of shape (3, 3), 'y' "
         "of shape (3,)); name the one with the rows, as in {}/X."),
        ({"X": np.eye(3), "Y": np.eye(3)}, "", "{} holds several arrays ('X' of shape (3, 3), 'Y' "
         "of shape (3, 3)); name the one with the rows, as in {}/X."),
        ({"X": np.eye(3)}, "/Y", "{} has no array 'Y'; it has 'X'."),
        ({"X": np.array(["a"])}, "", "{}, array 'X': it holds values of type <U1, not integers or "
         "floats."),
        ({"X": np.ones((2, 2, 2))}, "", "{}, array 'X': it has the shape (2, 2, 2), not one of "
         "rows and columns."),
        ({}, "", "{} is empty."),
    ],
)  # fmt: skip
def test_archives_that_are_not_right(archive, arrays, inside, sentence):
    path = archive(**arrays)
    with pytest.raises(ValueError, match="^" + re.escape(sentence.replace("{}", str(path))) + "$"):
        read_table(f"{path}{inside}")


@pytest.mark.parametrize("content", [b"x", b"PK\x03\x04 and no more", None])
def test_damaged_archives_are_refused(archive, content):
    path = archive(X=np.eye(30))
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    with pytest.raises(ValueError, match=re.escape(f"{path} is not a whole .npz archive")):
        read_table(path)


def test_gaps_of_archives_are_dropped(archive):
    path = archive(X=np.array([[1, np.nan], [2, 3]]))
    assert read_table(path, gaps="drop").rows.tolist() == [[2, 3]]
