"""Columns that folders stand for."""

from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from fastgmm import GaussianMixture
from fastgmm.sources import batches, column_names, read_table
from fastgmm.sources.hive import is_partition, partitions_of
from source_support import csv_text, refused, write

ROWS = np.random.default_rng(0).normal(size=(240, 2)) @ [[1.0, 2.0], [0.0, 1.0]]
YEARS = (2023, 2024)
MONTHS = (1, 2, 11)


@pytest.fixture
def folder(tmp_path):
    """A folder of six files of 40 rows."""
    root = tmp_path / "rows"
    for i, year in enumerate(YEARS):
        for j, month in enumerate(MONTHS):
            part = root / f"year={year}" / f"month={month}"
            part.mkdir(parents=True)
            start = 40 * (3 * i + j)
            write(part, "parquet", ROWS[start : start + 40], names="ab")
    (root / "_SUCCESS").touch()
    (root / "year=2023" / ".hidden.parquet").touch()
    return root


def in_order():
    """The numbers of the rows: folders come in the order of their names, so 11 before 2."""
    order = [0, 2, 1, 3, 5, 4]
    return np.concatenate([np.arange(40 * i, 40 * i + 40) for i in order])


def test_a_folder_of_folders_is_one_table(folder):
    read = batches(folder, batch_rows=100)
    assert read.columns == ("a", "b")
    assert len(read.files) == 6
    for _ in range(2):
        found = list(read)
        assert [len(rows) for rows in found] == [100, 100, 40]
        np.testing.assert_array_equal(np.concatenate(found), ROWS[in_order()])
    np.testing.assert_array_equal(read_table(folder).rows, ROWS[in_order()])
    assert column_names(folder) == ("a", "b", "year", "month")
    pattern = batches(f"{folder}/year=*/*/*.parquet")
    np.testing.assert_array_equal(np.concatenate(list(pattern)), ROWS[in_order()])


def test_partitions_are_chosen_by_name(folder):
    expected = np.column_stack(
        [np.repeat([1, 11, 2, 1, 11, 2], 40), ROWS[in_order(), 1], np.repeat(YEARS, 120)]
    )
    for source in (folder, f"{folder}/*/month=*/*.parquet", sorted(folder.rglob("r*.parquet"))):
        read = batches(source, columns=["month", "b", "year"], batch_rows=70)
        assert read.columns == ("month", "b", "year")
        np.testing.assert_array_equal(np.concatenate(list(read)), expected)
        np.testing.assert_array_equal(read.table().rows, expected)
    only = np.concatenate(list(batches(folder, columns="year")))
    np.testing.assert_array_equal(only, expected[:, 2:])
    pairs = list(batches(folder, columns=["a"], weights="month"))
    np.testing.assert_array_equal(np.concatenate([w for _, w in pairs]), expected[:, 0])
    refused(
        f"{folder / 'year=2023/month=1/rows.parquet'} has no column 'day'; it has 'a', 'b', "
        "'year', 'month'.",
        folder,
        columns=["day"],
    )


def test_a_fit_of_a_folder_is_that_of_one_file(folder):
    settings = {"n_components": 2, "random_state": 0}
    model = GaussianMixture(**settings).fit_batches(batches(folder))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    other = GaussianMixture(**settings).fit_batches([ROWS[in_order()]])
    np.testing.assert_array_equal(model.means_, other.means_)


def test_text_and_gaps_among_partitions(tmp_path):
    for value in ("New%20York", "__HIVE_DEFAULT_PARTITION__"):
        for town in (f"town={value}", f"n={'7' if value[0] == 'N' else value}"):
            part = tmp_path / town.partition("=")[0] / town
            part.mkdir(parents=True)
            (part / "rows.csv").write_text(csv_text(ROWS[:2], "ab"), encoding="utf-8")
    place = tmp_path / "town" / "town=New%20York" / "rows.csv"
    refused(
        f"{place}, column 'town': its type is text, not a number; choose columns of numbers with "
        "columns=['a', 'b'].",
        place,
        columns=["town"],
    )
    assert partitions_of(place) == {"town": "New York"}
    kept = np.concatenate(list(batches(tmp_path / "n", columns=["n"], gaps="keep")))
    np.testing.assert_array_equal(kept, [[7], [7], [np.nan], [np.nan]])
    read = batches(tmp_path / "n", columns=["a", "n"], gaps="drop")
    np.testing.assert_array_equal(np.concatenate(list(read)), [[x, 7] for x in ROWS[:2, 0]])
    assert read.dropped == 2


def test_a_column_of_the_file_comes_first(tmp_path):
    part = tmp_path / "a=5"
    part.mkdir()
    parquet.write_table(pyarrow.table({"a": [1.0], "b": [2.0]}), part / "x.parquet")
    assert read_table(tmp_path, columns=["a"]).rows.tolist() == [[1.0]]
    np.save(part / "x.npy", ROWS)
    assert column_names(part / "x.npy") is None


def test_names_of_folders():
    assert is_partition("a=1")
    for name in ("a", "=1", "a=", "a.parquet"):
        assert not is_partition(name)
    assert partitions_of(Path("/x/a=1/b=2/c=3.csv")) == {"a": "1", "b": "2"}


def test_the_command_reads_folders(folder, capsys):
    from fastgmm.cli.main import main

    words = ["fit", str(folder), "-k", "1", "--columns", "a,year", "--quiet", "--json"]
    assert main(words) == 0
    assert '"columns": ["a", "year"]' in capsys.readouterr().out
