"""`--json`: the keys that programs rely on, and numbers that are the model's own."""

import json

import numpy as np
import pytest

import fastgmm
from commands import FAITHFUL
from fastgmm import GaussianMixture
from fastgmm.sources import read_table

MODEL = {
    "n_components", "covariance_type", "columns", "precision", "n_iter", "converged",
    "lower_bound", "weights", "means", "covariances", "repairs",
}  # fmt: skip
FIT = {"n_rows", "n_dropped", "n_with_gaps", "n_skipped", "log_likelihood", "bic", "aic", "model"}


def parsed(run, *words):
    code, out, _ = run(*words, "--json")
    assert code == 0
    return [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical", "tied_diag"])
def test_a_fit(run, kind):
    (found,) = parsed(run, "fit", FAITHFUL, "-k", 2, "--seed", 0, "--covariance-type", kind)
    table = read_table(FAITHFUL)
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(table)
    assert set(found) == FIT
    assert set(found["model"]) == MODEL
    assert found["n_rows"] == 272
    assert found["log_likelihood"] == pytest.approx(model.score(table), rel=1e-12)
    assert found["bic"] == pytest.approx(model.bic(table), rel=1e-12)
    assert found["aic"] == pytest.approx(model.aic(table), rel=1e-12)
    assert found["model"]["columns"] == ["eruptions", "waiting"]
    for name in ("weights", "means", "covariances"):
        np.testing.assert_array_equal(found["model"][name], getattr(model, f"{name}_"))


def test_a_fit_in_batches(run):
    (found,) = parsed(run, "fit", FAITHFUL, "-k", 2, "--seed", 0, "--stream")
    assert set(found) == FIT
    assert (found["n_rows"], found["bic"]) == (272, None)
    (whole,) = parsed(run, "fit", FAITHFUL, "-k", 2, "--seed", 0)
    np.testing.assert_array_equal(found["model"]["means"], whole["model"]["means"])


def test_a_grid(run):
    (found,) = parsed(run, "select", FAITHFUL, "-k", "1-2", "--covariance-types", "full,diag")
    assert set(found) == FIT | {"criterion", "table"}
    assert [set(one) for one in found["table"]] == 4 * [set(fastgmm.Candidate._fields)]
    assert found["bic"] == pytest.approx(min(one["bic"] for one in found["table"]))


def test_scores_and_their_gaps(run, geyser, tmp_path):
    path, model = geyser
    data = tmp_path / "x.csv"
    data.write_text("eruptions,waiting\n3.6,79\n,54\n1.8,54\n")
    found = parsed(run, "score", path, data, "--gaps", "drop")
    rows = np.array([[3.6, 79], [1.8, 54]])
    nothing = {"log_density": None, "label": None, "responsibilities": None}
    expected = [
        {"log_density": density, "label": label, "responsibilities": shares}
        for density, label, shares in zip(
            model.score_samples(rows).tolist(),
            model.predict(rows).tolist(),
            model.predict_proba(rows).tolist(),
            strict=True,
        )
    ]
    assert found == [expected[0], nothing, expected[1]]


def test_samples_and_models(run, geyser, tmp_path):
    path, model = geyser
    rows, labels = model.sample(3, random_state=1)
    found = parsed(run, "sample", path, "-n", 3, "--seed", 1)
    assert found == [
        {"row": row, "label": label}
        for row, label in zip(rows.tolist(), labels.tolist(), strict=True)
    ]
    (facts,) = parsed(run, "info", path)
    assert set(facts) == MODEL | {"read_by"}
    assert facts["lower_bound"] == model.lower_bound_
    given = tmp_path / "given.gmm"
    GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]]).save(given)
    (facts,) = parsed(run, "info", given)
    assert (facts["n_iter"], facts["lower_bound"], facts["converged"]) == (None, None, False)


def test_learning(run, tmp_path):
    data = tmp_path / "x.csv"
    np.savetxt(data, np.random.default_rng(0).normal(size=(500, 2)), delimiter=",")
    words = ("learn", tmp_path / "m.gmm", data, "-k", 2, "--seed", 0)
    (found,) = parsed(run, *words)
    assert set(found) == {"n_rows", "n_rows_in_all", "n_dropped", "n_with_gaps", "n_skipped",
                          "log_density", "log_density_deviation", "n_iter"}  # fmt: skip
    (again,) = parsed(run, *words)
    assert (again["n_rows"], again["n_rows_in_all"]) == (500, 1000)


def test_repairs(run, tmp_path):
    data = tmp_path / "x.csv"
    rows = np.random.default_rng(0).normal(size=(90, 2))
    rows[60:] = np.column_stack([5.0 + rows[60:, 0], np.full(30, 9.0)])
    np.savetxt(data, rows, delimiter=",")
    (found,) = parsed(run, "fit", data, "-k", 2, "--seed", 0, "-o", tmp_path / "m.gmm")
    repairs = found["model"]["repairs"]
    assert repairs
    (facts,) = parsed(run, "info", tmp_path / "m.gmm")
    assert facts["repairs"] == repairs
    expected = fastgmm.load(tmp_path / "m.gmm").repairs_
    names = ("n_iter", "component", "reason", "action")
    assert repairs == [{name: getattr(one, name) for name in names} for one in expected]
