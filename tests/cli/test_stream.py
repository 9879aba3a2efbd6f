"""The commands that learn from a stream: fit --stream and learn."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastgmm
from commands import FAITHFUL, process
from fastgmm.cli import progress
from fastgmm.cli.main import main


@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_fit_in_batches_is_the_fit(tmp_path, table, capsys, ending):
    _, path = table
    path = path.with_suffix(f".{ending}")
    whole, streamed = tmp_path / "whole", tmp_path / "streamed"
    base = ["fit", str(path), "-k", "2", "--seed", "0", "-o"]
    assert main([*base, str(whole)]) == 0
    assert main([*base, str(streamed), "--stream", "--batch-rows", "700"]) == 0
    assert "iterations" in capsys.readouterr().out
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
    again = process("learn", model, "-", input=path.read_text())
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
    assert process("learn", model, input=swapped).returncode == 0
    assert fastgmm.load(model).n_samples_seen_ == 6500


def test_learn_refuses(tmp_path, table, capsys):
    _, path = table
    assert main(["learn", str(tmp_path / "none"), str(path)]) == 1
    assert "there is no model" in capsys.readouterr().err
    model = tmp_path / "model"
    assert main(["learn", str(model), str(path), "-k", "2", "--seed", "0"]) == 0
    before = fastgmm.load(model).n_samples_seen_
    bad = process("learn", model, input="x,y\n1,2\n3,\n")
    assert bad.returncode == 1
    assert "line 3" in bad.stderr
    assert fastgmm.load(model).n_samples_seen_ == before
    dropped = process("learn", model, "--gaps", "drop", input="x,y\n1,2\n3,\n")
    assert dropped.returncode == 0
    assert fastgmm.load(model).n_samples_seen_ == before + 1
    assert "Standard input has no column 'x'" in process("learn", model, input="a,b\n1,2\n").stderr


def ended(process: subprocess.Popen, number: int) -> int:
    """Exit code after a signal.

    Python looks for signals before it waits for input, and one that comes between the two is only
    seen after the next input, or with the next signal.
    """
    for _ in range(30):
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(20)  # A second signal would end a slow exit as a signal does.
    raise AssertionError("The process does not end.")


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_leaves_the_last_good_model(tmp_path, table, number, code, word):
    """Ctrl-C, or the end of a service, while it waits for rows: what was learned is on disk."""
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
        assert ended(process, number) == code
        assert word in process.stderr.read()
    assert fastgmm.load(model).n_samples_seen_ > 100
    assert not list(Path(tmp_path).glob("*.part"))


def test_ctrl_c_in_a_fit_leaves_the_last_whole_pass(run, tmp_path, table, monkeypatch):
    """The model is saved as it is after the pass, and the message says which that was."""
    _, path = table
    show = progress.StreamProgress.iteration

    def stop(self, iteration):
        show(self, iteration)
        if iteration.n_iter == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.StreamProgress, "iteration", stop)
    model = tmp_path / "model"
    words = ("fit", path, "-k", 3, "--seed", 0, "--tol", 0, "--stream", "-o", model)
    code, out, err = run(*words)
    assert (code, out) == (130, "")
    n_passes = fastgmm.load(model).n_iter_
    assert n_passes in (1, 2)
    assert err == (
        f"fastgmm: {model} holds the model after {n_passes} passes.\nfastgmm: interrupted.\n"
    )


def test_learn_of_many_batches_keeps_the_names(run, tmp_path, table):
    _, path = table
    model = tmp_path / "model"
    words = ("learn", model, path, "-k", 2, "--seed", 0, "--batch-rows", 700)
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "rows learned         3000" in out
    assert fastgmm.load(model).feature_names_in_.tolist() == ["x", "y"]
    assert run(*words)[::2] == (0, "")


def test_what_is_not_learned_from_is_not_written_again(tmp_path, table):
    _, path = table
    model = tmp_path / "model"
    assert main(["learn", str(model), str(path), "-k", "2", "--seed", "0"]) == 0
    before = model.read_bytes()
    assert process("learn", model, "--half-life", 500, input="x,y\n1,\n").returncode == 1
    assert model.read_bytes() == before
    new = tmp_path / "new"
    assert process("learn", new, "-k", 2, input="x,y\n1,\n").returncode == 1
    assert not new.exists()


def test_rows_of_a_fit_and_of_the_stream_after_it_are_both_told(run, tmp_path):
    path = tmp_path / "m.gmm"
    assert run("fit", FAITHFUL, "-k", 2, "--seed", 0, "-q", "-o", path)[0] == 0
    code, out, _ = run("learn", path, FAITHFUL, "--batch-rows", 100)
    assert code == 0
    assert out.splitlines()[0].split() == ["rows", "learned", "272"]
    assert out.splitlines()[1].endswith("  544 (272 of them of the fit before)")
    facts = json.loads(run("learn", path, FAITHFUL, "--json")[1])
    assert (facts["n_rows"], facts["n_rows_in_all"]) == (272, 816)
    head = (
        "2 components, full covariance, fitted to 272 rows, then to 544 of a stream, of 2 columns"
    )
    assert run("info", path)[1].splitlines()[0] == head


def test_a_log_density_is_not_made_up(run, tmp_path):
    """Rows that wait for a batch have not been scored."""
    path = tmp_path / "m.gmm"
    (tmp_path / "x.csv").write_text("eruptions,waiting\n3.6,79\n")
    run("fit", FAITHFUL, "-k", 2, "--seed", 0, "-q", "-o", path)
    out = run("learn", path, tmp_path / "x.csv")[1]
    assert "log density per row  not known before the first update\n" in out
    facts = json.loads(run("learn", path, tmp_path / "x.csv", "--json")[1])
    assert (facts["log_density"], facts["n_rows_in_all"]) == (None, 274)
