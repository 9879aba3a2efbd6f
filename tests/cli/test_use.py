"""`fastgmm sample` and `fastgmm info`."""

import re

import numpy as np

import fastgmm
from commands import rows_of
from fastgmm import GaussianMixture
from fastgmm.cli import use


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
    summary, _, rest = out.rpartition("\n\n")
    assert summary == model.summary()
    assert dict(re.split(r"  +", line) for line in rest.splitlines()) == {
        "columns": "2 (eruptions, waiting)",
        "precision": "float64",
        "read by": f"fastgmm {fastgmm.__version__}",
    }


def test_info_of_a_model_that_was_not_fitted(run, tmp_path):
    path = tmp_path / "given.gmm"
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    model.save(path)
    out = run("info", path)[1]
    assert out.startswith("1 component, full covariance, of 1 column\n\n")
    assert "converged" not in out
