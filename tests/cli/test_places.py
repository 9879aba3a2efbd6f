"""Nothing that is read is written over, by whatever name, and it is found out first."""

import os
import subprocess
import sys

import numpy as np
import pytest

from commands import FAITHFUL
from fastgmm import GaussianMixture


@pytest.fixture
def data(tmp_path):
    """Return a CSV with a symbolic and a hard link to it, and a model in that folder."""
    path = tmp_path / "rows.csv"
    rows = np.random.default_rng(0).normal(size=(50, 2))
    np.savetxt(path, rows, delimiter=",", header="a,b", comments="")
    (tmp_path / "soft.csv").symlink_to(path)
    os.link(path, tmp_path / "hard.csv")
    GaussianMixture(1).fit(rows).save(tmp_path / "m.gmm")
    return path


COMMANDS = {
    "score": ["score", "m.gmm", "{}", "-o"],
    "score in batches": ["score", "m.gmm", "{}", "--batch-rows", "5", "-o"],
    "score a folder": ["score", "m.gmm", "rows-*.csv", "{}", "-o"],
    "fit": ["fit", "{}", "-k", "1", "-o"],
    "fit a pattern": ["fit", "[r]ows.csv", "-k", "1", "-o"],
    "fit in batches": ["fit", "{}", "-k", "1", "--stream", "-o"],
    "checkpoint": ["fit", "{}", "-k", "1", "--checkpoint"],
    "plot": ["fit", "{}", "-k", "1", "--plot"],
    "select": ["select", "{}", "-k", "1", "-o"],
    "table": ["select", "{}", "-k", "1", "--table"],
    "plot of select": ["select", "{}", "-k", "1", "--plot"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("name", ["rows.csv", "./rows.csv", "soft.csv", "hard.csv"])
def test_no_output_is_an_input(run, data, monkeypatch, words, name):
    monkeypatch.chdir(data.parent)
    (data.parent / "rows-1.csv").write_text("a,b\n1,2\n")
    before = data.read_bytes()
    code, out, err = run(*(word.format("rows.csv") for word in words), name)
    assert (code, out) == (2, "")
    assert err.startswith("fastgmm: error: --")
    assert err.endswith(" would write over rows.csv, which is read; name another file.\n")
    assert data.read_bytes() == before
    assert (data.parent / name).is_symlink() == (name == "soft.csv")


def test_a_model_is_not_written_over_by_its_scores(run, data):
    model = data.parent / "m.gmm"
    before = model.read_bytes()
    code, _, err = run("score", model, data, "-o", model)
    assert code == 2
    assert f"would write over {model}, which is read" in err
    assert model.read_bytes() == before
    code, _, err = run("learn", model, model)
    assert code == 1
    assert model.read_bytes() == before


def test_two_outputs_are_two_files(run, data):
    place = data.parent / "x.png"
    words = ("select", data, "-k", 1, "-o", place, "--plot", data.parent / "." / "x.png")
    code, _, err = run(*words)
    assert (code, err) == (2, f"fastgmm: error: --output and --plot name the same file, {place}.\n")
    assert not place.exists()


def test_an_archive_is_not_written_over_by_what_is_read_in_it(run, data):
    path = data.parent / "x.npz"
    np.savez(path, X=np.random.default_rng(0).normal(size=(9, 2)))
    code, _, err = run("fit", path / "X", "-k", 1, "-o", path)
    assert code == 2
    assert "which is read" in err


def test_standard_streams_are_looked_at(data):
    command = [sys.executable, "-m", "fastgmm", "score", str(data.parent / "m.gmm")]
    before = data.read_bytes()
    with open(data, "rb") as stdin:
        done = subprocess.run([*command, "-", "-o", str(data)], stdin=stdin, capture_output=True,
                              check=False)  # fmt: skip
    assert done.returncode == 2
    assert b"--output would write over standard input, which is read" in done.stderr
    with open(data, "ab") as stdout:
        done = subprocess.run([*command, str(data)], stdout=stdout, stderr=subprocess.PIPE,
                              check=False)  # fmt: skip
    assert done.returncode == 2
    assert b"standard output would write over " in done.stderr
    assert data.read_bytes() == before


def test_other_places_are_written(run, tmp_path):
    for name in ("a.gmm", "a.gmm"):  # the second time over the first result
        assert run("fit", FAITHFUL, "-k", 1, "-o", tmp_path / name)[0] == 0
