"""Data that come as several files and tables."""

import re

import numpy as np
import pytest

from fastgmm.sources import Table, batches, read_table
from source_support import csv_text, joined, write, written


def test_files_of_several_kinds_in_a_list_are_one_table(tmp_path, rng):
    rows = rng.normal(size=(10, 4))
    paths = [write(tmp_path, kind, rows) for kind in ("csv", "parquet", "arrows", "tsv")]
    np.testing.assert_array_equal(read_table(paths).rows, np.tile(rows, (4, 1)))
    read = batches(paths, columns=["d", "a"], weights="b", batch_rows=7)
    found = np.concatenate([batch for batch, _ in read])
    np.testing.assert_array_equal(found, np.tile(rows[:, [3, 0]], (4, 1)))


def test_paths_among_the_items_of_an_iterable(tmp_path):
    path = written(tmp_path, "1,2\n3,4\n")
    items = iter([np.array([[5.0, 6.0]]), path, np.array([[7.0, 8.0]])])
    assert [batch.tolist() for batch in batches(items)] == [[[5, 6]], [[1, 2], [3, 4]], [[7, 8]]]


def test_a_pipe_among_the_files_can_be_read_once(tmp_path):
    import os
    import threading

    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(b"a,b\n5,6\n",), daemon=True).start()
    read = batches([written(tmp_path, "a,b\n1,2\n"), pipe])
    assert not read.reiterable
    assert np.concatenate(list(read)).tolist() == [[1, 2], [5, 6]]


def test_files_must_have_the_same_columns(tmp_path, rng):
    rows = rng.normal(size=(3, 2))
    first = written(tmp_path, csv_text(rows, "ab"), "1.csv")
    other = written(tmp_path, csv_text(rows, "ba"), "2.csv")
    with pytest.raises(ValueError, match=re.escape(f"{other} has columns ('b', 'a') and those be")):
        read_table([first, other])
    both = read_table([first, other], columns=["a", "b"]).rows
    np.testing.assert_array_equal(both, np.r_[rows, rows[:, ::-1]])


def test_columns_may_be_chosen_by_a_function_of_the_names(tmp_path):
    asked = []

    def choose(names):
        asked.append(names)
        return None if names is None else names[1]

    assert read_table(written(tmp_path, "a,b\n1,2\n"), columns=choose).rows.tolist() == [[2]]
    assert batches(np.ones((2, 3)), columns=choose).table().rows.shape == (2, 3)
    assert set(asked) == {("a", "b"), None}


def test_a_table_has_weights_where_they_were_chosen(tmp_path):
    path = written(tmp_path, "a,w\n1,2\n3,4\n")
    table, weights = batches(path, weights="w").table()
    assert isinstance(table, Table)
    assert (table.columns, table.rows.tolist(), weights.tolist()) == (("a",), [[1], [3]], [2, 4])


def test_rows_with_gaps_are_counted_and_placed(tmp_path):
    lines = ["a,b", *("1,2" if i % 3 else f"{i}," for i in range(60))]
    path = written(tmp_path, "\n".join(lines))
    expected = [f"line {i + 2}" for i in range(0, 30, 3)]
    for gaps, n_rows in (("drop", 40), ("keep", 60)):
        read = batches(path, gaps=gaps)
        assert sum(map(len, read)) == n_rows
        assert (read.dropped, read.dropped_at) == (20, expected)
        read = batches(path, gaps=gaps)
        assert len(read.table()) == n_rows
        assert (read.dropped, read.dropped_at) == (20, expected)
    blank = written(tmp_path, "a,b\n\n1,\n\n3,4\n5,", "blank.csv")
    read = batches(blank, gaps="drop")
    assert (read.table().rows.tolist(), read.dropped_at) == ([[3, 4]], ["line 3", "line 6"])
    read = batches(written(tmp_path, "a,b\n\n1,\n3,4", "end.csv"), gaps="drop")
    assert (read.table().rows.tolist(), read.dropped_at) == ([[3, 4]], ["line 3"])


def test_a_table_without_rows_is_refused(tmp_path):
    path = written(tmp_path, "a,b\n,2\n")
    with pytest.raises(ValueError, match=r"holds no row without gaps\.$"):
        read_table(path, gaps="drop")


def test_a_file_without_a_column_is_named(tmp_path):
    first = written(tmp_path, {"a": [1.0], "b": [2.0]}, "1.parquet")
    second = written(tmp_path, {"a": [1.0]}, "2.parquet")
    read = batches(tmp_path, batch_rows=1)
    rows = iter(read)
    with pytest.raises(ValueError, match="^" + re.escape(
        f"{second} has no column 'b', which those before it have; it has 'a'; give all the same, "
        "or choose with columns=.") + "$"):  # fmt: skip
        list(rows)
    assert joined([first, second], columns=["a"]).tolist() == [[1], [1]]
    with pytest.raises(ValueError, match=re.escape(f"{second} has no column 'b'; it has 'a'.")):
        joined([first, second], columns=["b"])


def test_a_file_whose_column_is_of_another_type(tmp_path):
    written(tmp_path, {"a": [1], "b": [2.0]}, "1.parquet")
    written(tmp_path, {"a": [1.5], "b": [True]}, "2.parquet")
    assert joined(tmp_path).tolist() == [[1, 2], [1.5, 1]]
    third = written(tmp_path, {"a": [1.5], "b": ["x"]}, "3.parquet")
    with pytest.raises(
        ValueError, match=re.escape(f"{third}, column 'b': its type is string, not")
    ):
        joined(tmp_path)


def test_a_function_may_return_a_path_or_a_table(tmp_path, rng):
    rows = rng.normal(size=(10, 4))
    path = write(tmp_path, "parquet", rows)
    for made in (path, str(tmp_path), rows, [rows], [path], iter([rows])):
        np.testing.assert_array_equal(joined(lambda: made), rows)  # noqa: B023
