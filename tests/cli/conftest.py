"""The command in this process, rows, and a model to use."""

import numpy as np
import pytest

from commands import FAITHFUL
from fastgmm import GaussianMixture
from fastgmm.cli.main import main
from fastgmm.sources import read_table


@pytest.fixture
def run(capsys):
    """Run the command in this process and return its exit code, output and errors."""

    def call(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def fails(run):
    """Run the command, which has to end with this sentence and to print nothing else."""

    def call(sentence, *words):
        assert run(*words) == (1, "", f"fastgmm: error: {sentence}\n")

    return call


@pytest.fixture
def misused(run):
    """Run the command, which has to refuse its words with this sentence."""

    def call(sentence, *words):
        assert run(*words) == (2, "", f"fastgmm: error: {sentence}\n")

    return call


@pytest.fixture
def geyser(tmp_path):
    """Return the path of a model of the Old Faithful data, and the model."""
    table = read_table(FAITHFUL)
    model = GaussianMixture(2, random_state=0).fit(table)
    model.save(tmp_path / "geyser.gmm")
    return tmp_path / "geyser.gmm", model


@pytest.fixture
def table(tmp_path):
    """Return 3000 rows and the path of a CSV of them, beside which is a .npy of that name."""
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 2)) + 8 * rng.integers(2, size=(3000, 1))
    path = tmp_path / "rows.csv"
    np.savetxt(path, rows, delimiter=",", header="x,y", comments="", fmt="%.17g")
    np.save(tmp_path / "rows.npy", rows)
    return rows, path
