"""The columns that a model was fitted on, found by their names."""

import re

import numpy as np
import pytest

from fastgmm.sources import batches
from fastgmm.sources.known_columns import KnownColumns, known_table, known_tables
from source_support import csv_text, written

KNOWN = KnownColumns(("c", "a"), 2)


def test_columns_of_a_file_are_found_by_name(tmp_path, rng):
    rows = rng.normal(size=(10, 4))
    table = known_table(KNOWN, written(tmp_path, csv_text(rows)))
    assert table.columns == ("c", "a")
    np.testing.assert_array_equal(table.rows, rows[:, [2, 0]])


def test_chosen_columns_are_taken_in_their_order(tmp_path, rng):
    rows = rng.normal(size=(10, 4))
    path = written(tmp_path, csv_text(rows))
    for columns in (["b", "d"], [1, "3"]):
        table = known_table(KNOWN, path, columns=columns)
        assert table.columns == ("c", "a")
        np.testing.assert_array_equal(table.rows, rows[:, [1, 3]])


def test_rows_without_names_go_by_their_order(tmp_path, rng):
    rows = rng.normal(size=(10, 2))
    for names, known in [(None, KNOWN), (("x", "y"), KnownColumns(None, 2))]:
        path = written(tmp_path, csv_text(rows, names))
        table = known_table(known, path, dtype=np.float32)
        assert table.columns == known.names
        np.testing.assert_array_equal(table.rows, rows.astype(np.float32))
        ((table, weights),) = known_tables(known, batches(path))
        assert weights is None
        assert table.columns == known.names
        np.testing.assert_array_equal(table.rows, rows)


@pytest.mark.parametrize(("n_columns", "shown"), [(1, "1 column"), (3, "3 columns")])
def test_another_number_of_columns_is_refused(tmp_path, n_columns, shown):
    path = written(tmp_path, csv_text(np.ones((2, n_columns)), None))
    sentence = f"{path} has {shown} and the model was fitted on 2; choose them with --columns."
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        known_table(KNOWN, path)
    assert known_table(KnownColumns(None), path).rows.shape == (2, n_columns)


def test_a_missing_column_is_named(tmp_path):
    path = written(tmp_path, "a,b\n1,2\n")
    with pytest.raises(ValueError, match=r" has no column 'c'; it has 'a', 'b'\.$"):
        known_table(KNOWN, path)
    with pytest.raises(
        ValueError,
        match=r"^there is no column 'c' among a, b: the model was fitted on it; choose columns "
        r"with --columns\.$",
    ):
        list(known_tables(KNOWN, batches(path)))


def test_columns_of_batches_are_found_by_name(tmp_path, rng):
    rows = rng.uniform(size=(10, 4))
    read = batches(written(tmp_path, csv_text(rows)), weights="b", batch_rows=4)
    found = list(known_tables(KNOWN, read))
    assert [table.columns for table, _ in found] == [("c", "a")] * 3
    assert all(table.rows.flags.c_contiguous for table, _ in found)
    np.testing.assert_array_equal(np.concatenate([t.rows for t, _ in found]), rows[:, [2, 0]])
    np.testing.assert_array_equal(np.concatenate([weights for _, weights in found]), rows[:, 1])
