"""Labels: EM by its definition, the supervised estimate, the same bits, mclust's numbers.

mclust's are those of R 4.2.2 with mclust 6.0.0-1, after

    library(mclust); ctl <- emControl(tol = c(0, 0), itmax = c(3000, 3000))
    lab <- as.character(class); lab[(seq_along(lab) - 1) %% step != 0] <- NA
    m <- mclust:::MclustSSC.fit(X, lab, G = G, modelName = model, control = ctl); m$loglik

where X is iris[, 1:4], class iris$Species, step 5 and G 3; or X is faithful, class is "a" where
eruptions < 3, else "b", step 20 and G 2.  (`MclustSSC` itself does not hand the control on.)
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.datasets import load_iris

from fastgmm import GaussianMixture, SufficientStatistics
from fastgmm.data import labels as of_labels
from support import COVARIANCE_TYPES, correlated_mixture, in_shape_of, matrices_of

DATA = Path(__file__).parents[2] / "data"
NAMES = ("weights_", "means_", "covariances_")
K = 4
MCLUST = {
    "iris": {
        "full": -182.20625749270795,
        "tied": -258.01343618608195,
        "diag": -307.3761206376987,
        "spherical": -384.83796142447932,
        "tied_diag": -361.90427938419168,
        "tied_spherical": -402.24433757209681,
    },
    "faithful": {
        "full": -1130.2641646287186,
        "tied": -1140.1867783636956,
        "diag": -1147.8063596462976,
        "spherical": -1709.5295395782493,
        "tied_diag": -1157.6800127652041,
        "tied_spherical": -1709.681732871165,
    },
}
"""Log-likelihoods, in which a labelled row counts with its own component."""
MCLUST_MEANS_OF_VVV = [5.0060000000000011, 5.9176462981030511, 6.5635444251078026]
"""The means of the first column of iris."""


class Rows(NamedTuple):
    """Rows with weights and allowed sets, and where EM begins."""

    X: np.ndarray
    weight: np.ndarray
    allowed: np.ndarray
    begin: GaussianMixture


def rows_of(kind: Any, dtype: Any, rng: np.random.Generator, n: int = 3000, d: int = 3) -> Rows:
    """Return rows of which a third has no label, a third one component, a third several."""
    truth = correlated_mixture(K, d, rng)
    X, labels = truth.sample(n, rng)
    allowed = np.eye(K, dtype=bool)[labels]
    allowed[: n // 3] = True
    allowed[n // 3 : 2 * n // 3] |= rng.random((2 * n // 3 - n // 3, K)) < 0.4
    order = rng.permutation(n)
    begin = GaussianMixture.from_parameters(
        truth.weights, truth.means + 0.3, truth.covariances_as(kind), covariance_type=kind
    )
    return Rows(X[order].astype(dtype), rng.exponential(size=n), allowed[order], begin)


def expected_sums(rows: Rows, kind: Any) -> dict[str, np.ndarray]:
    """Return the sums of the E-step by their definition, about the means; NaN is a gap."""
    X, begin = rows.X.astype(float), rows.begin
    matrices = matrices_of(kind, begin.covariances_, begin.means_)
    n, d = X.shape
    joint, filled, spare = np.zeros((n, K)), np.zeros((n, K, d)), np.zeros((n, K, d, d))
    for i, x in enumerate(X):
        seen = ~np.isnan(x)
        for k, (mean, matrix) in enumerate(zip(begin.means_, matrices, strict=True)):
            filled[i, k] = x
            if seen.all():
                continue
            gain = matrix[np.ix_(~seen, seen)] @ np.linalg.pinv(matrix[np.ix_(seen, seen)])
            filled[i, k, ~seen] = mean[~seen] + gain @ (x - mean)[seen]
            spare[i, k][np.ix_(~seen, ~seen)] = (
                matrix[np.ix_(~seen, ~seen)] - gain @ matrix[np.ix_(seen, ~seen)]
            )
    for pattern in np.unique(~np.isnan(X), axis=0):
        some = (~np.isnan(X) == pattern).all(axis=1)
        for k, (mean, matrix) in enumerate(zip(begin.means_, matrices, strict=True)):
            if pattern.any():
                part = multivariate_normal(mean[pattern], matrix[np.ix_(pattern, pattern)])
                joint[some, k] = part.logpdf(X[some][:, pattern])
    joint = np.where(rows.allowed, joint + np.log(begin.weights_), -np.inf)
    density = logsumexp(joint, axis=1)
    shares = rows.weight[:, None] * np.exp(joint - density[:, None])
    apart = filled - begin.means_
    second = np.einsum("nk,nki,nkj->kij", shares, apart, apart)
    second += np.einsum("nk,nkij->kij", shares, spare)
    return {
        "component_weight": shares.sum(axis=0),
        "first_moment": np.einsum("nk,nki->ki", shares, apart),
        "second_moment": second,
        "log_likelihood": rows.weight @ density,
    }


def assert_sums(got: SufficientStatistics, rows: Rows, kind: Any, rtol: float) -> None:
    expected = expected_sums(rows, kind)
    second = expected["second_moment"]
    if kind.startswith("tied"):
        second = second.sum(axis=0)
    if kind.endswith("diag"):
        second = np.diagonal(second, axis1=-2, axis2=-1)
    if kind.endswith("spherical"):
        second = np.trace(second, axis1=-2, axis2=-1)
    expected["second_moment"] = second
    about = rows.begin.means_.astype(rows.X.dtype).astype(float)
    assert np.abs(got.reference - about).max() == 0.0
    for name, value in expected.items():
        atol = rtol * np.abs(value).max()
        np.testing.assert_allclose(getattr(got, name), value, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize("d", [3, 7])
@pytest.mark.parametrize("least", [1, 400, 100_000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_e_step_is_that_of_the_definition(
    kind: Any, dtype: Any, least: int, d: int, rng: np.random.Generator, monkeypatch: Any
) -> None:
    """Whether sets are evaluated one by one or together."""
    monkeypatch.setattr(of_labels, "FEWEST_ROWS", least)
    rows = rows_of(kind, dtype, rng, 3000, d)
    rows.begin.set_params(n_threads=1)
    got = rows.begin.e_step(rows.X, sample_weight=rows.weight, labels=rows.allowed)
    assert_sums(got, rows, kind, 1e-12 if dtype is np.float64 else 3e-6)
    assert got.weight == pytest.approx(rows.weight.sum())
    assert got.n_samples == 3000


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_gaps_and_labels_together(kind: Any, dtype: Any, rng: np.random.Generator) -> None:
    rows = rows_of(kind, dtype, rng, 600)
    rows.X[rng.random(rows.X.shape) < 0.2] = np.nan
    rows.begin.set_params(missing="em")
    got = rows.begin.e_step(rows.X, sample_weight=rows.weight, labels=rows.allowed)
    assert_sums(got, rows, kind, 1e-12 if dtype is np.float64 else 3e-6)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_one_class_per_label_is_the_supervised_estimate(
    kind: Any, rng: np.random.Generator
) -> None:
    X, labels = correlated_mixture(K, 3, rng).sample(500, rng)
    weight = rng.integers(1, 4, 500).astype(float)
    model = GaussianMixture(K, covariance_type=kind, reg_covar=0.0)
    model.fit(X, labels=labels, sample_weight=weight)
    held = np.bincount(labels, weight)
    np.testing.assert_array_equal(model.weights_, held / held.sum())
    means = np.array([np.average(X[labels == k], 0, weight[labels == k]) for k in range(K)])
    np.testing.assert_allclose(model.means_, means, rtol=1e-14, atol=1e-14)
    spreads = [np.cov(X[labels == k].T, aweights=weight[labels == k], bias=True) for k in range(K)]
    expected = in_shape_of(kind, np.array(spreads), held)
    np.testing.assert_allclose(model.covariances_, expected, rtol=1e-13, atol=1e-14)
    assert model.converged_
    for k in range(K):  # each class alone is a fit of its rows
        if kind.startswith("tied"):
            break
        alone = GaussianMixture(1, covariance_type=kind, reg_covar=0.0)
        alone.fit(X[labels == k], sample_weight=weight[labels == k])
        np.testing.assert_allclose(model.means_[k], alone.means_[0], rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(
            model.covariances_[k], alone.covariances_[0], rtol=1e-13, atol=1e-14
        )


@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
def test_a_fit_is_em_by_its_definition(kind: Any, rng: np.random.Generator) -> None:
    """Iteration by iteration; the bound never falls, accelerated or not."""
    rows = rows_of(kind, np.float64, rng, 900)
    begin = rows.begin
    given = {
        "weights_init": begin.weights_,
        "means_init": begin.means_,
        "precisions_init": begin.precisions_,
    }
    model = GaussianMixture(K, covariance_type=kind, reg_covar=0.0, tol=0.0, max_iter=6, **given)
    with pytest.warns(Warning, match="did not converge"):
        model.fit(rows.X, labels=rows.allowed, sample_weight=rows.weight)
    here = GaussianMixture.from_parameters(
        begin.weights_, begin.means_, begin.covariances_, covariance_type=kind, reg_covar=0.0
    )
    for bound in model.lower_bounds_:
        sums = here.e_step(rows.X, labels=rows.allowed, sample_weight=rows.weight)
        assert bound == pytest.approx(sums.log_likelihood / sums.weight, rel=1e-12)
        here.m_step(sums)
    for name in NAMES:
        np.testing.assert_allclose(getattr(model, name), getattr(here, name), rtol=1e-9)
    for acceleration in (None, "lbfgs"):
        long = GaussianMixture(
            K, covariance_type=kind, tol=1e-9, max_iter=500, acceleration=acceleration, **given
        ).fit(rows.X, labels=rows.allowed)
        assert (np.diff(long.lower_bounds_) > -1e-12).all()


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_and_batches_do_not_show(gaps: bool, dtype: Any, rng: np.random.Generator) -> None:
    rows = rows_of("full", dtype, rng, 20_000)
    X, allowed, weight = rows.X, rows.allowed, rows.weight
    if gaps:
        X[rng.random(X.shape) < 0.1] = np.nan
    params: dict[str, Any] = {"random_state": 0, "missing": "em" if gaps else "error"}
    seen: list[Any] = []
    found = [
        GaussianMixture(K, n_threads=n, **params).fit(
            X, labels=allowed, sample_weight=weight, callback=callback
        )
        for n, callback in ((1, None), (3, None), (3, seen.append))
    ]
    for other in found[1:]:
        for name in NAMES:
            assert getattr(found[0], name).tobytes() == getattr(other, name).tobytes()
    assert len(seen) == found[0].n_iter_
    cut = [3000, 3001, 11_000]
    triples = list(
        zip(np.split(X, cut), np.split(weight, cut), np.split(allowed, cut), strict=True)
    )
    batched = [GaussianMixture(K, n_threads=n, **params).fit_batches(triples) for n in (1, 3)]
    for name in NAMES:
        assert getattr(batched[0], name).tobytes() == getattr(batched[1], name).tobytes()
        np.testing.assert_allclose(
            getattr(batched[0], name), getattr(found[0], name), rtol=0, atol=0.02
        )
    assert batched[0].lower_bound_ == pytest.approx(found[0].lower_bound_, abs=2e-3)


def test_no_labels_are_the_same_fit(rng: np.random.Generator) -> None:
    X = rows_of("full", np.float64, rng, 500).X
    plain = GaussianMixture(K, random_state=0).fit(X)
    for unknown in (np.full(500, -1), np.ones((500, K), bool)):
        model = GaussianMixture(K, random_state=0).fit(X, labels=unknown)
        assert all(
            getattr(model, name).tobytes() == getattr(plain, name).tobytes() for name in NAMES
        )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("data", ["iris", "faithful"])
def test_mclusts_numbers(data: str, kind: Any, seed: int) -> None:
    if data == "iris":
        X, classes = load_iris(return_X_y=True)
        step = 5
    else:
        X = np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1)
        classes, step = (X[:, 0] >= 3).astype(int), 20
    labels = np.where(np.arange(len(X)) % step == 0, classes, -1)
    model = GaussianMixture(
        classes.max() + 1,
        covariance_type=kind,
        reg_covar=0.0,
        tol=1e-13,
        gap_tol=1e-13,
        max_iter=100_000,
        random_state=seed,
    ).fit(X, labels=labels)
    reached = model.e_step(X, labels=labels).log_likelihood
    assert reached == pytest.approx(MCLUST[data][kind], rel=1e-9)
    if (data, kind) == ("iris", "full"):
        np.testing.assert_allclose(model.means_[:, 0], MCLUST_MEANS_OF_VVV, rtol=1e-6)
        found = np.where(labels < 0, model.predict(X), labels)
        assert np.bincount(found).tolist() == [50, 47, 53]


def test_positive_and_unlabelled(rng: np.random.Generator) -> None:
    """Some of the positive rows are known to be so: what they are stays with component 0."""
    truth = correlated_mixture(2, 3, rng, separation=4.0)
    X, positive = truth.sample(2000, rng)
    known = (positive == 1) & (rng.random(2000) < 0.05)
    labels = np.where(known, 0, -1)
    model = GaussianMixture(2, random_state=0).fit(X, labels=labels)
    found = model.predict(X) == 0
    assert (found == (positive == 1)).mean() > 0.9
    assert model.weights_[0] == pytest.approx((positive == 1).mean(), abs=0.05)


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ([0, 1], ValueError, r"^labels must have the shape \(30,\), a number for each row"),
        (np.zeros(30), TypeError, "^labels must be integers, the numbers of components with -1"),
        (np.full(30, np.nan), TypeError, "^labels must be integers"),
        (["a"] * 30, TypeError, "number other labels by np.unique"),
        (np.arange(30) % 3, ValueError, "^The label of row 2 is 2, and components have the num"),
        (np.full(30, -2), ValueError, "^The label of row 0 is -2"),
        (np.ones((30, 3), bool), ValueError, r"^labels of bool must have the shape \(30, 2\)"),
        (np.ones(30, bool), ValueError, r"^labels of bool must have the shape \(30, 2\)"),
        (np.arange(60).reshape(30, 2) > 0, ValueError, None),
        (np.arange(60).reshape(30, 2) > 1, ValueError, "^labels let row 0 be of no component"),
    ],
)
def test_what_is_refused(labels: Any, error: Any, words: str | None) -> None:
    X = np.random.default_rng(0).standard_normal((30, 2))
    model = GaussianMixture(2, random_state=0).fit(X)
    before = model.means_.copy()
    if words is None:  # row 0 may be of one component: this one is good
        model.fit(X, labels=labels)
        return
    for call in (
        lambda: model.fit(X, labels=labels),
        lambda: model.e_step(X, labels=labels),
        lambda: model.fit_batches([(X, None, labels)]),
        lambda: model.partial_fit(X, labels=labels),
    ):
        with pytest.raises(error, match=words):
            call()
        assert (model.means_ == before).all()
