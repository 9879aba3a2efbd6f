"""
Priors and ``reg_covar="auto"``: what is added to the M-step, and what the units of data change.

mclust_prior.json: estimates of mclust 6.0.0 in R 4.2.2 for 3 components, on faithful and iris, with
"VVV", "EEE", "VVI", "VII", "EEI", "EII", and defaultPrior(X, 3, m); p is priorControl(), and with
shrinkage = 0 for two:

    f <- Mclust(X, G = 3, modelNames = m, prior = p, control = emControl(tol = c(1e-12, 1e-12)))
    me(X, modelName = m, z = f$z, prior = p, control = emControl(tol = c(0, 0), itmax = 200000))

For EEI and EII mclust's EM uses other formulas than the paper and than its own mstep(): there the
file has what EM by the paper's ends with from there.
"""

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import invgamma, invwishart, multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture as Peer

import fastgmm
from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.errors import CollapseWarning, InvalidParameterError
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
STORED = Path(__file__).parents[1] / "stored"
MCLUST = json.loads((STORED / "mclust_prior.json").read_text())
CASES = [(x, kind, name) for x in MCLUST for kind in MCLUST[x] for name in MCLUST[x][kind]]
ARRAYS = ("weights_", "means_", "covariances_")
Rng = np.random.Generator


def assert_same(one: Any, other: Any, rtol: float) -> None:
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol, 1e-12)
    np.testing.assert_allclose(one.lower_bounds_, other.lower_bounds_, rtol)


def default_scale(X: np.ndarray, k: int, name: str) -> np.ndarray:
    """mclust's: matrices for the ellipsoidal models, one number for the others."""
    n, d = X.shape
    variance = np.cov(X, rowvar=False) if n > d else np.diag(X.var(axis=0, ddof=1))
    if name not in ("full", "tied"):
        variance = np.trace(variance) / d
    return variance / k ** (2 / d)


def m_step(X: np.ndarray, r: np.ndarray, name: str, prior: NormalInverseWishart) -> Any:
    """Means and covariances by tables 2 to 4 of Fraley and Raftery 2007; without a prior, too."""
    d, k, n_k = X.shape[1], r.shape[1], r.sum(axis=0)
    mu, kappa, nu, scale = prior.mean, prior.shrinkage, prior.dof, np.asarray(prior.scale)
    average = r.T @ X / n_k[:, None]
    means = (n_k[:, None] * average + kappa * np.asarray(mu)) / (n_k + kappa)[:, None]
    e, off = X - average[:, None], average - mu
    W = np.einsum("nk,kni,knj->kij", r, e, e)
    W += np.einsum("k,ki,kj->kij", kappa * n_k / (kappa + n_k), off, off)
    counts, n_means = n_k, float(kappa > 0)
    if name.startswith("tied"):
        W, counts, n_means = W.sum(axis=0)[None], n_k.sum()[None], k * n_means
    diagonals = np.diagonal(W, axis1=1, axis2=2)
    if name in ("full", "tied"):
        covariances = (scale + W) / (nu + d + 1 + n_means + counts)[:, None, None]
    elif name.endswith("diag"):
        covariances = (scale + diagonals) / (nu + 2 + n_means + counts)[:, None]
    else:
        covariances = (scale + diagonals.sum(axis=1)) / (nu + 2 + d * (n_means + counts))
    return means, covariances[0] if name.startswith("tied") else covariances


def log_prior(model: GaussianMixture, prior: NormalInverseWishart) -> float:
    """By SciPy: inverse Wishart or inverse gamma, one if tied, and a normal per mean."""
    matrices = model.covariance_type in ("full", "tied")
    tied = model.covariance_type.startswith("tied")
    own = [model.covariances_] if tied else list(model.covariances_)
    if matrices:
        total = sum(invwishart.logpdf(c, prior.dof, prior.scale) for c in own)
    else:
        scale = np.asarray(prior.scale) / 2
        total = sum(np.sum(invgamma.logpdf(c, prior.dof / 2, scale=scale)) for c in own)
    for k, mean in enumerate(model.means_ if prior.shrinkage > 0 else ()):
        c = own[0 if tied else k] / prior.shrinkage
        total += multivariate_normal.logpdf(mean, prior.mean, c if matrices else np.eye(4) * c)
    return float(total)


@pytest.fixture
def start(covariance_type: str, rng: Rng) -> Any:
    """Rows of a mixture, and parameters of a model that begins with something near it."""
    mixture = correlated_mixture(3, 4, rng, separation=2.0)
    params = {"weights_init": mixture.weights, "means_init": mixture.means + rng.normal(size=4)}
    params["precisions_init"] = mixture.precisions_as(covariance_type)
    params |= {"covariance_type": covariance_type, "reg_covar": 0.0}
    return mixture.sample(90, rng)[0], params


def given_prior(covariance_type: str, rng: Rng, shrinkage: float) -> NormalInverseWishart:
    scale: Any = 0.7 if covariance_type.endswith("spherical") else rng.uniform(0.5, 2.0, 4)
    if covariance_type in ("full", "tied"):
        scale = np.cov(rng.normal(size=(4, 9)))
    return NormalInverseWishart(rng.normal(size=4), shrinkage, 7.5, scale)


@pytest.mark.parametrize("shrinkage", [0.0, 0.01, 3.0, None])
@pytest.mark.parametrize(("given", "weighted"), [(False, False), (True, False), (True, True)])
def test_the_m_step(shrinkage: Any, given: bool, weighted: bool, start: Any, rng: Rng) -> None:
    """The paper's; None for shrinkage: no prior at all, of which the divisors are the weights."""
    X, params = start
    name, d = params["covariance_type"], 4
    weight = rng.integers(1, 4, 90).astype(float) if weighted else np.ones(90)
    asked = prior = given_prior(name, rng, shrinkage or 0.0)
    if shrinkage is None:  # what the formulas add is taken back
        dof = -d - 1 if name in ("full", "tied") else -2
        asked, prior = None, NormalInverseWishart(np.zeros(d), 0.0, dof, 0.0)
    elif not given:
        asked, scale = NormalInverseWishart(shrinkage=shrinkage), default_scale(X, 3, name)
        prior = NormalInverseWishart(X.mean(axis=0), shrinkage, d + 2, scale)
    w, models = weight if weighted else None, [GaussianMixture(3, **params) for _ in range(3)]
    for n, model in enumerate(models):
        model.set_params(prior=asked, max_iter=n).fit(X, sample_weight=w)
    begin, once, twice = models
    r = begin.predict_proba(X) * weight[:, None]
    means, covariances = m_step(X, r, name, prior)
    np.testing.assert_allclose(once.weights_, r.sum(axis=0) / weight.sum(), rtol=1e-10)
    np.testing.assert_allclose(once.means_, means, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(once.covariances_, covariances, rtol=1e-8, atol=1e-10)
    rise = weight @ (once.score_samples(X) - begin.score_samples(X))
    if asked is not None:
        rise += log_prior(once, prior) - log_prior(begin, prior)
    assert np.diff(twice.lower_bounds_)[0] * weight.sum() == pytest.approx(rise, rel=1e-8)


@pytest.mark.parametrize(("data", "kind", "covariance_type"), CASES)
def test_mclust_ends_where_we_do(data: str, kind: str, covariance_type: str) -> None:
    X = load_iris().data
    if data == "faithful":
        X = np.loadtxt(STORED.parents[1] / "data" / "faithful.csv", delimiter=",", skiprows=1)
    known = MCLUST[data][kind][covariance_type]
    covariances, matrix = np.array(known["covariances"]), covariance_type in ("full", "tied")
    params = {"covariance_type": covariance_type, "reg_covar": 0.0, "tol": 0.0}
    params |= {"weights_init": known["weights"], "means_init": known["means"]}
    params["precisions_init"] = np.linalg.inv(covariances) if matrix else 1 / covariances
    asked = ({"shrinkage": known["prior"]["shrinkage"]}, known["prior"])
    priors = [NormalInverseWishart(**one) for one in asked]
    ours, given = (GaussianMixture(3, prior=p, max_iter=20, **params).fit(X) for p in priors)
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(ours, name), known[name[:-1]], rtol=1e-6, atol=1e-8)
    assert ours.score_samples(X).sum() == pytest.approx(known["log_likelihood"], rel=1e-8)
    assert_same(ours, given, rtol=1e-9)


@pytest.mark.parametrize("acceleration", [None, "lbfgs"])
def test_the_lower_bound_never_falls(start: Any, acceleration: Any, rng: Rng) -> None:
    X, params = start
    prior = given_prior(params["covariance_type"], rng, 0.5)
    model = GaussianMixture(3, prior=prior, acceleration=acceleration, **params)
    model.set_params(tol=0.0, max_iter=80).fit(X, sample_weight=rng.uniform(0.2, 3.0, len(X)))
    assert np.diff(model.lower_bounds_).min() > -1e-11


@pytest.mark.parametrize("shape", [(12, 5), (20, 13), (13, 13), (6, 8)])
def test_components_of_few_rows_do_not_collapse(shape: Any, covariance_type: str, rng: Rng) -> None:
    """With no more rows than columns, too: the default scale is then mclust's, a diagonal."""
    X = rng.normal(size=shape) + 10.0 * (np.arange(shape[0]) % 2)[:, None]
    model = GaussianMixture(2, covariance_type=covariance_type, reg_covar=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        model.set_params(prior=NormalInverseWishart(), random_state=0).fit(X)
    assert model.repairs_ == []
    matrices = covariance_type in ("full", "tied")
    assert (np.linalg.eigvalsh(model.covariances_) if matrices else model.covariances_).min() > 1e-3


@pytest.mark.parametrize("given", [False, True])
def test_weights_and_batches_are_rows(given: bool, start: Any, rng: Rng) -> None:
    X, params = start
    model, n = GaussianMixture(3, max_iter=10, tol=0.0, **params), rng.integers(1, 4, len(X))
    prior = given_prior(model.covariance_type, rng, 0.1) if given else NormalInverseWishart()
    plain = clone(model.set_params(prior=prior)).fit(X)
    assert_same(clone(model).fit_batches(np.array_split(X, 7)), plain, 1e-8)
    assert_same(clone(model).fit(X, sample_weight=np.ones(len(X))), plain, 1e-10)
    repeated = clone(model).fit(np.repeat(X, n, axis=0))
    assert_same(model.fit(X, sample_weight=n), repeated, 1e-8)


def test_a_stream_begins_with_the_prior(covariance_type: str, rng: Rng) -> None:
    """Later updates have rows enough without; an M-step by hand has what the fit had."""
    X = rng.normal(size=(12, 5)) + 10.0 * (np.arange(12) % 2)[:, None]
    params = {"covariance_type": covariance_type, "random_state": 0, "reg_covar": 0.0}
    model = GaussianMixture(2, prior=NormalInverseWishart(), **params)
    fitted = clone(model).fit(X)
    assert_same(model.partial_fit(X[:7]).partial_fit(X[7:]), fitted, 1e-10)
    streaming, statistics = clone(model).fit(X).partial_fit(X[:1]), fitted.e_step(X)
    expected = fitted.m_step(statistics).covariances_
    np.testing.assert_allclose(streaming.m_step(statistics).covariances_, expected)


def test_copies_keep_the_prior(start: Any, rng: Rng, tmp_path: Path) -> None:
    X, params = start
    prior = given_prior(params["covariance_type"], rng, 0.2)
    assert prior == pickle.loads(pickle.dumps(prior)) != NormalInverseWishart()
    for one in (prior, NormalInverseWishart(), None):
        model = GaussianMixture(3, prior=one, max_iter=5, **params).fit(X)
        assert model.get_params()["prior"] is one
        model.save(tmp_path / "model.gmm")
        expected = clone(model).fit(X).m_step(model.e_step(X)).covariances_
        for copy in (fastgmm.load(tmp_path / "model.gmm"), pickle.loads(pickle.dumps(model))):
            assert copy.prior == one
            np.testing.assert_array_equal(copy.m_step(model.e_step(X)).covariances_, expected)
            assert_same(copy.fit(X), model, 1e-12)


WRONG = [
    ("shrinkage", {"shrinkage": -1.0}), ("shrinkage", {"shrinkage": np.inf}),
    ("shrinkage", {"shrinkage": None}), ("dof", {"dof": 0}), ("dof", {"dof": "many"}),
    ("dof", {"dof": "9"}),
    ("mean", {"mean": [0.0, np.nan]}), ("mean", {"mean": [0.0] * 3}), ("mean", {"mean": "ab"}),
    ("mean", {"mean": [0.0] * 3, "scale": 1.0}), ("mean", {"mean": 0.0, "scale": 1.0}),
    ("scale", {"scale": -1.0}), ("scale", {"scale": np.nan}), ("scale", {"scale": np.eye(3)}),
    ("scale", {"scale": [[1.0, 2.0], [2.0, 1.0]]}), ("scale", {"scale": np.ones((2, 3))}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_a_wrong_prior_is_one_sentence(name: str, wrong: dict[str, Any], rng: Rng) -> None:
    for kind in ("diag", "tied_spherical", "full")[: 4 - len(wrong)]:  # no full one with scale 1
        prior = NormalInverseWishart(**wrong)
        with pytest.raises(ValueError, match=rf"^the prior's {name} must [^\n]*\.$"):
            GaussianMixture(2, covariance_type=kind, prior=prior).fit(rng.normal(size=(20, 2)))


@pytest.mark.parametrize(("weighted", "batched"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("scale", [1e9, 1e-9, (1e9, 1e-9, 1.0)])
def test_auto_does_not_see_units(
    scale: Any, weighted: bool, batched: bool, covariance_type: str, rng: Rng
) -> None:
    """One variance for all columns has no units but common ones."""
    if covariance_type.endswith("spherical") and not isinstance(scale, float):
        scale = 1e9
    X, labels = correlated_mixture(3, 3, rng)._replace(means=40.0 * np.eye(3)).sample(150, rng)
    weight = rng.uniform(0.2, 3.0, 150) if weighted else np.ones(150)
    params = {"covariance_type": covariance_type, "reg_covar": "auto", "random_state": 0}
    plain, scaled = (GaussianMixture(3, tol=1e-7, **params) for _ in range(2))
    factor = scale * np.ones(3)
    for model, rows in ((plain, X), (scaled, X * factor)):
        if batched:
            model.fit_batches([(rows[i : i + 40], weight[i : i + 40]) for i in range(0, 150, 40)])
        else:
            model.fit(rows, sample_weight=weight if weighted else None)
    np.testing.assert_array_equal(scaled.predict(X * factor), plain.predict(X))
    assert len(set(zip(plain.predict(X), labels, strict=True))) == 3
    np.testing.assert_allclose(scaled.means_ / factor, plain.means_, rtol=1e-8, atol=1e-8)
    expected = plain.lower_bound_ - np.log(factor).sum()
    assert scaled.lower_bound_ == pytest.approx(expected, abs=1e-8)


def test_the_ridge_is_a_share_of_each_column_or_absolute(covariance_type: str, rng: Rng) -> None:
    X, weight = rng.normal(size=(50, 3)) * [1.0, 30.0, 0.2], rng.uniform(0.2, 3.0, 50)
    for w in (None, weight):
        variances = np.average((X - np.average(X, axis=0, weights=w)) ** 2, axis=0, weights=w)
        for reg_covar, ridge in (("auto", 1e-6 * variances), (0.5, np.full(3, 0.5))):
            model = GaussianMixture(covariance_type=covariance_type, reg_covar=reg_covar)
            found = model.fit(X, sample_weight=w).covariances_
            if covariance_type in ("full", "tied"):
                found = np.diagonal(found, axis1=-2, axis2=-1)
            one = covariance_type.endswith("spherical")
            expected = (variances + ridge).mean() if one else variances + ridge
            np.testing.assert_allclose(found.squeeze(), expected, rtol=1e-10)
            if w is None and reg_covar == 0.5 and not covariance_type.startswith("tied_"):
                peer = Peer(covariance_type=covariance_type, reg_covar=0.5).fit(X)
                np.testing.assert_allclose(model.covariances_, peer.covariances_, rtol=1e-10)


@pytest.mark.parametrize("value", [0.0, 0.1, 2024.0, 1e8 + 0.1])
def test_a_constant_column(value: float, covariance_type: str, rng: Rng) -> None:
    """It tells no rows apart, whatever its value."""
    X = correlated_mixture(3, 2, rng, separation=6.0).sample(150, rng)[0]
    params = {"covariance_type": covariance_type, "reg_covar": "auto", "random_state": 0}
    constant, zeros = (
        GaussianMixture(3, **params).fit(np.c_[X, np.full(150, c)]) for c in (value, 0.0)
    )
    assert constant.repairs_ == []
    np.testing.assert_allclose(constant.means_[:, :2], zeros.means_[:, :2], rtol=1e-3)
    if covariance_type.endswith("spherical"):
        np.testing.assert_allclose(constant.covariances_, zeros.covariances_, rtol=1e-3)


@pytest.mark.parametrize("wrong", ["AUTO", "1e-6", -1.0, None, np.inf, np.nan])
def test_a_wrong_ridge_is_one_sentence(wrong: Any) -> None:
    meant = r" Did you mean 'auto'\?" if wrong == "AUTO" else ""
    match = rf"The 'reg_covar' parameter .* must be a float .*\. Got {wrong!r} instead\.{meant}$"
    with pytest.raises(InvalidParameterError, match=match):
        GaussianMixture(reg_covar=wrong).fit(np.eye(3))
    with pytest.raises(InvalidParameterError, match=r"'prior' parameter .*Wishart or None\."):
        GaussianMixture(prior=wrong or "no").fit(np.eye(3))


def test_light_weights_are_in_units_of_their_mean(
    covariance_type: str, rng: np.random.Generator
) -> None:
    """The prior counts for rows, whatever one weighs."""
    rows = correlated_mixture(2, 2, rng, separation=4.0).sample(90, rng)[0]
    for prior in (NormalInverseWishart(), NormalInverseWishart(dof=9.0, shrinkage=3.0)):
        params = {"covariance_type": covariance_type, "prior": prior, "random_state": 0}
        expected = GaussianMixture(2, **params).fit(rows)
        model = GaussianMixture(2, **params).fit(rows, sample_weight=np.full(90, 1e-3))
        np.testing.assert_allclose(model.covariances_, expected.covariances_, rtol=1e-8)
        assert model.lower_bound_ == pytest.approx(expected.lower_bound_, abs=1e-9)
