"""`fastgmm score`, `fastgmm sample` and `fastgmm info`."""

import re
import subprocess
import sys

import numpy as np

import fastgmm
from commands import FAITHFUL, process, rows_of
from fastgmm import GaussianMixture
from fastgmm.cli import use
from fastgmm.cli.main import main
from fastgmm.cli.report import component_table
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
    monkeypatch.setattr(use, "NUMBERS_AT_ONCE", 40)  # 10 rows, 272 is no multiple
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


def test_samples_have_names_and_labels(run, geyser):
    path, model = geyser
    code, out, err = run("sample", path, "-n", 500, "--seed", 3)
    assert (code, err) == (0, "")
    header, numbers = rows_of(out)
    assert header == ["eruptions", "waiting", "label"]
    rows, labels = model.sample(500, random_state=3)
    np.testing.assert_array_equal(numbers[:, :2], rows)
    np.testing.assert_array_equal(numbers[:, 2], labels)


def test_samples_do_not_depend_on_the_pieces(run, geyser, monkeypatch):
    path, _ = geyser
    whole = run("sample", path, "-n", 101, "--seed", 0)[1]
    monkeypatch.setattr(use, "NUMBERS_AT_ONCE", 20)
    assert run("sample", path, "-n", 101, "--seed", 0)[1] == whole
    assert run("sample", path, "-n", 101, "--seed", 1)[1] != whole


def test_info_describes_the_model(run, geyser):
    path, model = geyser
    code, out, err = run("info", path)
    assert (code, err) == (0, "")
    facts = dict(re.split(r"  +", line) for line in out.splitlines()[:8])
    assert facts == {
        "covariance type": "full",
        "components": "2",
        "columns": "2 (eruptions, waiting)",
        "precision": "float64",
        "iterations": str(model.n_iter_),
        "lower bound": f"{model.lower_bound_:.6f}",
        "converged": "yes",
        "read by": f"fastgmm {fastgmm.__version__}",
    }
    table = component_table(model, ["eruptions", "waiting"], 100)
    assert out.splitlines()[9:] == table.splitlines()


def test_info_of_a_model_that_was_not_fitted(run, tmp_path):
    path = tmp_path / "given.gmm"
    GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]]).save(path)
    out = run("info", path)[1]
    assert re.search(r"^iterations +none\nlower bound +none\nconverged +no$", out, re.MULTILINE)
