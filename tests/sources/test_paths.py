"""The files of folders, patterns and lists."""

import re

import numpy as np
import pytest

from fastgmm.sources import batches, column_names, read_table
from fastgmm.sources.paths import listed
from source_support import csv_text, written


@pytest.fixture
def folder(tmp_path, rng):
    """Make a folder of three CSV, and return it and all rows."""
    rows = rng.normal(size=(30, 2))
    for i in range(3):
        written(tmp_path, csv_text(rows[10 * i : 10 * i + 10], "ab"), f"part-{i}.csv")
    written(tmp_path, "nothing", ".hidden")
    written(tmp_path, "nothing", "_SUCCESS")
    return tmp_path, rows


def test_folders_patterns_and_lists_are_their_files(folder):
    path, rows = folder
    for source in (path, str(path), path / "part-*.csv", sorted(path.glob("part*")), [path]):
        assert column_names(path) == ("a", "b")
        read = batches(source, batch_rows=8)
        assert read.columns == ("a", "b")
        assert [one.name for one in read.files] == [f"part-{i}.csv" for i in range(3)]
        for _ in range(2):
            assert [len(batch) for batch in read] == [8, 8, 8, 6]
        np.testing.assert_array_equal(np.concatenate(list(read)), rows)
        np.testing.assert_array_equal(read_table(source).rows, rows)
    np.testing.assert_array_equal(read_table(path / "part-[02].csv").rows, np.delete(
        rows, slice(10, 20), axis=0))  # fmt: skip


def test_a_file_whose_name_is_a_pattern_is_that_file(tmp_path):
    path = written(tmp_path, "1,2\n", "x[1].csv")
    assert listed(path) == [path]
    assert read_table(path).rows.tolist() == [[1, 2]]


def test_errors_name_the_file_and_its_own_line(folder):
    path, _ = folder
    bad = written(path, "a,b\n1,2\n3,x\n", "part-1.csv")
    with pytest.raises(ValueError, match=re.escape(f"{bad}, line 3, column 'b': 'x' is not a nu")):
        read_table(path)
    written(path, "a,b\n1,2\n3,\n", "part-1.csv")
    read = batches(path, gaps="drop")
    assert sum(map(len, read)) == 21
    assert (read.dropped, read.dropped_at) == (1, [f"{bad}, line 3"])


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("none-*.csv", FileNotFoundError, "No file fits the pattern {}."),
        ("empty", FileNotFoundError, "The folder {} holds no files to read."),
        (".", ValueError, "The folder {} holds files of several kinds (.csv, .npy); name those to "
         "read, or give a pattern such as {}/*.csv."),
    ],
)  # fmt: skip
def test_what_names_no_files_is_refused(tmp_path, name, error, sentence):
    (tmp_path / "empty").mkdir()
    written(tmp_path, "1\n", "x.csv")
    written(tmp_path, np.ones((2, 2)), "x.npy")
    path = tmp_path / name
    with pytest.raises(error, match="^" + re.escape(sentence.replace("{}", str(path))) + "$"):
        batches(path)
