"""From one start, plain EM takes scikit-learn's path: the same iterations, the same numbers."""

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture._gaussian_mixture import _compute_precision_cholesky_from_precisions

from fastgmm import GaussianMixture
from support import correlated_mixture

Peer = sklearn.mixture.GaussianMixture
# Around every multiple of the registers' 4, 8 and 16 lanes, and every K twice or more.
DIMENSIONS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33)
CASES = [
    (n_features, 1 + (2 * i + 5 * j) % 9) for i, n_features in enumerate(DIMENSIONS) for j in (0, 1)
]
PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


@pytest.fixture
def covariance_type(scikit_learns_type: str) -> str:
    """Run the tests of this module for scikit-learn's four types alone."""
    return scikit_learns_type


def assert_close(ours: Any, theirs: Any, tolerance: float) -> None:
    """Compare relative to the largest value of the array."""
    theirs = np.asarray(theirs)
    assert np.shape(ours) == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=tolerance * np.abs(theirs).max())


def rows_and_start(
    rng: np.random.Generator,
    covariance_type: str,
    n_components: int,
    n_features: int,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return rows of a correlated mixture, and a start some way off it."""
    mixture = correlated_mixture(n_components, n_features, rng, separation=1.5)
    X, _ = mixture.sample(n_components * (4 * n_features + 20), rng)
    off = correlated_mixture(n_components, n_features, rng)
    return X, {
        "n_components": n_components,
        "covariance_type": covariance_type,
        "weights_init": off.weights,
        "means_init": mixture.means + 0.5 * rng.standard_normal(mixture.means.shape),
        "precisions_init": off.precisions_as(covariance_type) / 4.0,
    }


def fit_both(X: np.ndarray, parameters: dict[str, Any]) -> tuple[GaussianMixture, Peer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(**parameters).fit(X), Peer(**parameters).fit(X)


def test_cases_cover_the_range() -> None:
    assert {k for _, k in CASES} == set(range(1, 10))
    assert {d for d, _ in CASES} == set(DIMENSIONS)


@pytest.mark.parametrize(("n_features", "n_components"), CASES)
def test_path(n_features: int, n_components: int, covariance_type: str) -> None:
    rng = np.random.default_rng([n_features, n_components])
    X, parameters = rows_and_start(rng, covariance_type, n_components, n_features)
    ours, theirs = fit_both(X, {**parameters, "max_iter": 40})

    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    assert_close(ours.lower_bound_, theirs.lower_bound_, 1e-11)
    assert_close(ours.lower_bounds_, theirs.lower_bounds_, 1e-11)
    for name in PARAMETERS:
        assert_close(getattr(ours, name), getattr(theirs, name), 1e-9)

    others = X[::-1] + 0.25 * rng.standard_normal(X.shape)
    assert_close(ours.score_samples(others), theirs.score_samples(others), 1e-9)
    np.testing.assert_allclose(
        ours.predict_proba(others), theirs.predict_proba(others), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_array_equal(ours.predict(others), theirs.predict(others))
    for name in ("score", "aic", "bic"):
        assert_close(getattr(ours, name)(others), getattr(theirs, name)(others), 1e-9)


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
def test_path_ends_at_the_same_iteration(
    tol: float, covariance_type: str, rng: np.random.Generator
) -> None:
    X, parameters = rows_and_start(rng, covariance_type, 3, 4)
    ours, theirs = fit_both(X, {**parameters, "tol": tol, "max_iter": 500})
    assert ours.n_iter_ == theirs.n_iter_ > 1
    assert ours.converged_
    assert theirs.converged_
    assert_close(ours.lower_bound_, theirs.lower_bound_, 1e-11)
    assert_close(ours.means_, theirs.means_, 1e-9)


def test_scores_of_the_start(covariance_type: str, rng: np.random.Generator) -> None:
    X, parameters = rows_and_start(rng, covariance_type, 4, 6)
    ours = GaussianMixture(**parameters, max_iter=0).fit(X)
    # scikit-learn fails with max_iter=0 and all three given, so it gets the attributes by hand.
    theirs = Peer(4, covariance_type=covariance_type)
    theirs.weights_, theirs.means_ = parameters["weights_init"], parameters["means_init"]
    theirs.precisions_cholesky_ = _compute_precision_cholesky_from_precisions(
        parameters["precisions_init"], covariance_type, xp=np
    )
    assert ours.n_iter_ == 0
    assert_close(ours.score_samples(X), theirs.score_samples(X), 1e-13)
    assert_close(ours.predict_proba(X), theirs.predict_proba(X), 1e-12)
    assert_close(ours.precisions_cholesky_, theirs.precisions_cholesky_, 1e-13)
    assert_close(ours.precisions_, parameters["precisions_init"], 1e-13)


@pytest.mark.parametrize("given", ["weights_init", "means_init", "precisions_init"])
def test_regularisation_and_warm_start(given: str, rng: np.random.Generator) -> None:
    X, parameters = rows_and_start(rng, "full", 3, 3)
    parameters |= {"reg_covar": 0.1, "warm_start": True, "max_iter": 3, "tol": 0.0}
    ours, theirs = fit_both(X, parameters)
    for model in (ours, theirs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(**{given: None}).fit(X)
    assert ours.n_iter_ == theirs.n_iter_ == 3
    for name in PARAMETERS:
        assert_close(getattr(ours, name), getattr(theirs, name), 1e-9)


@pytest.mark.parametrize(("n_features", "n_components"), [(1, 3), (4, 5), (9, 2), (17, 3), (33, 4)])
def test_path_of_float32(n_features: int, n_components: int, covariance_type: str) -> None:
    rng = np.random.default_rng([n_features, n_components])
    X, parameters = rows_and_start(rng, covariance_type, n_components, n_features)
    X = X.astype(np.float32)
    for name in ("weights_init", "means_init", "precisions_init"):
        parameters[name] = parameters[name].astype(np.float32)
    # A fixed number of iterations: at the last digits of float32 the two would stop apart.
    ours, theirs = fit_both(X, {**parameters, "max_iter": 8, "tol": 0.0})
    _, exact = fit_both(X.astype(np.float64), {**parameters, "max_iter": 8, "tol": 0.0})

    assert ours.n_iter_ == theirs.n_iter_ == 8
    assert_close(ours.lower_bound_, theirs.lower_bound_, 1e-5)
    for name in PARAMETERS:
        assert getattr(ours, name).dtype == np.float32
        assert_close(getattr(ours, name), getattr(theirs, name), 5e-5)
        assert_close(getattr(ours, name), getattr(exact, name), 5e-6)
    assert ours.score_samples(X).dtype == np.float32
    assert ours.predict_proba(X).dtype == np.float32
    assert_close(ours.score_samples(X), exact.score_samples(X.astype(np.float64)), 5e-6)
    assert_close(ours.predict_proba(X), theirs.predict_proba(X), 1e-4)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.99
