"""`fastgmm fit` in memory: what it prints, what it draws, and what it refuses."""

import json
import re
import sys

import numpy as np
import pytest

import fastgmm
from commands import FAITHFUL, rows_of
from fastgmm import GaussianMixture
from fastgmm.sources import read_table


def components_of(model):
    """The table of the components in a summary, under the names of the columns."""
    table = model.summary().split("\n\n")[1]
    return table if hasattr(model, "feature_names_in_") else pytest.fail("columns have no names")


def test_fit_prints_the_components(run):
    code, out, err = run("fit", FAITHFUL, "-k", 2, "--seed", 0)
    assert (code, err) == (0, "")
    model = GaussianMixture(2, random_state=0).fit(read_table(FAITHFUL).rows)
    first, _, *table = out.splitlines()
    assert first == "2 components, full covariance, fitted to 272 rows of 2 columns"
    assert table[0].split() == ["component", "0", "1"]
    assert table[1].split() == ["weight", *(f"{weight:.4f}" for weight in model.weights_)]
    assert table[2].split() == ["mean", "deviation"] * 2
    deviations = np.sqrt(np.diagonal(model.covariances_, axis1=1, axis2=2))
    for line, name, digits, feature in [(3, "eruptions", 4, 0), (4, "waiting", 3, 1)]:
        pairs = np.column_stack([model.means_[:, feature], deviations[:, feature]]).ravel()
        assert table[line].split() == [name, *(f"{number:.{digits}f}" for number in pairs)]
    assert len({len(line) for line in table[2:5]}) == 1
    facts = dict(line.rsplit(maxsplit=1) for line in table[6:])
    rows = read_table(FAITHFUL).rows
    assert facts == {
        "log-likelihood per row": f"{model.score(rows):.6f}",
        "BIC": f"{model.bic(rows):.3f}",
        "AIC": f"{model.aic(rows):.3f}",
        "iterations": str(model.n_iter_),
        "converged": "yes",
    }


@pytest.mark.parametrize(
    "words",
    [
        ["-k", "3", "--covariance-type", "tied", "--init", "kmeans", "--seed", "1"],
        ["-k", "2", "--covariance-type", "diag", "--init", "random", "--n-init", "3"],
        ["-k", "2", "--covariance-type", "spherical", "--tol", "1e-6", "--max-iter", "200"],
        ["-k", "3", "--covariance-type", "tied_diag", "--init", "k-means++", "--seed", "5"],
        ["-k", "2", "--covariance-type", "tied_spherical", "--dtype", "float32", "--seed", "2"],
        ["-k", "2", "--gap-tol", "1e-4", "--acceleration", "lbfgs", "--on-collapse", "warn"],
        ["-k", "2", "--gap-tol", "none", "--acceleration", "none", "--reg-covar", "auto"],
        ["-k", "2", "--reg-covar", "0.5", "--threads", "2", "--dtype", "float32", "--seed", "3"],
    ],
)
def test_every_option_of_fit_reaches_the_model(run, tmp_path, monkeypatch, words):
    fitted = []
    fit = GaussianMixture.fit
    monkeypatch.setattr(
        GaussianMixture, "fit", lambda self, *a, **k: fitted.append(self) or fit(self, *a, **k)
    )

    def number(text):
        words = {"auto": "auto", "none": None, "lbfgs": "lbfgs"}
        return words[text] if text in words else float(text)

    path = tmp_path / "model.gmm"
    assert run("fit", FAITHFUL, *words, "-o", path)[0] == 0
    given = dict(zip(words[::2], words[1::2], strict=True))
    expected = {
        "n_components": int(given["-k"]),
        "covariance_type": given.get("--covariance-type", "full"),
        "init_params": given.get("--init", "ward"),
        "n_init": int(given.get("--n-init", 1)),
        "tol": float(given.get("--tol", 1e-3)),
        "max_iter": int(given.get("--max-iter", 100)),
        "reg_covar": number(given.get("--reg-covar", "1e-6")),
        "gap_tol": number(given.get("--gap-tol", "auto")),
        "acceleration": number(given.get("--acceleration", "auto")),
        "on_collapse": given.get("--on-collapse", "repair"),
        "random_state": int(given["--seed"]) if "--seed" in given else None,
        "n_threads": int(given["--threads"]) if "--threads" in given else None,
    }
    parameters = fitted[0].get_params()
    assert {name: parameters[name] for name in expected} == expected
    saved = fastgmm.load(path)
    np.testing.assert_array_equal(saved.means_, fitted[0].means_)
    assert saved.means_.dtype == given.get("--dtype", "float64")
    assert saved.feature_names_in_.tolist() == ["eruptions", "waiting"]


def test_a_file_without_names(run, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, 3)))
    code, out, _ = run("fit", path, "-k", 1, "-o", tmp_path / "m.gmm")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[5:8]] == ["x0", "x1", "x2"]
    assert "x0, x1, x2" in run("info", tmp_path / "m.gmm")[1]
    assert run("sample", tmp_path / "m.gmm", "-n", 1)[1].startswith("x0,x1,x2,label\n")


def test_models_of_every_type(run, tmp_path, covariance_type):
    path, picture = tmp_path / "model.gmm", tmp_path / "model.png"
    words = ("--covariance-type", covariance_type, "--seed", 0, "-o", path, "--plot", picture)
    code, out, err = run("fit", FAITHFUL, "-k", 3, *words)
    assert (code, err) == (0, "")
    assert out.startswith(f"3 components, {covariance_type} covariance, fitted to 272 rows of 2 ")
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = read_table(FAITHFUL)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(table)
    assert components_of(model) in out
    saved = fastgmm.load(path)
    assert saved.covariances_.shape == model.covariances_.shape
    assert saved.covariances_.tobytes() == model.covariances_.tobytes()
    code, out, err = run("info", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"3 components, {covariance_type} covariance, fitted to 272 rows of 2 ")
    assert components_of(model) in out
    _, numbers = rows_of(run("score", path, FAITHFUL)[1])
    np.testing.assert_array_equal(numbers[:, 0], model.score_samples(table))
    np.testing.assert_array_equal(numbers[:, 2:], model.predict_proba(table))
    _, numbers = rows_of(run("sample", path, "-n", 20, "--seed", 3)[1])
    np.testing.assert_array_equal(numbers[:, :2], model.sample(20, random_state=3)[0])


@pytest.mark.parametrize("n_columns", [1, 2, 4, 9])
def test_the_picture_is_drawn(run, tmp_path, n_columns):
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, n_columns)))
    code, _, err = run("fit", path, "-k", 2, "--plot", tmp_path / "x.png", "--seed", 0)
    assert code == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    shown = f"{tmp_path / 'x.png'} shows the first 6 of 9 columns"
    note = f"fastgmm: note: {shown}; choose others with --plot-columns.\n"
    assert err == (note if n_columns == 9 else "")


def test_the_picture_has_the_weights(run, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("fastgmm.plot.save_mixture", lambda *_, **k: drawn.update(k))
    path = tmp_path / "x.csv"
    path.write_text("a,n\n1,1\n2,3\n4,2\n")
    assert run("fit", path, "-k", 1, "--weights", "n", "--plot", tmp_path / "x.png")[0] == 0
    assert drawn["sample_weight"].tolist() == [1.0, 3.0, 2.0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [(("-k", 1000), 1), (("-k", 2, "--tol", -1), 2), (("-k", 2, "--reg-covar", "nan"), 2)],
)
def test_errors_of_the_fit_are_one_sentence(run, options, expected):
    code, out, err = run("fit", FAITHFUL, *options)
    assert (code, out) == (expected, "")
    assert re.fullmatch(r"fastgmm: error: [^\n]+\n", err)


def test_an_unknown_picture_is_refused_before_the_fit(run, fails, monkeypatch, tmp_path):
    monkeypatch.setattr(GaussianMixture, "fit", lambda *_, **__: pytest.fail("it was fitted"))
    code, _, err = run("fit", FAITHFUL, "-k", 2, "--plot", tmp_path / "x.doc")
    assert code == 2
    assert err.startswith(f"fastgmm: error: The picture {tmp_path / 'x.doc'} must end in one of .")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    sentence = "Pictures need matplotlib: pip install matplotlib, which is in fastgmm's extra"
    fails(f"{sentence} 'plot'.", "fit", FAITHFUL, "-k", 2, "--plot", tmp_path / "x.png")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    sentence = "Reading CSV needs pyarrow: pip install pyarrow, which is in fastgmm's extra 'cli'."
    fails(sentence, "fit", FAITHFUL, "-k", 2)


@pytest.fixture
def labelled(tmp_path):
    """A file of faithful with labels in a column between the others, and the labels."""
    rows = read_table(FAITHFUL).rows
    labels = np.where(np.arange(len(rows)) % 20 == 0, rows[:, 0] < 3, -1).astype(int)
    path = tmp_path / "labelled.csv"
    lines = [f"{a},{k},{b},1.5" for (a, b), k in zip(rows.tolist(), labels, strict=True)]
    path.write_text("\n".join(["eruptions,kind,waiting,weight", *lines]), encoding="utf-8")
    return path, rows, labels


@pytest.mark.parametrize("chosen", [[], ["--columns", "eruptions,waiting"]])
def test_labels_are_a_column(run, labelled, tmp_path, chosen):
    path, rows, labels = labelled
    out = tmp_path / "model.gmm"
    words = [
        "fit",
        path,
        "-k",
        2,
        "--labels",
        "kind",
        "--weights",
        "weight",
        "-o",
        out,
        "--seed",
        0,
    ]
    code, text, err = run(*words, *chosen)
    assert (code, err) == (0, "")
    model = GaussianMixture(2, random_state=0)
    model.fit(rows, labels=labels, sample_weight=np.full(len(rows), 1.5))
    found = fastgmm.load(out)
    np.testing.assert_allclose(found.means_, model.means_, rtol=1e-12)
    assert found.feature_names_in_.tolist() == ["eruptions", "waiting"]
    told = model.e_step(rows, labels=labels)
    assert f"log-likelihood per row  {told.log_likelihood / len(rows):.6f}" in text


def test_an_empty_label_is_unknown_where_gaps_are_taken(run, labelled):
    path, _, _ = labelled
    words = ["-k", 2, "--labels", "kind", "--columns", "eruptions,waiting", "--quiet", "--json"]
    whole = run("fit", path, *words)[1]
    path.write_text(path.read_text(encoding="utf-8").replace(",-1,", ",,"), encoding="utf-8")
    code, out, _ = run("fit", path, *words, "--gaps", "em")
    assert code == 0
    wanted, found = json.loads(whole), json.loads(out)
    assert found["log_likelihood"] == pytest.approx(wanted["log_likelihood"], rel=1e-12)
    assert run("fit", path, *words)[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "eruptions"], "the label of row 0 is 3.6: labels are numbers of components"),
        (["--labels", "waiting"], "The label of row 0 is 79, and components have the numbers"),
        (["--labels", "colour"], "colour"),
        (["--labels", "kind", "--stream"], "--labels wants all rows in memory (--stream): leave"),
        (["--labels", "kind", "--bayesian"], "--labels does not go with --bayesian"),
    ],
)
def test_labels_that_are_none(run, labelled, words, message):
    code, out, err = run("fit", labelled[0], "-k", 2, *words)
    assert code == (2 if message.startswith("--labels") else 1)
    assert message in err
    assert out == ""


def test_a_picture_shows_the_columns_asked_for(run, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(
        "fastgmm.plot.save_mixture", lambda *_, **options: drawn.append(options["features"])
    )
    rows = np.random.default_rng(0).normal(size=(60, 8))
    np.save(tmp_path / "x.npy", rows)
    words = ("fit", tmp_path / "x.npy", "-k", 1, "--plot", tmp_path / "x.png")
    _, _, err = run(*words)
    assert "shows the first 6 of 8 columns; choose others with --plot-columns." in err
    assert run(*words, "--plot-columns", "7,0")[2] == ""
    assert drawn == [[0, 1, 2, 3, 4, 5], [7, 0]]
    words = ("fit", FAITHFUL, "-k", 1, "--plot", tmp_path / "x.png", "--plot-columns")
    assert run(*words, "waiting")[0] == 0
    assert drawn[2] == ["waiting"]
