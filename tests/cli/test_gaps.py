"""`--gaps em`: empty cells and nulls in all commands, and `fastgmm impute`."""

import json

import numpy as np
import pytest

import fastgmm
from commands import rows_of


@pytest.fixture
def gapped(tmp_path):
    """Return rows with gaps, the first of which has no value, and the path of a CSV of them."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 3)) @ [[1.0, 0.8, 0.2], [0.0, 0.6, 0.0], [0.0, 0.0, 1.0]]
    rows[::2] += 6.0
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[0] = np.nan
    path = tmp_path / "rows.csv"
    lines = [",".join("" if np.isnan(x) else repr(float(x)) for x in row) for row in rows]
    path.write_text("a,b,c\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return rows, path


def fitted(rows, **params):
    return fastgmm.GaussianMixture(2, random_state=0, missing="em", **params).fit(rows)


def n_gapped(rows):
    return int(np.isnan(rows).any(axis=1).sum())


def test_a_fit_takes_empty_cells(run, gapped, tmp_path):
    rows, path = gapped
    model_path = tmp_path / "model.gmm"
    words = ["fit", path, "-k", 2, "--seed", 0, "--gaps", "em"]
    code, out, err = run(*words, "-o", model_path, "--json")
    assert code == 0
    assert f"{n_gapped(rows)} rows with gaps were taken with what was observed of them" in err
    facts, model = json.loads(out), fitted(rows)
    assert (facts["n_rows"], facts["n_dropped"], facts["n_with_gaps"]) == (400, 0, n_gapped(rows))
    assert facts["bic"] == pytest.approx(model.bic(rows), rel=1e-12)
    assert facts["log_likelihood"] == pytest.approx(model.score(rows), rel=1e-12)
    loaded = fastgmm.load(model_path)
    assert loaded.missing == "em"
    np.testing.assert_array_equal(loaded.means_, model.means_)
    code, out, _ = run(*words, "--stream", "--batch-rows", 90)
    assert code == 0
    assert f"lower bound per row  {model.lower_bound_:.6f}" in out


def test_nulls_of_parquet_are_gaps(run, gapped, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows, _ = gapped
    columns = {name: pyarrow.array(rows[:, j], from_pandas=True) for j, name in enumerate("abc")}
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    code, out, _ = run("fit", path, "-k", 2, "--seed", 0, "-q", "--gaps", "em", "--json")
    assert code == 0
    assert json.loads(out)["model"]["means"] == fitted(rows).means_.tolist()


def test_gaps_are_refused_or_dropped_as_ever(run, gapped):
    rows, path = gapped
    code, _, err = run("fit", path, "-k", 2, "-q")
    assert code == 1
    assert "the value is missing" in err
    code, out, err = run("fit", path, "-k", 2, "-q", "--gaps", "drop", "--json")
    assert code == 0
    facts = json.loads(out)
    assert (facts["n_dropped"], facts["n_with_gaps"]) == (n_gapped(rows), 0)
    assert "were left out" in err


def test_scores_of_a_model_of_gaps_are_of_what_was_observed(run, gapped, tmp_path):
    rows, path = gapped
    model, model_path = fitted(rows), tmp_path / "model.gmm"
    model.save(model_path)
    for words in ([], ["--gaps", "em"], ["--batch-rows", 70]):
        code, out, err = run("score", model_path, path, *words)
        assert code == 0
        assert "were scored by what was observed of them" in err
        _, numbers = rows_of(out)
        # How many rows of a pattern come at once chooses the kernel: last bits differ.
        np.testing.assert_allclose(numbers[:, 0], model.score_samples(rows), rtol=1e-13)
        np.testing.assert_array_equal(numbers[:, 1], model.predict(rows))
        np.testing.assert_allclose(numbers[:, 2:], model.predict_proba(rows), atol=1e-13)
    code, out, _ = run("score", model_path, path, "--gaps", "drop")
    assert code == 0
    assert sum(line == ",,," for line in out.splitlines()) == n_gapped(rows)
    assert run("score", model_path, path, "--gaps", "error")[0] == 1
    complete = fastgmm.GaussianMixture(2, random_state=0).fit(model.impute(rows))
    complete.save(model_path)
    assert run("score", model_path, path)[0] == 1
    code, out, _ = run("score", model_path, path, "--gaps", "em", "--json")
    assert code == 0
    assert all(json.loads(line)["label"] is not None for line in out.splitlines())


def test_select_takes_empty_cells(run, gapped):
    rows, path = gapped
    words = ["-k", "1-2", "--covariance-types", "full,diag", "--n-init", 2, "--seed", 0, "-q"]
    code, out, _ = run("select", path, *words, "--gaps", "em", "--json")
    assert code == 0
    found = fastgmm.select(rows, [1, 2], ["full", "diag"], n_init=2, random_state=0, missing="em")
    assert json.loads(out)["bic"] == pytest.approx(found.best.bic, rel=1e-9)
    assert [one["bic"] for one in json.loads(out)["table"]] == [one.bic for one in found.table]


def test_a_stream_takes_empty_cells(run, gapped, tmp_path):
    rows, path = gapped
    model_path = tmp_path / "model.gmm"
    words = ["learn", model_path, path, "--batch-rows", 50, "--json"]
    code, out, _ = run(*words, "-k", 2, "--seed", 0, "--gaps", "em")
    assert code == 0
    assert json.loads(out)["n_with_gaps"] == n_gapped(rows)
    model = fastgmm.GaussianMixture(2, random_state=0, missing="em")
    for begin in range(0, 400, 50):
        model.partial_fit(rows[begin : begin + 50])
    np.testing.assert_array_equal(fastgmm.load(model_path).means_, model.means_)
    # The model says by itself that it takes gaps, when it learns on.
    code, out, _ = run(*words)
    assert code == 0
    assert json.loads(out)["n_rows_in_all"] == 800


@pytest.mark.parametrize("em", [True, False])
def test_what_is_missing_is_filled_in(run, gapped, tmp_path, em):
    rows, path = gapped
    model, model_path = fitted(rows), tmp_path / "model.gmm"
    if not em:
        model = fastgmm.GaussianMixture(2, random_state=0).fit(model.impute(rows))
    model.save(model_path)
    filled_path = tmp_path / "filled.csv"
    code, out, err = run("impute", model_path, path, "-o", filled_path)
    assert (code, out) == (0, "")
    assert f"{n_gapped(rows)} rows with gaps were filled in" in err
    header, numbers = rows_of(filled_path.read_text(encoding="utf-8"))
    assert header == ["x0", "x1", "x2"]
    np.testing.assert_array_equal(numbers, model.impute(rows))
    code, out, _ = run("impute", model_path, path, "--seed", 3)
    drawn = model.impute(rows, random_state=np.random.default_rng(3))
    np.testing.assert_array_equal(rows_of(out)[1], drawn)
    code, out, _ = run("impute", model_path, path, "--json", "--batch-rows", 30)
    assert code == 0
    found = [json.loads(line)["row"] for line in out.splitlines()]
    np.testing.assert_allclose(found, model.impute(rows), rtol=1e-12)
