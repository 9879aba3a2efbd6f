"""The command as a whole: exit codes, standard error, a process and its pipes."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import fastgmm
from commands import FAITHFUL, process
from fastgmm import GaussianMixture
from fastgmm.cli.main import main

ROOT = Path(__file__).parent.parent.parent


def test_warnings_are_one_line_each(run):
    code, out, err = run("fit", FAITHFUL, "-k", 3, "--max-iter", 1, "--tol", 0)
    assert code == 0
    assert err.startswith("fastgmm: warning: ")
    assert err.count("\n") == 1
    assert "did not converge" in err
    assert out.splitlines()[-1].split() == ["converged", "no"]


def test_errors_of_files(fails, geyser, tmp_path):
    model, _ = geyser
    missing = tmp_path / "missing.csv"
    fails(f"There is no file {missing}.", "fit", missing, "-k", 2)
    fails(f"There is no file {missing}.", "score", model, missing)
    nowhere = tmp_path / "nowhere" / "x.png"
    for option in ("-o", "--plot"):
        sentence = f"There is no folder {nowhere.parent} to write {nowhere} to."
        fails(sentence, "fit", FAITHFUL, "-k", 2, option, nowhere)
        sentence = f"{tmp_path} is a folder, not a name for a file."
        fails(sentence, "fit", FAITHFUL, "-k", 2, option, tmp_path)
    sentence = f"There is no folder {nowhere.parent} to write {nowhere} to."
    fails(sentence, "score", model, FAITHFUL, "-o", nowhere)
    for words in (("info",), ("sample", "-n", 1), ("score", FAITHFUL)):
        command, *rest = words
        gone = tmp_path / "gone.gmm"
        fails(f"{gone}: No such file or directory.", command, gone, *rest)


def test_errors_of_models_are_one_sentence(run, tmp_path):
    path = tmp_path / "model.gmm"
    path.write_bytes(b"not a model")
    for command, *rest in (("info",), ("sample", "-n", 1), ("score", FAITHFUL)):
        code, out, err = run(command, path, *rest)
        assert (code, out) == (1, "")
        assert re.fullmatch(rf"fastgmm: error: {re.escape(str(path))} [^\n]*\n", err)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "fastgmm: interrupted.\n"),
        (
            MemoryError(),
            1,
            f"fastgmm: error: {FAITHFUL}: there is not enough memory for these rows.\n",
        ),
    ],
)
def test_ctrl_c_and_too_little_memory(run, monkeypatch, error, code, line):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(GaussianMixture, "fit", fail)
    assert run("fit", FAITHFUL, "-k", 2) == (code, "", line)


def test_a_mistake_of_ours_is_not_hidden(run, monkeypatch):
    monkeypatch.setattr(GaussianMixture, "fit", lambda self: self)
    with pytest.raises(TypeError):
        run("fit", FAITHFUL, "-k", 2)


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["score", "-h"], ["info", "-h"]])
def test_help_is_not_an_error(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    assert "usage: fastgmm" in capsys.readouterr().out


def test_the_module_and_the_script_are_the_command():
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"fastgmm {fastgmm.__version__}\n")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"fastgmm": "fastgmm.cli.entry:run"}
    done = process("info", "missing.gmm")
    assert done.returncode == 1
    assert done.stderr == "fastgmm: error: missing.gmm: No such file or directory.\n"


def with_buffer():
    """Return the environment of a process whose standard output is buffered, as is usual."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_a_reader_that_leaves_early_is_no_error(geyser):
    path, _ = geyser
    command = [sys.executable, "-m", "fastgmm", "sample", str(path), "-n", "100000"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=with_buffer()) as running:
        assert running.stdout.readline() == b"eruptions,waiting,label\n"
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait() == 0


def test_a_reader_that_leaves_at_once_is_no_error(geyser, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    path = tmp_path / "model.gmm"
    command = [sys.executable, "-m", "fastgmm", "fit", FAITHFUL, "-k", "2", "-o", str(path)]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=with_buffer(), check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert fastgmm.load(path).converged_  # what was asked for is there all the same


@pytest.fixture
def constant_part(tmp_path):
    """Return the path of rows a third of which have one value in a column."""
    rows = np.random.default_rng(0).normal(size=(90, 2))
    rows[60:] += [5.0, 0.0]
    rows[60:, 1] = 9.0
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",", header="x,y", comments="")
    return tmp_path / "x.csv"


def test_strict_is_an_exit_code_for_fits_in_doubt(run, constant_part, tmp_path):
    doubtful = ("fit", FAITHFUL, "-k", 3, "--max-iter", 1, "--tol", 0)
    assert run(*doubtful)[0] == 0
    path = tmp_path / "m.gmm"
    code, out, err = run(*doubtful, "--strict", "-o", path)
    assert code == 3
    assert "did not converge" in err
    assert out.splitlines()[-1].split() == ["converged", "no"]
    assert not fastgmm.load(path).converged_
    assert run("fit", FAITHFUL, "-k", 2, "--strict")[0] == 0
    assert run(*doubtful, "--stream", "--strict")[0] == 3
    code, _, err = run("fit", constant_part, "-k", 2, "--seed", 0, "--strict")
    assert code == 3
    assert "constant within component" in err
    assert "did not converge" not in err


def test_strict_of_a_grid_is_about_the_best(run, constant_part):
    words = (
        "select",
        constant_part,
        "--covariance-types",
        "full",
        "--seed",
        0,
        "--n-init",
        2,
        "--strict",
    )
    code, _, err = run(*words, "-k", "1-2")
    assert code == 0
    assert "none of these was chosen" in err
    code, _, err = run(*words, "-k", 2)
    assert code == 3
    assert "the chosen one as well" in err
    assert run("select", FAITHFUL, "-k", 3, "--max-iter", 1, "--strict")[0] == 3
