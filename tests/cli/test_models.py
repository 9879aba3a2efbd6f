"""Posteriors by the command line: fitted, saved, used, and which options go with them."""

import csv
import io
import json

import numpy as np
import pytest

from commands import FAITHFUL
from fastgmm import BayesianGaussianMixture
from fastgmm.sources import read_table


@pytest.fixture
def posterior(run, tmp_path):
    """Return the path of a posterior of the Old Faithful data, and the same fit by hand."""
    path = tmp_path / "posterior.gmm"
    words = ["--bayesian", "--prune", "--seed", "0", "--max-iter", "300", "-o", path]
    code, _, err = run("fit", FAITHFUL, "-k", 6, *words)
    assert (code, err) == (0, "")
    table = read_table(FAITHFUL)
    model = BayesianGaussianMixture(n_components=6, prune=True, random_state=0, max_iter=300)
    return path, model.fit(table), table


def test_a_posterior_is_the_fit_of_the_class(posterior):
    path, model, _ = posterior
    loaded = BayesianGaussianMixture.load(path)
    assert loaded.n_components == 6
    assert loaded.prune
    np.testing.assert_array_equal(loaded.means_, model.means_)
    assert loaded.feature_names_in_.tolist() == ["eruptions", "waiting"]


def test_it_is_printed(run):
    code, out, _ = run("fit", FAITHFUL, "-k", 3, "--bayesian", "--seed", 0, "--max-iter", 300)
    facts = dict(line.rsplit(maxsplit=1) for line in out.splitlines()[-6:])
    model = BayesianGaussianMixture(n_components=3, random_state=0, max_iter=300)
    model.fit(read_table(FAITHFUL))
    assert code == 0
    assert facts["lower bound of all rows"] == f"{model.lower_bound_:.3f}"
    assert facts["converged"] == "yes"


@pytest.mark.parametrize("words", [["--stream"], ["--stream", "--json"]])
def test_it_is_fitted_in_batches(run, words):
    pytest.importorskip("pyarrow")
    fit = ["fit", FAITHFUL, "-k", 3, "--bayesian", "--seed", 0, "--max-iter", 300]
    code, out, err = run(*fit, *words)
    assert (code, err) == (0, "")
    model = BayesianGaussianMixture(n_components=3, random_state=0, max_iter=300)
    model.fit(read_table(FAITHFUL))
    if "--json" in words:
        facts = json.loads(out)
        assert facts["log_likelihood"] is None
        assert facts["model"]["lower_bound"] == pytest.approx(model.lower_bound_)
    else:
        assert f"lower bound of all rows  {model.lower_bound_:.3f}"[:-2] in out


def test_options_reach_the_posterior(run, tmp_path):
    path = tmp_path / "a.gmm"
    words = ["--bayesian", "--concentration", "0.5", "--weights-prior", "distribution"]
    more = ["--covariance-type", "tied", "--acceleration", "none", "--tol", "0.1", "--threads", "2"]
    assert run("fit", FAITHFUL, "-k", 2, *words, *more, "-o", path, "--max-iter", 400)[0] == 0
    model = BayesianGaussianMixture.load(path)
    assert model.weight_concentration_prior_ == 0.5
    assert model.weight_concentration_prior_type == "dirichlet_distribution"
    assert (model.covariance_type, model.acceleration, model.tol) == ("tied", None, 0.1)


def test_it_is_used_as_other_models_are(run, posterior):
    path, model, table = posterior
    code, out, _ = run("score", path, FAITHFUL)
    assert code == 0
    lines = list(csv.DictReader(io.StringIO(out)))
    densities = [float(line["log_density"]) for line in lines]
    np.testing.assert_allclose(densities, model.score_samples(table), rtol=1e-12)
    code, out, _ = run("info", path)
    assert code == 0
    assert out.startswith(f"{len(model.weights_)} components, full covariance, fitted to 272 rows")
    assert len(run("sample", path, "-n", 5, "--seed", 1)[1].splitlines()) == 6
    facts = json.loads(run("info", path, "--json")[1])
    assert facts["weights"] == pytest.approx(model.weights_.tolist())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--prune"], "--prune is for posteriors: add --bayesian, or leave it out."),
        (["--concentration", "1"], "--concentration is for posteriors: add --bayesian, or leave"),
        (["--weights-prior", "process"], "--weights-prior is for posteriors: add --bayesian"),
        (["--bayesian", "--gap-tol", "1e-3"], "--gap-tol does not go with --bayesian"),
        (["--bayesian", "--on-collapse", "warn"], "--on-collapse does not go with --bayesian"),
        (["--bayesian", "--gaps", "em"], "--gaps em does not go with --bayesian"),
        (["--bayesian", "--checkpoint", "x"], "--checkpoint does not go with --bayesian"),
    ],
)
def test_options_that_do_not_go_together(run, words, sentence):
    code, out, err = run("fit", FAITHFUL, "-k", 2, *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"fastgmm: error: {sentence}")


def test_what_posteriors_cannot_do(run, posterior):
    path, _, _ = posterior
    code, _, err = run("score", path, FAITHFUL, "--gaps", "em")
    assert code == 1
    assert "is a posterior, which takes no rows with gaps" in err
    code, _, err = run("impute", path, FAITHFUL)
    assert code == 1
    assert "holds a fastgmm posterior, not a model" in err
