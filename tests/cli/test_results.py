"""Results that have a line per row: their forms, and what is left after an error."""

import bz2
import gzip
import io
import os
import sys
import threading

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from commands import FAITHFUL
from fastgmm.cli import results
from fastgmm.cli.results import Field, Form, row_results

FIELDS = [Field("number", ["number"]), Field("pair", ["a,b", "c"], several=True)]
VALUES = [np.array([1, 2]), np.array([[0.5, -1e-300], [1 / 3, 2.0]])]


def write(path, **form):
    with row_results(Form(str(path), **form), FIELDS) as sink:
        for i in range(2):
            sink.write([one[i : i + 1] for one in VALUES])


def test_text_has_all_digits_and_quoted_names(tmp_path):
    write(tmp_path / "x.csv")
    text = (tmp_path / "x.csv").read_text()
    head, first, second = text.splitlines()
    assert head == 'number,"a,b",c'
    assert [[float(x) for x in line.split(",")] for line in (first, second)] == [
        [1.0, 0.5, -1e-300], [2.0, 1 / 3, 2.0]
    ]  # fmt: skip
    for name, opener in (("x.csv.gz", gzip.decompress), ("x.csv.bz2", bz2.decompress)):
        write(tmp_path / name)
        assert opener((tmp_path / name).read_bytes()).decode() == text
    write(tmp_path / "x.csv.zst")
    with pyarrow.input_stream(tmp_path / "x.csv.zst") as stream:
        assert stream.read().decode() == text


def test_many_lines_are_those_of_one_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "LINES_AT_ONCE", 7)
    rows = np.random.default_rng(0).normal(size=(1000, 2))
    for threads in (1, 3):
        with row_results(Form(str(tmp_path / f"{threads}"), threads=threads), FIELDS) as sink:
            sink.write([np.arange(1000), rows])
    text = (tmp_path / "1").read_text()
    assert text == (tmp_path / "3").read_text()
    found = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)
    np.testing.assert_array_equal(found, np.column_stack([np.arange(1000), rows]))


def test_json_has_lists(tmp_path):
    write(tmp_path / "x.json", as_json=True)
    assert (tmp_path / "x.json").read_text().splitlines() == [
        '{"number": 1, "pair": [0.5, -1e-300]}',
        '{"number": 2, "pair": [0.3333333333333333, 2.0]}',
    ]


@pytest.mark.parametrize("name", ["x.npy", "x.parquet", "x.csv.gz"])
def test_json_is_text(tmp_path, name):
    with pytest.raises(ValueError, match=r"^--json writes text, which .* does not say: name"):
        write(tmp_path / name, as_json=True)
    assert not (tmp_path / name).exists()


def write_something_wrong(path):
    with row_results(Form(str(path)), FIELDS) as sink:
        sink.write(VALUES)
        raise ValueError("shape")


@pytest.mark.parametrize("name", ["x.npy", "x.parquet"])
def test_an_error_leaves_no_file_that_looks_whole(tmp_path, name):
    with pytest.raises(ValueError, match="shape"):
        write_something_wrong(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_array_grows_by_any_number_of_rows(tmp_path):
    path = tmp_path / "x.npy"
    with row_results(Form(str(path)), FIELDS[:1]) as sink:
        for n in (9, 1, 0, 99_990):
            sink.write([np.arange(n)])
    found = np.load(path)
    assert found.shape == (100_000, 1)
    assert found[-1] == 99_989


def test_an_array_goes_to_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "x.npy")
    thread = threading.Thread(target=(tmp_path / "x.npy").read_bytes)
    thread.start()
    with pytest.raises(ValueError, match=r"^.*x\.npy cannot be gone back in, and an array begins"):
        write(tmp_path / "x.npy")
    thread.join()
    assert (tmp_path / "x.npy").exists()


def test_without_rows_there_are_names_alone(tmp_path):
    with row_results(Form(str(tmp_path / "x.csv")), FIELDS):
        pass
    assert (tmp_path / "x.csv").read_text() == 'number,"a,b",c\n'
    with row_results(Form(str(tmp_path / "x.parquet")), FIELDS):
        pass
    table = parquet.read_table(tmp_path / "x.parquet")
    assert (table.column_names, len(table)) == (["number", "a,b", "c"], 0)


def test_pyarrow_is_named_where_it_is_missing(run, geyser, monkeypatch, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 2)))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, out, err = run("score", geyser[0], tmp_path / "x.npy")
    assert (code, out) == (1, "")
    assert "Writing CSV needs pyarrow: pip install pyarrow, which is in fastgmm's extra" in err
    assert run("score", geyser[0], tmp_path / "x.npy", "-o", tmp_path / "y.npy")[0] == 0


@pytest.mark.parametrize("command", ["impute", "sample"])
def test_other_commands_write_so_too(run, geyser, tmp_path, command):
    path, model = geyser
    out = tmp_path / "x.parquet"
    words = [FAITHFUL] if command == "impute" else ["-n", 9, "--seed", 0]
    assert run(command, path, *words, "-o", out, "--digits", 1)[0] == 0
    table = parquet.read_table(out)
    if command == "impute":
        assert (table.column_names, len(table)) == (["eruptions", "waiting"], 272)
    else:
        assert table.column_names == ["eruptions", "waiting", "label"]
        rows = np.column_stack(table.columns[:2])
        np.testing.assert_array_equal(rows, model.sample(9, random_state=0)[0].round(1))
