"""AIC, BIC and ICL: against scikit-learn's and against their formulas."""

from typing import Any

import numpy as np
import pytest
import sklearn.mixture

from fastgmm import GaussianMixture
from support import correlated_mixture, in_shape_of


def pair(mixture: Any, covariance_type: str) -> tuple[GaussianMixture, Any]:
    """Return one mixture in both libraries; what theirs does not tie has K equal covariances."""
    ours = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    n_components, untied = len(mixture.weights), covariance_type.removeprefix("tied_")
    theirs = sklearn.mixture.GaussianMixture(n_components, covariance_type=untied)
    theirs.weights_, theirs.means_ = ours.weights_, ours.means_
    theirs.covariances_, theirs.precisions_cholesky_ = ours.covariances_, ours.precisions_cholesky_
    if untied != covariance_type:
        theirs.covariances_ = np.stack([theirs.covariances_] * n_components)
        theirs.precisions_cholesky_ = np.stack([theirs.precisions_cholesky_] * n_components)
    return ours, theirs


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (1, 5), (4, 1), (3, 7), (6, 2)])
def test_aic_and_bic_are_scikit_learns(
    n_components: int, n_features: int, covariance_type: str
) -> None:
    rng = np.random.default_rng([n_components, n_features])
    mixture = correlated_mixture(n_components, n_features, rng)
    ours, theirs = pair(mixture, covariance_type)
    of_each = {"tied_diag": n_features, "tied_spherical": 1}.get(covariance_type, 0)
    fewer = (n_components - 1) * of_each  # free parameters
    for n_samples in (1, n_components + 1, 500):
        X = mixture.sample(max(n_samples, n_components), rng)[0][:n_samples]
        assert ours.aic(X) == pytest.approx(theirs.aic(X) - 2.0 * fewer, rel=1e-12)
        assert ours.bic(X) == pytest.approx(theirs.bic(X) - fewer * np.log(n_samples), rel=1e-12)
        assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-12)
        for name in ("aic", "bic", "icl", "score"):
            assert type(getattr(ours, name)(X)) is float


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (2, 3), (5, 4)])
def test_free_parameters(n_components: int, n_features: int, covariance_type: str) -> None:
    k, d = n_components, n_features
    matrix = d + d * (d - 1) // 2
    spread = {
        "full": k * matrix,
        "tied": matrix,
        "diag": k * d,
        "spherical": k,
        "tied_diag": d,
        "tied_spherical": 1,
    }[covariance_type]
    expected = (k - 1) + k * d + spread
    model = GaussianMixture.from_parameters(
        np.full(k, 1 / k),
        np.eye(k, d),
        in_shape_of(covariance_type, np.stack([np.eye(d)] * k)),
        covariance_type=covariance_type,
    )
    assert model.n_parameters == expected
    # What each criterion adds to -2 log L says the same.
    X = np.random.default_rng(0).normal(size=(50, d))
    deviance = -2.0 * model.score_samples(X).sum()
    assert model.aic(X) - deviance == pytest.approx(2 * expected, rel=1e-11)
    assert model.bic(X) - deviance == pytest.approx(expected * np.log(50), rel=1e-11)


def test_icl(covariance_type: str, rng: np.random.Generator) -> None:
    """BIC with the labels counted as data: -2 sum of log max_k weight_k N_k + p log n."""
    mixture = correlated_mixture(4, 3, rng, separation=1.0)
    model, theirs = pair(mixture, covariance_type)
    X, _ = mixture.sample(700, rng)
    joint = np.log(mixture.weights) + model.component_log_density(X)
    penalty = model.n_parameters * np.log(700)
    assert model.icl(X) == pytest.approx(-2.0 * joint.max(axis=1).sum() + penalty, rel=1e-12)
    entropy = -np.log(theirs.predict_proba(X).max(axis=1)).sum()
    assert model.icl(X) == pytest.approx(model.bic(X) + 2.0 * entropy, rel=1e-11)
    assert model.icl(X) > model.bic(X)


def test_icl_of_one_component_is_bic(covariance_type: str) -> None:
    rng = np.random.default_rng(0)
    mixture = correlated_mixture(1, 3, rng)
    model, _ = pair(mixture, covariance_type)
    X, _ = mixture.sample(50, rng)
    assert model.icl(X) == pytest.approx(model.bic(X), rel=1e-13)


def test_icl_prefers_clusters_to_overlap() -> None:
    """Halves of one Gaussian overlap more than they gain likelihood; two clusters do not."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=(600, 1))
    two = one + np.repeat([[0.0], [20.0]], 300, axis=0)
    for X, best in ((one, 1), (two, 2)):
        icl = [GaussianMixture(k, random_state=0, max_iter=500).fit(X).icl(X) for k in (1, 2, 3)]
        assert int(np.argmin(icl)) + 1 == best


@pytest.mark.parametrize("name", ["aic", "bic", "icl", "score"])
def test_many_rows(name: str, covariance_type: str) -> None:
    """Over several blocks, the criteria of the whole are made of those of the parts."""
    rng = np.random.default_rng(1)
    mixture = correlated_mixture(3, 2, rng, separation=1.0)
    model, _ = pair(mixture, covariance_type)
    X, _ = mixture.sample(40_001, rng)
    parts = np.array_split(X, 9)
    if name == "score":
        expected = np.average([model.score(p) for p in parts], weights=[len(p) for p in parts])
    else:
        p = model.n_parameters
        penalty = {"aic": lambda n: 2.0 * p}.get(name, lambda n: p * np.log(n))
        expected = sum(getattr(model, name)(part) - penalty(len(part)) for part in parts)
        expected += penalty(len(X))
    assert getattr(model, name)(X) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["aic", "bic", "icl", "score"])
def test_float32(name: str, covariance_type: str) -> None:
    """Sums over float32 rows are float64: a hundred thousand densities keep their digits."""
    rng = np.random.default_rng(2)
    mixture = correlated_mixture(3, 2, rng, separation=1.0)
    model, _ = pair(mixture, covariance_type)
    X = mixture.sample(100_000, rng)[0].astype(np.float32)
    expected = getattr(model, name)(X.astype(np.float64))
    assert getattr(model, name)(X) == pytest.approx(expected, rel=2e-7)


def test_criteria_choose_the_number_of_components() -> None:
    rng = np.random.default_rng(4)
    mixture = correlated_mixture(3, 2, rng, separation=8.0)
    X, _ = mixture.sample(900, rng)
    fits = [GaussianMixture(k, random_state=0, max_iter=500).fit(X) for k in range(1, 6)]
    for name in ("bic", "icl"):
        assert int(np.argmin([getattr(fit, name)(X) for fit in fits])) + 1 == 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_count_as_repetitions(
    rng: np.random.Generator, covariance_type: str, dtype: type
) -> None:
    X = (rng.normal(size=(60, 2)) + 3.0 * rng.integers(2, size=(60, 1))).astype(dtype)
    counts = rng.integers(0, 4, size=60)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    repeated = np.repeat(X, counts, axis=0)
    for name in ("score", "bic", "aic", "icl"):
        method = getattr(model, name)
        weighted = method(X, sample_weight=counts)
        assert type(weighted) is float
        assert weighted == pytest.approx(
            method(repeated), rel=1e-12 if dtype == np.float64 else 1e-7
        )
        assert getattr(model.snapshot(), name)(X, sample_weight=counts) == weighted
        assert method(X, sample_weight=np.ones(60)) == pytest.approx(method(X), rel=1e-12)


def test_a_row_without_weight_may_be_impossible() -> None:
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    X = [[0.0], [1e200], [1.0]]
    assert model.score_samples(X)[1] == -np.inf
    for name in ("score", "bic", "aic", "icl"):
        expected = getattr(model, name)([[0.0], [1.0]])
        assert getattr(model, name)(X, sample_weight=[1, 0, 1]) == expected


@pytest.mark.parametrize("name", ["score", "bic", "aic", "icl"])
def test_weights_are_checked(name: str) -> None:
    method = getattr(GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]]), name)
    with pytest.raises(ValueError, match="Negative values"):
        method([[0.0], [1.0]], sample_weight=[1.0, -1.0])
    with pytest.raises(ValueError, match="pass one number for each row"):
        method([[0.0], [1.0]], sample_weight=[1.0])
