"""Results that have a line per row: their forms, and what is left after an error."""

import bz2
import errno
import gzip
import io
import os
import subprocess
import sys
import threading

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from commands import FAITHFUL, process
from fastgmm import GaussianMixture
from fastgmm.cli import writers
from fastgmm.cli.results import row_results
from fastgmm.cli.writers import Field, Form
from fastgmm.sources import Batches

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
    monkeypatch.setattr(writers, "LINES_AT_ONCE", 7)
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


@pytest.mark.parametrize("name", ["x.npy", "x.parquet", "x.csv.gz", "x.csv", "x.xlsx"])
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


FORMS = ["x.csv", "x.csv.gz", "x.parquet", "x.npy", "x.txt"]


@pytest.mark.parametrize("name", FORMS)
def test_a_full_disk_leaves_the_old_file(geyser, tmp_path, name):
    """A limit of the size of a file stands for a disk that is full in the middle."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "folder" / name
    path.parent.mkdir()
    path.write_bytes(b"old")

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = process("sample", geyser[0], "-n", 50_000, "-o", path, preexec_fn=limited)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"fastgmm: error: {path}: {os.strerror(errno.EFBIG)}.\n"
    assert [one.name for one in path.parent.iterdir()] == [name]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", FORMS)
def test_an_error_in_the_middle_leaves_the_old_file(run, geyser, tmp_path, name):
    rows = ["eruptions,waiting", *["3.6,79"] * 300_000, "word,1"]
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    (tmp_path / "folder").mkdir()
    words = ["score", geyser[0], tmp_path / "rows.csv", "--batch-rows", 1000, "--only", "label"]
    assert run(*words, "-o", tmp_path / "folder" / name)[0] == 1
    assert list((tmp_path / "folder").iterdir()) == []


def test_text_of_a_pipe_is_there_as_it_comes(geyser, tmp_path):
    path = tmp_path / "scores.csv"
    command = [sys.executable, "-m", "fastgmm", "score", str(geyser[0]), "-o", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as running:
        running.stdin.write("eruptions,waiting\n3.6,79\n")
        running.stdin.flush()
        while not path.exists() or path.read_text().count("\n") < 2:
            assert running.poll() is None
        running.stdin.close()
        assert running.wait() == 0


def test_the_name_of_standard_output_is_written_to_from_where_it_is(geyser, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("before\n")
    with open(path, "a") as out:
        command = [sys.executable, "-m", "fastgmm", "sample", str(geyser[0]), "-n", "1", "-o"]
        subprocess.run([*command, "/dev/fd/1"], stdout=out, check=True)
    assert path.stat().st_size > 20


@pytest.mark.parametrize(
    "name", ["x.xlsx", "x.json", "x.jsonl.gz", "x.tsv", "x.parquet.gz", "x.gmm"]
)
def test_a_name_that_promises_something_else_is_refused(
    misused, geyser, tmp_path, name, monkeypatch
):
    monkeypatch.setattr(GaussianMixture, "sample", lambda *_, **__: pytest.fail("it was drawn"))
    monkeypatch.setattr(Batches, "table", lambda *_, **__: pytest.fail("it was read"))
    path = tmp_path / name
    more = ", or add --json" if name == "x.json" else ""
    sentence = (
        f"{path}: no file of this ending can be written; name one that ends in .csv, .txt (and "
        f".gz, .bz2 or .zst after it), .parquet, .pq or .npy{more}."
    )
    for words in (["sample", geyser[0], "-n", 1], ["score", geyser[0], FAITHFUL],
                  ["impute", geyser[0], FAITHFUL]):  # fmt: skip
        misused(sentence, *words, "-o", path)
    assert not path.exists()


def test_a_line_is_standard_output(run, geyser, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["sample", geyser[0], "-n", 3, "--seed", 0]
    assert run(*words, "-o", "-") == run(*words)
    table = ["select", FAITHFUL, "-k", 1, "--covariance-types", "diag", "-q", "--table", "-"]
    code, out, _ = run(*table)
    assert (code, out.count("\n"), out[:16]) == (0, 2, "covariance_type,")
    for command in (["fit", FAITHFUL, "-k", 1], ["adapt", geyser[0], FAITHFUL]):
        with pytest.raises(SystemExit) as stopped:
            run(*command, "-o", "-")
        assert stopped.value.code == 2
        assert "--output wants the name of a file, and - stands for" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["geyser.gmm"]
