"""The command ``fastgmm``: what it prints, where, with which exit code, and every sentence."""

import contextlib
import csv
import inspect
import io
import os
import re
import struct
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.cli import fit as fit_commands
from fastgmm.cli import main as command_line
from fastgmm.cli import terminal
from fastgmm.cli.main import main
from fastgmm.cli.report import component_table, standard_deviations
from fastgmm.em import loop as em
from fastgmm.sources import read_table
from support import correlated_mixture, matrices_of

ROOT = Path(__file__).parent.parent.parent
FAITHFUL = str(ROOT / "data" / "faithful.csv")


@pytest.fixture
def run(capsys):
    """Run the command in this process and return its exit code, output and errors."""

    def call(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def geyser(tmp_path):
    """Return the path of a model of the Old Faithful data, and the model."""
    table = read_table(FAITHFUL)
    model = GaussianMixture(2, random_state=0).fit(table)
    model.save(tmp_path / "geyser.gmm")
    return tmp_path / "geyser.gmm", model


def rows_of(text):
    """Return the header and the numbers of a CSV."""
    header, *lines = csv.reader(io.StringIO(text))
    return header, np.array([[float(field) for field in line] for line in lines])


def process(*words, **options):
    command = [sys.executable, "-m", "fastgmm", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# ---------------------------------------------------------------- fit


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


def test_defaults_are_those_of_the_class():
    arguments = command_line._parser().parse_args(["fit", "x.csv", "-k", "1"])
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(GaussianMixture).parameters.items()
    }
    for option, name in [
        ("covariance_type", "covariance_type"),
        ("init", "init_params"),
        ("n_init", "n_init"),
        ("tol", "tol"),
        ("max_iter", "max_iter"),
        ("reg_covar", "reg_covar"),
        ("gap_tol", "gap_tol"),
        ("acceleration", "acceleration"),
        ("on_collapse", "on_collapse"),
        ("seed", "random_state"),
        ("threads", "n_threads"),
    ]:
        assert getattr(arguments, option) == defaults[name]


@pytest.mark.parametrize("columns", ["waiting", "1"])
def test_columns_are_chosen(run, columns):
    code, out, _ = run("fit", FAITHFUL, "-k", 2, "--columns", columns)
    assert code == 0
    assert "272 rows of 1 column\n" in out
    assert "waiting" in out
    assert "eruptions" not in out


def test_a_quoted_name_may_hold_a_comma(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"a, b",c\n1,2\n3,4\n5,7\n')
    code, out, _ = run("fit", path, "-k", 1, "--columns", 'c,"a, b"')
    assert code == 0
    assert [line.split("  ")[0] for line in out.splitlines()[5:7]] == ["c", "a, b"]


def test_the_header_is_told(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("0,1\n5,6\n7,9\n8,8\n")
    assert "fitted to 3 rows" in run("fit", path, "-k", 1, "--header")[1]
    assert "fitted to 4 rows" in run("fit", path, "-k", 1, "--no-header")[1]
    assert "fitted to 4 rows" in run("fit", path, "-k", 1)[1]


@pytest.mark.parametrize("columns", [(), ("--columns", "a,b"), ("--columns", "0,1")])
def test_weights_count_as_repetitions(run, tmp_path, columns):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(6, 1, (60, 2))])
    counts = rng.integers(1, 4, size=120)
    weighted, repeated = tmp_path / "weighted.csv", tmp_path / "repeated.csv"
    header = "a,b,count"
    np.savetxt(weighted, np.column_stack([rows, counts]), delimiter=",", header=header, comments="")
    np.savetxt(repeated, np.repeat(rows, counts, axis=0), delimiter=",", header="a,b", comments="")
    options = ("-k", 2, "--tol", 1e-10, "--max-iter", 1000, "--seed", 0)
    code, out, _ = run("fit", weighted, "--weights", "count", *columns, *options)
    assert code == 0
    numbers = [line.split()[-4:] for line in out.splitlines()[2:7]]
    lines = run("fit", repeated, *options)[1].splitlines()
    expected = [line.split()[-4:] for line in lines[2:7]]
    if numbers != expected:  # the components may come in the other order
        expected = [row[2:] + row[:2] if len(row) == 4 else [row[0], row[2], row[1]]
                    for row in expected]  # fmt: skip
    assert numbers[2:] == expected[2:]
    facts = [line for line in out.splitlines() if line[:3] in ("log", "BIC", "AIC")]
    assert facts == [line for line in lines if line[:3] in ("log", "BIC", "AIC")]


def test_a_number_for_the_weights_counts_in_the_file(run, monkeypatch):
    fitted = []
    monkeypatch.setattr(GaussianMixture, "fit", lambda self, X, **k: fitted.append((X, k)))
    with pytest.raises(ValueError, match="not fitted"):  # after our stand-in for the fit
        fit_commands.fit(
            command_line._parser().parse_args(
                ["fit", FAITHFUL, "-k", "2", "--columns", "waiting", "--weights", "0"]
            )
        )
    table, options = fitted[0]
    rows = read_table(FAITHFUL).rows
    assert table.columns == ("waiting",)
    np.testing.assert_array_equal(table.rows[:, 0], rows[:, 1])
    np.testing.assert_array_equal(options["sample_weight"], rows[:, 0])


def test_a_file_without_names(run, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, 3)))
    code, out, _ = run("fit", path, "-k", 1, "-o", tmp_path / "m.gmm")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[5:8]] == ["x0", "x1", "x2"]
    assert "x0, x1, x2" in run("info", tmp_path / "m.gmm")[1]
    assert run("sample", tmp_path / "m.gmm", "-n", 1)[1].startswith("x0,x1,x2,label\n")


def test_warnings_are_one_line_each(run):
    code, out, err = run("fit", FAITHFUL, "-k", 3, "--max-iter", 1, "--tol", 0)
    assert code == 0
    assert err.startswith("fastgmm: warning: ")
    assert err.count("\n") == 1
    assert "did not converge" in err
    assert out.splitlines()[-1].split() == ["converged", "no"]


def test_equal_warnings_are_said_once(capsys):
    with terminal.warnings_in_one_line():
        warnings.warn("one\n  thing", UserWarning, stacklevel=1)
        warnings.warn("another thing", UserWarning, stacklevel=1)
        warnings.warn("one thing", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == (
        "fastgmm: warning: one thing\nfastgmm: warning: another thing\n"
    )


def test_warnings_are_said_before_an_error(capsys):
    def fail():
        with terminal.warnings_in_one_line():
            warnings.warn("first", UserWarning, stacklevel=1)
            raise ValueError("then")

    with pytest.raises(ValueError, match=r"^then$"):
        fail()
    assert capsys.readouterr().err == "fastgmm: warning: first\n"


@pytest.mark.parametrize("n_columns", [1, 2, 4, 9])
def test_the_picture_is_drawn(run, tmp_path, n_columns):
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(50, n_columns)))
    code, _, err = run("fit", path, "-k", 2, "--plot", tmp_path / "x.png", "--seed", 0)
    assert code == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    note = f"fastgmm: note: {tmp_path / 'x.png'} shows the first 6 of 9 columns.\n"
    assert err == (note if n_columns == 9 else "")


def test_the_picture_has_the_weights(run, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("fastgmm.plot.save_mixture", lambda *_, **k: drawn.update(k))
    path = tmp_path / "x.csv"
    path.write_text("a,n\n1,1\n2,3\n4,2\n")
    assert run("fit", path, "-k", 1, "--weights", "n", "--plot", tmp_path / "x.png")[0] == 0
    assert drawn["sample_weight"].tolist() == [1.0, 3.0, 2.0]


# ---------------------------------------------------------------- score


def test_scores_round_trip_through_text(run, geyser):
    path, model = geyser
    code, out, err = run("score", path, FAITHFUL)
    assert (code, err) == (0, "")
    header, numbers = rows_of(out)
    assert header == ["log_density", "label", "responsibility_0", "responsibility_1"]
    table = read_table(FAITHFUL)
    np.testing.assert_array_equal(numbers[:, 0], model.score_samples(table))
    np.testing.assert_array_equal(numbers[:, 1], model.predict(table))
    np.testing.assert_array_equal(numbers[:, 2:], model.predict_proba(table))
    assert all(line.split(",")[1] in ("0", "1") for line in out.splitlines()[1:])


def test_scores_go_to_a_file_and_do_not_depend_on_the_pieces(run, geyser, tmp_path, monkeypatch):
    path, _ = geyser
    whole = run("score", path, FAITHFUL)[1]
    monkeypatch.setattr(command_line, "NUMBERS_AT_ONCE", 40)  # 10 rows, 272 is no multiple
    target = tmp_path / "scores.csv"
    code, out, _ = run("score", path, FAITHFUL, "-o", target)
    assert (code, out) == (0, "")
    assert target.read_bytes() == whole.encode()
    assert run("score", path, FAITHFUL, "--threads", 3)[1] == whole


def test_scores_find_the_columns_by_name(run, geyser, tmp_path):
    path, _ = geyser
    expected = run("score", path, FAITHFUL)[1]
    rows = read_table(FAITHFUL).rows.tolist()
    other = tmp_path / "other.csv"
    lines = ["place,waiting,x,eruptions", *(f"geyser,{b!r},7,{a!r}" for a, b in rows)]
    other.write_text("\n".join(lines))
    assert run("score", path, other) == (0, expected, "")
    nameless = tmp_path / "rows.npy"
    np.save(nameless, np.array(rows))
    assert run("score", path, nameless) == (0, expected, "")
    renamed = tmp_path / "renamed.csv"
    renamed.write_text("\n".join(["a,b,c", *(f"{a!r},0,{b!r}" for a, b in rows)]))
    assert run("score", path, renamed, "--columns", "a,c") == (0, expected, "")


def test_scores_of_float32_rows(run, geyser):
    path, model = geyser
    _, numbers = rows_of(run("score", path, FAITHFUL, "--dtype", "float32")[1])
    rows = read_table(FAITHFUL, dtype=np.float32)
    np.testing.assert_array_equal(numbers[:, 0], model.score_samples(rows).astype(np.float64))


# ---------------------------------------------------------------- sample and info


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
    monkeypatch.setattr(command_line, "NUMBERS_AT_ONCE", 20)
    assert run("sample", path, "-n", 101, "--seed", 0)[1] == whole
    assert run("sample", path, "-n", 101, "--seed", 1)[1] != whole


def test_info_describes_the_model(run, geyser):
    path, model = geyser
    code, out, err = run("info", path)
    assert (code, err) == (0, "")
    facts = dict(re.split(r"  +", line) for line in out.splitlines()[:8])
    assert facts == {
        "covariance type": "full",
        "components": "2",
        "columns": "2 (eruptions, waiting)",
        "precision": "float64",
        "iterations": str(model.n_iter_),
        "lower bound": f"{model.lower_bound_:.6f}",
        "converged": "yes",
        "read by": f"fastgmm {fastgmm.__version__}",
    }
    table = component_table(model, ["eruptions", "waiting"], 100)
    assert out.splitlines()[9:] == table.splitlines()


def test_info_of_a_model_that_was_not_fitted(run, tmp_path):
    path = tmp_path / "given.gmm"
    GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]]).save(path)
    out = run("info", path)[1]
    assert re.search(r"^iterations +none\nlower bound +none\nconverged +no$", out, re.MULTILINE)


def test_models_of_every_type(run, tmp_path, covariance_type):
    path, picture = tmp_path / "model.gmm", tmp_path / "model.png"
    words = ("--covariance-type", covariance_type, "--seed", 0, "-o", path, "--plot", picture)
    code, out, err = run("fit", FAITHFUL, "-k", 3, *words)
    assert (code, err) == (0, "")
    assert out.startswith(f"3 components, {covariance_type} covariance, fitted to 272 rows of 2 ")
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = read_table(FAITHFUL)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(table)
    assert component_table(model, ["eruptions", "waiting"], 100) in out
    saved = fastgmm.load(path)
    assert saved.covariances_.shape == model.covariances_.shape
    assert saved.covariances_.tobytes() == model.covariances_.tobytes()
    code, out, err = run("info", path)
    assert (code, err) == (0, "")
    assert re.match(rf"covariance type +{covariance_type}\ncomponents +3\n", out)
    assert component_table(model, ["eruptions", "waiting"], 100) in out
    _, numbers = rows_of(run("score", path, FAITHFUL)[1])
    np.testing.assert_array_equal(numbers[:, 0], model.score_samples(table))
    np.testing.assert_array_equal(numbers[:, 2:], model.predict_proba(table))
    _, numbers = rows_of(run("sample", path, "-n", 20, "--seed", 3)[1])
    np.testing.assert_array_equal(numbers[:, :2], model.sample(20, random_state=3)[0])


# ---------------------------------------------------------------- the table of components


def test_deviations_of_every_type(rng, covariance_type):
    mixture = correlated_mixture(3, 4, rng)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    precisions = matrices_of(covariance_type, model.precisions_, model.means_)
    expected = np.sqrt(np.diagonal(np.linalg.inv(precisions), axis1=1, axis2=2))
    np.testing.assert_allclose(standard_deviations(model), expected, rtol=1e-10)


def table_of(means, deviations, names, width=100, weights=None):
    means, deviations = np.array(means, float), np.array(deviations, float)
    weights = np.full(len(means), 1 / len(means)) if weights is None else weights
    model = GaussianMixture.from_parameters(
        weights, means, deviations**2, covariance_type="diag", reg_covar=0
    )
    return component_table(model, names, width).splitlines()


def test_decimals_follow_the_deviations():
    lines = table_of(
        [[1e8, 1234.5678, 0.1, 0.0, 5e11]], [[1.0, 0.25, 2e-5, 1e-9, 1.0]], list("abcde")
    )
    assert [line.split() for line in lines[3:]] == [
        ["a", "100000000.000", "1.000"],
        ["b", "1234.5678", "0.2500"],
        ["c", "1.00000e-01", "2.00000e-05"],
        ["d", "0.00000e+00", "1.00000e-09"],
        ["e", "5.00000e+11", "1.00000e+00"],
    ]
    assert table_of([[123456.7]], [[54321.0]], ["a"])[3].split() == ["a", "123457", "54321"]


def test_many_components_stay_within_the_width():
    for width in (40, 80, 133):
        lines = table_of(np.arange(20.0).reshape(10, 2), np.ones((10, 2)), ["a", "b"], width)
        assert max(map(len, lines)) <= width
        numbers = [line.split()[1:] for line in lines if line.startswith("component")]
        assert [number for line in numbers for number in line] == [str(k) for k in range(10)]
        assert all(len(line) == len(lines[3]) for line in lines[3:5])
    assert len(table_of([[0.0], [1.0]], [[1.0], [1.0]], ["a"], width=1)) == 4 + 1 + 4


def test_long_names_are_cut_and_small_weights_are_shown():
    name = "a name\nof far too many characters"
    lines = table_of([[0.0], [1.0]], [[1.0], [1.0]], [name], weights=[1 - 1e-5, 1e-5])
    assert lines[1].split() == ["weight", "1.0000", "1.0e-05"]
    assert lines[3].startswith("a name of far too many ch...  ")


# ---------------------------------------------------------------- errors and exit codes


def failed(run, sentence, *words):
    code, out, err = run(*words)
    assert code == 1
    assert out == ""
    assert err == f"fastgmm: error: {sentence}\n"


def test_errors_of_files(run, geyser, tmp_path):
    model, _ = geyser
    missing = tmp_path / "missing.csv"
    failed(run, f"There is no file {missing}.", "fit", missing, "-k", 2)
    failed(run, f"There is no file {missing}.", "score", model, missing)
    nowhere = tmp_path / "nowhere" / "x.png"
    for option in ("-o", "--plot"):
        sentence = f"There is no folder {nowhere.parent} to write {nowhere} to."
        failed(run, sentence, "fit", FAITHFUL, "-k", 2, option, nowhere)
        sentence = f"{tmp_path} is a folder, not a name for a file."
        failed(run, sentence, "fit", FAITHFUL, "-k", 2, option, tmp_path)
    failed(run, f"{nowhere}: No such file or directory.", "score", model, FAITHFUL, "-o", nowhere)
    for words in (("info",), ("sample", "-n", 1), ("score", FAITHFUL)):
        command, *rest = words
        gone = tmp_path / "gone.gmm"
        failed(run, f"{gone}: No such file or directory.", command, gone, *rest)


def test_errors_of_models_are_one_sentence(run, tmp_path):
    path = tmp_path / "model.gmm"
    path.write_bytes(b"not a model")
    for command, *rest in (("info",), ("sample", "-n", 1), ("score", FAITHFUL)):
        code, out, err = run(command, path, *rest)
        assert (code, out) == (1, "")
        assert re.fullmatch(rf"fastgmm: error: {re.escape(str(path))} [^\n]*\n", err)


def test_errors_of_data_are_one_sentence(run, geyser, tmp_path):
    model, _ = geyser
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3,x\n4,5\n")
    sentence = (
        f"{path}, line 3, column 'b': 'x' is not a number; choose columns of numbers with "
        "columns=['a'] (command line: --columns a)."
    )
    failed(run, sentence, "fit", path, "-k", 1)
    failed(run, f"{path} has no column 'eruptions'; it has 'a', 'b'.", "score", model, path)
    sentence = f"{path} has 1 column and the model was fitted on 2; choose them with --columns."
    failed(run, sentence, "score", model, path, "--columns", "a")
    path.write_text("1,2\n3,4\n5,6\n")
    failed(
        run,
        "The table has no column names, so 'w' is not one; choose by number, 0 to 1.",
        *("fit", path, "-k", 1, "--weights", "w"),
    )
    failed(run, f"Column '1' of {path} is chosen twice.",
           "fit", path, "-k", 1, "--columns", "0,1", "--weights", 1)  # fmt: skip


@pytest.mark.parametrize(
    "options", [("-k", 1000), ("-k", 2, "--tol", -1), ("-k", 2, "--reg-covar", "nan")]
)
def test_errors_of_the_fit_are_one_sentence(run, options):
    code, out, err = run("fit", FAITHFUL, *options)
    assert (code, out) == (1, "")
    assert re.fullmatch(r"fastgmm: error: [^\n]+\n", err)


def test_an_unknown_picture_is_refused_before_the_fit(run, monkeypatch, tmp_path):
    monkeypatch.setattr(GaussianMixture, "fit", lambda *_, **__: pytest.fail("it was fitted"))
    code, _, err = run("fit", FAITHFUL, "-k", 2, "--plot", tmp_path / "x.doc")
    assert code == 1
    assert err.startswith(f"fastgmm: error: The picture {tmp_path / 'x.doc'} must end in one of .")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    sentence = "Pictures need matplotlib: pip install 'fastgmm[plot]'."
    failed(run, sentence, "fit", FAITHFUL, "-k", 2, "--plot", tmp_path / "x.png")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    sentence = "Reading CSV needs pyarrow: pip install 'fastgmm[cli]'."
    failed(run, sentence, "fit", FAITHFUL, "-k", 2)


def test_long_errors_become_one_line():
    assert terminal.sentence(ValueError("one\n  two\nthree")) == "one two three"
    assert terminal.sentence(ValueError()) == "ValueError"
    assert terminal.sentence(OSError("no disk")) == "no disk"
    assert terminal.sentence(PermissionError(13, "Permission denied", "x.csv")) == (
        "x.csv: Permission denied."
    )


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "fastgmm: interrupted.\n"),
        (MemoryError(), 1, "fastgmm: error: there is not enough memory for these rows.\n"),
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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fit", "x.csv"], "the following arguments are required: -k/--components"),
        (["fit", "x.csv", "-k", "0"],
         "argument -k/--components: '0' is not a whole number of at least 1\n"),
        (["fit", "x.csv", "-k", "two"],
         "argument -k/--components: 'two' is not a whole number of at least 1\n"),
        (["fit", "x.csv", "-k", "2", "--seed", "4294967296"],
         "argument --seed: '4294967296' is not a whole number of at least 0 and at most 429496729"),
        (["fit", "x.csv", "-k", "2", "--init", "best"], "argument --init: invalid choice: 'best'"),
        (["fit", "x.csv", "-k", "2", "--covariance-type", "none"], "argument --covariance-type: "),
        (["fit", "x.csv", "-k", "2", "--dtype", "int8"], "argument --dtype: invalid choice: "),
        (["sample", "x.gmm"], "the following arguments are required: -n"),
        (["draw"], "invalid choice: 'draw'"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_code_2(capsys, words, sentence):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["score", "-h"], ["info", "-h"]])
def test_help_is_not_an_error(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    assert "usage: fastgmm" in capsys.readouterr().out


# ---------------------------------------------------------------- as a process


def test_the_module_and_the_script_are_the_command():
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"fastgmm {fastgmm.__version__}\n")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"fastgmm": "fastgmm.cli.main:main"}
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


def on_terminal(*words):
    """Run the command with standard error on a terminal; return both streams."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    reader, terminal_end = os.openpty()
    fcntl.ioctl(terminal_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "fastgmm", *map(str, words)]
    shown = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal_end) as running:
        os.close(terminal_end)
        with contextlib.suppress(OSError):  # the terminal is gone when the process is
            while piece := os.read(reader, 4096):
                shown += piece
        os.close(reader)
        out = running.stdout.read().decode()
    assert running.returncode == 0
    return out, shown.decode()


def test_progress_on_a_terminal():
    words = ("fit", FAITHFUL, "-k", 3, "--seed", 0)
    out, shown = on_terminal(*words)
    assert "0/100" in shown
    assert "\n" not in shown
    assert out == process(*words).stdout
    assert on_terminal(*words, "--quiet") == (out, "")
    assert process(*words).stderr == ""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_progress_shows_each_iteration_and_start(monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with terminal.Progress(50, 3, quiet=False) as progress:
        progress._bar.mininterval = 0
        progress._bar.miniters = 0
        for start in range(2):
            assert progress(em.Iteration(1, -5.25, float("inf"), start)) is None
            progress(em.Iteration(2, -4.125, 1.125, start))
    text = shown.getvalue()
    for start in (1, 2):
        for n_iter, numbers in [(1, "-5.250000, change inf"), (2, "-4.125000, change 1.1e+00")]:
            assert re.search(
                rf"start {start} of 3:[^\r]* {n_iter}/50 [^\r]*log-likelihood {re.escape(numbers)}",
                text,
            )
    assert text.rsplit("\r", 2)[1].strip() == ""  # the line is cleared at the end


def test_progress_without_tqdm_is_a_note(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with terminal.Progress(5, 1, quiet=False) as progress:
        progress(em.Iteration(1, -1.0, 1.0))
    note = "fastgmm: note: progress needs tqdm: pip install 'fastgmm[cli]'.\n"
    assert sys.stderr.getvalue() == note
