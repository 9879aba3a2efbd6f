"""Whole files to tables, whatever their kind."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from fastgmm.sources import batches, column_names, read_table
from source_support import NAMES, csv_text, refused_whole, written

IRIS = "length,species,width\n5.1,setosa,3.5\n4.9,setosa,3.0\n"
FAITHFUL = Path(__file__).parent.parent.parent / "data" / "faithful.csv"


def test_old_faithful():
    table = read_table(FAITHFUL)
    assert table.columns == ("eruptions", "waiting")
    assert table.rows.shape == (272, 2)
    assert table.rows.dtype == np.float64
    assert table.rows.flags.c_contiguous
    np.testing.assert_array_equal(table.rows, np.loadtxt(FAITHFUL, delimiter=",", skiprows=1))
    assert table.rows[0].tolist() == [3.6, 79.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_file_gives_the_same_rows(tmp_path, seed, dtype):
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(300, 4)) * 10.0 ** rng.integers(-8, 9, size=4)).astype(dtype)
    text = "\n".join(",".join(map(repr, row)) for row in rows.tolist())
    frame = {name: rows[:, i] for i, name in enumerate("abcd")}
    for path, names in [
        (written(tmp_path, text), None),
        (written(tmp_path, "a,b,c,d\n" + text, "named.csv"), tuple("abcd")),
        (written(tmp_path, text.replace(",", "\t"), "tabs.tsv"), None),
        (written(tmp_path, rows, "rows.npy"), None),
        (written(tmp_path, np.asfortranarray(rows.astype(">f8")), "big.npy"), None),
        (written(tmp_path, frame, "rows.parquet"), tuple("abcd")),
        (written(tmp_path, frame, "ROWS.PQ"), tuple("abcd")),
    ]:
        table = read_table(path, dtype=dtype)
        assert table.columns == names
        assert column_names(path) == names
        assert table.rows.dtype == dtype
        assert table.rows.dtype.isnative
        assert type(table.rows) is np.ndarray
        assert table.rows.flags.c_contiguous
        np.testing.assert_array_equal(table.rows, rows)
        some = read_table(path, columns=[2, "0"], dtype=dtype)
        np.testing.assert_array_equal(some.rows, rows[:, [2, 0]])
        assert some.columns == (names and ("c", "a"))
        assert some.rows.flags.c_contiguous


def test_columns_by_name_in_the_order_of_the_choice(tmp_path):
    path = written(tmp_path, IRIS)
    table = read_table(path, columns=["width", "length"])
    assert table.columns == ("width", "length")
    assert table.rows.tolist() == [[3.5, 5.1], [3.0, 4.9]]
    assert read_table(path, columns="width").rows.tolist() == [[3.5], [3.0]]
    assert read_table(path, columns=2).columns == ("width",)


def test_a_name_of_digits_comes_before_a_number(tmp_path):
    path = written(tmp_path, "1,0\n10,20\n")
    assert read_table(path, columns=["0"], header=True).rows.tolist() == [[20.0]]
    assert read_table(path, columns=[0], header=True).rows.tolist() == [[10.0]]


def test_there_must_be_a_file_to_read(tmp_path):
    missing = tmp_path / "missing.csv"
    refused_whole(missing, f"There is no file {missing}.", FileNotFoundError)
    folder = tmp_path / "folder.npy"
    folder.mkdir()
    refused_whole(folder, f"The folder {folder} holds no files to read.", FileNotFoundError)
    for name in ("x.xlsx", "x"):
        refused_whole(
            tmp_path / name,
            f"The name of {tmp_path / name} must end in one of .csv, .tsv, .npy, .npz, .parquet, "
            ".arrow, .arrows, .pq, .feather, to say what it holds; or pass format=.",
        )


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="every file is open to root"
)
@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv", "1,2\n"), ("x.npy", np.ones((2, 2))), ("x.parquet", {"a": [1]})],
)
def test_a_closed_file_is_an_error_of_the_system(tmp_path, name, content):
    path = written(tmp_path, content, name)
    path.chmod(0)
    with pytest.raises(PermissionError):
        read_table(path)


def test_names_alone_are_read(tmp_path):
    assert column_names(written(tmp_path, IRIS)) == ("length", "species", "width")
    assert column_names(written(tmp_path, ",a\n0,1\n", "index.csv")) == ("", "a")
    assert column_names(written(tmp_path, np.ones((2, 2)), "x.npy")) is None
    table = {"a": [1], "species": ["x"], "__index_level_0__": [1]}
    assert column_names(written(tmp_path, table, "x.parquet")) == tuple(table)


def test_parts_are_joined(tmp_path, rng):
    """A named pipe comes in parts, whatever its ending."""
    rows = rng.normal(size=(20_000, 4))
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    data = csv_text(rows).encode()
    threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()
    table = read_table(path)
    assert table.columns == NAMES
    assert table.rows.flags.c_contiguous
    np.testing.assert_array_equal(table.rows, rows)


def test_an_array_of_the_right_kind_is_not_copied():
    rows = np.ones((5, 2))
    assert np.shares_memory(batches(rows).table().rows, rows)
