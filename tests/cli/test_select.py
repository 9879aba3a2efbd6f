"""`fastgmm select`: the table it prints, the files it writes, and every sentence."""

import csv

import numpy as np
import pytest

import fastgmm
from commands import FAITHFUL
from fastgmm.cli import fit as fit_commands
from fastgmm.cli.main import main
from fastgmm.sources import read_table


@pytest.fixture
def run(capsys):
    """Run `fastgmm select` in this process and return its exit code, output and errors."""

    def call(*words):
        capsys.readouterr()
        code = main(["select", *map(str, words)])
        return code, *capsys.readouterr()

    return call


def test_it_prints_the_criterion_and_the_best(run):
    code, out, err = run(FAITHFUL, "-k", "1-4", "--covariance-types", "tied,full", "--seed", 0)
    assert (code, err) == (0, "")
    first, _, head, *lines = out.splitlines()
    assert first == "BIC, lower is better; * the best of the fits"
    assert head.split() == ["components", "tied", "full"]
    chosen = fastgmm.select(
        read_table(FAITHFUL).rows, range(1, 5), ["tied", "full"], random_state=0
    )
    values = {(one.covariance_type, one.n_components): one.bic for one in chosen.table}
    for number, line in zip(range(1, 5), lines, strict=False):
        star = "*" if number == 3 else ""
        tied, full = (f"{values[kind, number]:.2f}" for kind in ("tied", "full"))
        assert line.split() == [str(number), tied + star, full]
    assert lines[5] == "3 components, tied covariance, fitted to 272 rows of 2 columns"
    facts = dict(line.rsplit(maxsplit=1) for line in lines[-5:])
    assert float(facts["BIC"]) == pytest.approx(chosen.best.bic, abs=1e-3)


@pytest.mark.parametrize("criterion", ["bic", "icl", "aic"])
def test_files(run, tmp_path, criterion):
    model, table, picture = (tmp_path / name for name in ("best.gmm", "fits.csv", "fits.png"))
    words = ["-k", "1,2-3", "--covariance-types", "full,diag", "--criterion", criterion]
    pytest.importorskip("matplotlib")
    code, _, err = run(
        FAITHFUL, *words, "--seed", 1, "-o", model, "--table", table, "--plot", picture, "-q"
    )
    assert (code, err) == (0, "")
    with open(table, encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(one["covariance_type"], one["n_components"]) for one in lines] == [
        (kind, str(k)) for kind in ("full", "diag") for k in (1, 2, 3)
    ]
    best = min(lines, key=lambda one: float(one[criterion]))
    saved = fastgmm.load(model)
    assert saved.covariance_type == best["covariance_type"]
    assert len(saved.weights_) == int(best["n_components"])
    assert saved.feature_names_in_.tolist() == ["eruptions", "waiting"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_option_reaches_the_fits(run, monkeypatch):
    chosen = []

    def select(*args, **options):
        chosen.append(fastgmm.select(*args, **options))
        return chosen[0]

    monkeypatch.setattr(fit_commands, "select", select)
    words = ["--n-init", 2, "--init", "kmeans", "--max-iter", 50, "--reg-covar", "auto"]
    words += ["--on-collapse", "warn", "--threads", 1, "--weights", "waiting"]
    assert run(FAITHFUL, "-k", 2, "--covariance-types", "diag", *words)[0] == 0
    expected = {
        "n_components": 2,
        "covariance_type": "diag",
        "n_init": 2,
        "init_params": "kmeans",
        "max_iter": 50,
        "reg_covar": "auto",
        "on_collapse": "warn",
    }
    assert chosen[0].model.get_params().items() >= expected.items()
    assert chosen[0].model.n_features_in_ == 1


def test_what_cannot_be_fitted_is_a_dash_and_a_note(run, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(5, 2)))
    code, out, err = run(path, "-k", "1,6", "--covariance-types", "tied_spherical", "--seed", 0)
    assert code == 0
    assert err.startswith("fastgmm: note: could not fit tied_spherical 6: Expected n_samples")
    assert out.splitlines()[4].split() == ["6", "-"]


def test_a_collapse_has_a_mark_and_is_not_the_best(run, tmp_path):
    """A component on a few equal rows has a likelihood without a bound, and the lowest BIC."""
    rng = np.random.default_rng(0)
    path = tmp_path / "x.npy"
    np.save(path, np.concatenate([rng.normal(size=(100, 2)), np.full((20, 2), 5.0)]))
    code, out, _ = run(path, "-k", "1-2", "--covariance-types", "diag", "--seed", 0)
    assert code == 0
    first, _, _, one, two, *_ = out.splitlines()
    assert first.endswith("; ! a component has collapsed, or nearly")
    assert one.endswith("*")
    assert two.endswith("!")
    assert float(two.split()[1][:-1]) < float(one.split()[1][:-1])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-k", "3-1"], "'3-1' is an empty range: write 1-3"),
        (["-k", "0-2"], "'0' is not a whole number of at least 1"),
        (["-k", "two"], "'two' is not a whole number of at least 1"),
        (["--covariance-types", "full,round"], "'round' is not one of full, tied, diag,"),
        (["--reg-covar", "much"], "'much' is not a number or 'auto'"),
    ],
)
def test_wrong_words(run, capsys, words, sentence):
    with pytest.raises(SystemExit) as end:
        run(FAITHFUL, *words)
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-o", "--table", "--plot"])
def test_places_are_checked_before_the_fits(run, monkeypatch, option):
    monkeypatch.setattr(fit_commands, "select", lambda *_, **__: pytest.fail("it was fitted"))
    code, out, err = run(FAITHFUL, option, "/no/folder/x.png")
    assert (code, out) == (1, "")
    assert err.startswith("fastgmm: error: There is no folder")
