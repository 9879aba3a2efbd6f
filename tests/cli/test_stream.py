"""The commands that stream: fit --stream, learn, and score of standard input."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgmm
from fastgmm.cli.main import main
from fastgmm.tables.table import Table

pytest.importorskip("pyarrow")


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 2)) + 8 * rng.integers(2, size=(3000, 1))
    path = tmp_path / "rows.csv"
    np.savetxt(path, rows, delimiter=",", header="x,y", comments="", fmt="%.17g")
    np.save(tmp_path / "rows.npy", rows)
    return rows, path


def piped(arguments, text):
    """The command in a process of its own, with this on standard input."""
    command = [sys.executable, "-m", "fastgmm", *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_fit_in_batches_is_the_fit(tmp_path, table, capsys, ending):
    _, path = table
    path = path.with_suffix(f".{ending}")
    whole, streamed = tmp_path / "whole", tmp_path / "streamed"
    base = ["fit", str(path), "-k", "2", "--seed", "0", "-q", "-o"]
    assert main([*base, str(whole)]) == 0
    assert main([*base, str(streamed), "--stream", "--batch-rows", "700"]) == 0
    assert "passes" in capsys.readouterr().out
    one, other = fastgmm.load(whole), fastgmm.load(streamed)
    np.testing.assert_allclose(one.means_, other.means_, rtol=1e-10)
    assert one.n_iter_ == other.n_iter_
    if ending == "csv":
        assert other.feature_names_in_.tolist() == ["x", "y"]


def test_fit_with_a_checkpoint(tmp_path, table):
    _, path = table
    base = ["fit", str(path), "-k", "2", "--seed", "0", "-q", "--checkpoint", str(tmp_path / "c")]
    assert main([*base, "-o", str(tmp_path / "one")]) == 0
    assert main([*base, "-o", str(tmp_path / "two")]) == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_learn(tmp_path, table, capsys):
    rows, path = table
    model = tmp_path / "model"
    assert main(["learn", str(model), str(path), "-k", "2", "--seed", "0"]) == 0
    assert "rows learned         3000" in capsys.readouterr().out
    again = piped(["learn", model, "-"], path.read_text())
    assert again.returncode == 0, again.stderr
    assert "rows in all          6000" in again.stdout
    learned = fastgmm.load(model)
    assert learned.n_samples_seen_ == 6000
    assert (
        learned.score(rows)
        > fastgmm.GaussianMixture(2, random_state=0).fit(rows).score(rows) - 0.02
    )
    # columns are found by name
    swapped = "y,x\n" + "".join(f"{y},{x}\n" for x, y in rows[:500].tolist())
    assert piped(["learn", model], swapped).returncode == 0
    assert fastgmm.load(model).n_samples_seen_ == 6500


def test_learn_refuses(tmp_path, table, capsys):
    _, path = table
    assert main(["learn", str(tmp_path / "none"), str(path)]) == 1
    assert "there is no model" in capsys.readouterr().err
    model = tmp_path / "model"
    assert main(["learn", str(model), str(path), "-k", "2", "--seed", "0"]) == 0
    before = fastgmm.load(model).n_samples_seen_
    bad = piped(["learn", model], "x,y\n1,2\n3,\n")
    assert bad.returncode == 1
    assert "line 3" in bad.stderr
    assert fastgmm.load(model).n_samples_seen_ == before
    dropped = piped(["learn", model, "--gaps", "drop"], "x,y\n1,2\n3,\n")
    assert dropped.returncode == 0
    assert fastgmm.load(model).n_samples_seen_ == before + 1
    assert "there is no column 'x'" in piped(["learn", model], "a,b\n1,2\n").stderr


def test_score_of_standard_input(tmp_path, table):
    rows, path = table
    model = tmp_path / "model"
    assert main(["fit", str(path), "-k", "2", "--seed", "0", "-q", "-o", str(model)]) == 0
    found = piped(["score", model, "-"], path.read_text())
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


@pytest.mark.skipif(os.name != "posix", reason="signals")
def interrupted(process: subprocess.Popen) -> int:
    """Exit code after Ctrl-C.

    Python looks for signals before it waits for input, and one that comes between the two is only
    seen after the next input, or with the next signal.
    """
    for _ in range(30):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(2)
    raise AssertionError("The process does not end.")


def test_ctrl_c_leaves_the_last_good_model(tmp_path, table):
    """Interrupted while it waits for rows: exit code 130, and what was learned is on disk."""
    _, path = table
    model = tmp_path / "model"
    command = [sys.executable, "-m", "fastgmm", "learn", str(model), "-", "-k", "2", "--seed", "0"]
    with subprocess.Popen(
        [*command, "--save-every", "0"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(path.read_text())
        process.stdin.flush()
        while not model.exists() and process.poll() is None:
            pass
        assert interrupted(process) == 130
        assert "interrupted" in process.stderr.read()
    assert fastgmm.load(model).n_samples_seen_ > 100
    assert not list(Path(tmp_path).glob("*.part"))
