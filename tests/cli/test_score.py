"""`fastgmm score`: what is written of each row, and where to."""

import json
import subprocess
import sys

import numpy as np
import pytest
from pyarrow import parquet

import fastgmm
from commands import FAITHFUL, process, rows_of
from fastgmm import GaussianMixture
from fastgmm.cli import score, writers
from fastgmm.cli.main import main
from fastgmm.sources import Table, read_table


def test_scores_round_trip_through_text(run, geyser):
    path, model = geyser
    code, out, err = run("score", path, FAITHFUL)
    assert (code, err) == (0, "")
    header, numbers = rows_of(out)
    assert header == ["log_density", "label", "responsibility_0", "responsibility_1"]
    table = read_table(FAITHFUL)
    np.testing.assert_array_equal(numbers[:, 0], model.score_samples(table))
    np.testing.assert_array_equal(numbers[:, 1], model.predict(table))
    np.testing.assert_array_equal(numbers[:, 2:], model.predict_proba(table))
    assert all(line.split(",")[1] in ("0", "1") for line in out.splitlines()[1:])


def test_scores_go_to_a_file_and_do_not_depend_on_the_pieces(run, geyser, tmp_path, monkeypatch):
    path, _ = geyser
    whole = run("score", path, FAITHFUL)[1]
    monkeypatch.setattr(score, "NUMBERS_AT_ONCE", 400)  # 100 rows, 272 is no multiple
    monkeypatch.setattr(writers, "LINES_AT_ONCE", 30)
    target = tmp_path / "scores.csv"
    code, out, _ = run("score", path, FAITHFUL, "-o", target)
    assert (code, out) == (0, "")
    assert target.read_bytes() == whole.encode()
    assert run("score", path, FAITHFUL, "--threads", 3)[1] == whole


def test_scores_of_float32_rows(run, geyser):
    path, model = geyser
    _, numbers = rows_of(run("score", path, FAITHFUL, "--dtype", "float32")[1])
    rows = read_table(FAITHFUL, dtype=np.float32)
    np.testing.assert_array_equal(numbers[:, 0], model.score_samples(rows).astype(np.float64))


def test_score_of_standard_input(tmp_path, table):
    rows, path = table
    model = tmp_path / "model"
    assert main(["fit", str(path), "-k", "2", "--seed", "0", "-q", "-o", str(model)]) == 0
    found = process("score", model, "-", input=path.read_text())
    lines = found.stdout.splitlines()
    assert lines[0] == "log_density,label,responsibility_0,responsibility_1"
    scores = np.array([line.split(",")[0] for line in lines[1:]], dtype=float)
    np.testing.assert_allclose(
        scores, fastgmm.load(model).score_samples(Table(rows, ("x", "y"))), rtol=1e-12
    )


def test_scores_come_as_the_rows_do(tmp_path, table):
    """A slow writer gets the scores of its first rows before it goes on."""
    _, path = table
    model = tmp_path / "model"
    assert main(["fit", str(path), "-k", "2", "--seed", "0", "-q", "-o", str(model)]) == 0
    command = [sys.executable, "-m", "fastgmm", "score", str(model), "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("x,y\n1.0,2.0\n3.0,4.0\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("log_density")
        first = [process.stdout.readline(), process.stdout.readline()]
        process.stdin.write("5.0,6.0\n")
        process.stdin.close()
        rest = process.stdout.read()
    assert all(line.count(",") == 3 for line in first)
    assert rest.count("\n") == 1


NAMES = ["log_density", "label", "responsibility_0", "responsibility_1"]


@pytest.fixture
def gapped(tmp_path):
    """Return the path of rows of which the second has a gap."""
    path = tmp_path / "gapped.csv"
    path.write_text("eruptions,waiting\n3.6,79\n,54\n1.8,54\n")
    return path


def expected(model, rows):
    """The columns of the scores of these rows."""
    table = Table(np.array(rows), ("eruptions", "waiting"))
    return np.column_stack(
        [model.score_samples(table), model.predict(table), model.predict_proba(table)]
    )


@pytest.mark.parametrize("words", [[], ["--batch-rows", 100]])
def test_scores_as_parquet_and_as_an_array(run, geyser, tmp_path, words):
    path, model = geyser
    numbers = expected(model, read_table(FAITHFUL).rows)
    assert run("score", path, FAITHFUL, "-o", tmp_path / "x.parquet", *words) == (0, "", "")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == NAMES
    assert list(map(str, table.schema.types)) == ["double", "int64", "double", "double"]
    np.testing.assert_array_equal(np.column_stack(table.columns), numbers)
    assert run("score", path, FAITHFUL, "-o", tmp_path / "x.npy", *words) == (0, "", "")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), numbers)


def test_rows_with_gaps_keep_their_place(run, geyser, gapped, tmp_path):
    path, model = geyser
    first, last = expected(model, [[3.6, 79], [1.8, 54]]).tolist()
    words = ("score", path, gapped, "--gaps", "drop")
    code, out, err = run(*words)
    assert (code, out.splitlines()[2], err.count("given an empty line")) == (0, ",,,", 1)
    err = run(*words, "-o", tmp_path / "x.parquet")[2]
    assert "given nulls" in err
    found = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert [list(row.values()) for row in found] == [first, [None] * 4, last]
    run(*words, "-o", tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), [first, [np.nan] * 4, last])
    gapped.write_text("eruptions,waiting\n,54\n")
    assert run(*words)[1].splitlines()[1:] == [",,,"]
    run(*words, "-o", tmp_path / "x.parquet")
    (row,) = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert list(row.values()) == [None] * 4


def test_only_some_scores_in_the_order_asked_for(run, geyser):
    path, model = geyser
    numbers = expected(model, read_table(FAITHFUL).rows)
    for names in (["label", "log_density"], ["label"], ["responsibility_1"], NAMES[::-1]):
        header, found = rows_of(run("score", path, FAITHFUL, "--only", ",".join(names))[1])
        assert header == names
        np.testing.assert_array_equal(found, numbers[:, [NAMES.index(name) for name in names]])
    out = run("score", path, FAITHFUL, "--only", "responsibilities,label", "--json")[1]
    line = json.loads(out.splitlines()[0])
    assert line == {"responsibilities": numbers[0, 2:].tolist(), "label": int(numbers[0, 1])}


def test_an_unknown_score_is_named(misused, geyser):
    sentence = (
        "--only knows log_density, label, responsibilities, row, novel and responsibility_0 to "
    )
    misused(f"{sentence}responsibility_1, not 'logp'.", "score", geyser[0], FAITHFUL, "--only",
          "label,logp")  # fmt: skip


def test_decimals(run, geyser, tmp_path):
    path, model = geyser
    numbers = expected(model, read_table(FAITHFUL).rows).round(2)
    out = run("score", path, FAITHFUL, "--digits", 2)[1]
    np.testing.assert_array_equal(rows_of(out)[1], numbers)
    assert "-0," not in out
    assert max(map(len, out.splitlines()[1:])) <= len("-12.34,0,0.99,0.01")
    run("score", path, FAITHFUL, "--digits", 2, "-o", tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), numbers)
    line = json.loads(run("score", path, FAITHFUL, "--digits", 2, "--json")[1].splitlines()[0])
    assert line["responsibilities"] == numbers[0, 2:].tolist()


def test_noise_has_its_label(run, tmp_path):
    model = GaussianMixture(1, noise=100.0, random_state=0)
    rows = np.random.default_rng(0).normal(size=(200, 2))
    rows[:20] *= 30
    model.fit(rows).save(tmp_path / "m.gmm")
    np.save(tmp_path / "x.npy", rows)
    for only in ("label", "label,responsibilities"):
        out = run("score", tmp_path / "m.gmm", tmp_path / "x.npy", "--only", only)[1]
        np.testing.assert_array_equal(rows_of(out)[1][:, 0], model.predict(rows))
    assert (model.predict(rows) == -1).any()
