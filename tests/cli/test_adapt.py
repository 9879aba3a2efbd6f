"""`fastgmm adapt`: a model is taken to the rows of a file, in one pass."""

import json

import numpy as np
import pytest

import fastgmm
from commands import FAITHFUL
from fastgmm.sources import Table, read_table


def test_an_adapted_model_is_written(run, geyser, tmp_path):
    path, model = geyser
    before, target = path.read_bytes(), tmp_path / "new.gmm"
    rows = read_table(FAITHFUL)
    code, out, err = run(
        "adapt", path, FAITHFUL, "-o", target, "--relevance", 8, "--batch-rows", 50
    )
    assert (code, err) == (0, "")
    assert "272 rows" in out
    assert "means" in out
    expected = model.adapt(rows, relevance=8)
    np.testing.assert_allclose(fastgmm.load(target).means_, expected.means_, rtol=1e-12)
    assert path.read_bytes() == before
    asked = ("--parts", "means,covariances", "--json")
    code, out, _ = run("adapt", path, FAITHFUL, "-o", target, *asked)
    facts = json.loads(out)
    assert (code, facts["n_rows"]) == (0, 272)
    expected = model.adapt(rows, parts=("means", "covariances"))
    np.testing.assert_allclose(facts["model"]["covariances"], expected.covariances_, rtol=1e-9)
    assert facts["log_likelihood"] == pytest.approx(model.score(rows), rel=1e-12)


def test_gaps_and_weights(run, geyser, tmp_path):
    path, model = geyser
    data, target = tmp_path / "few.csv", tmp_path / "new.gmm"
    data.write_text("eruptions,waiting,n\n2.0,55,3\n,80,1\n4.5,,2\n")
    chosen = ("--columns", "eruptions,waiting", "--weights", "n", "-o", target)
    assert run("adapt", path, data, *chosen)[0] == 1
    code, _, err = run("adapt", path, data, *chosen, "--gaps", "em")
    assert (code, "2 rows with gaps were taken" in err) == (0, True)
    rows = Table(np.array([[2.0, 55.0], [np.nan, 80.0], [4.5, np.nan]]), ("eruptions", "waiting"))
    expected = model.set_params(missing="em").adapt(rows, sample_weight=[3, 1, 2])
    np.testing.assert_allclose(fastgmm.load(target).means_, expected.means_, rtol=1e-12)
    code, _, err = run("adapt", path, data, *chosen, "--gaps", "drop")
    assert (code, "2 rows with gaps were left out" in err) == (0, True)


def test_what_is_refused(run, geyser, capsys, tmp_path):
    path, _ = geyser
    target = tmp_path / "new.gmm"
    for asked, words in [
        (("--relevance", "-1"), "'-1' is not a number of rows, 0 or more"),
        (("--parts", "mean"), "'mean' is not one of weights, means, covariances, did you mean mea"),
        ((), "the following arguments are required: -o/--output"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            run("adapt", path, FAITHFUL, *asked, *(["-o", target] if asked else []))
        assert (stopped.value.code, words in capsys.readouterr().err) == (2, True)
    code, _, err = run("adapt", path, FAITHFUL, "-o", path)
    assert (code, "would write over" in err) == (2, True)
    assert not target.exists()
