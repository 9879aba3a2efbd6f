"""Data without the shape that a Gaussian wants: finite numbers, or scikit-learn's error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.mixture

from fastgmm import GaussianMixture
from fastgmm.em import e_step as expectation
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.fits import beginnings
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")

INITS = ("ward", "kmeans", "k-means++", "random", "random_from_data")
ARRAYS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
OPENING = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance"
)


def blobs(n_features: int = 3, n_samples: int = 60) -> np.ndarray:
    rng = np.random.default_rng(7)
    X: np.ndarray = rng.normal(size=(n_samples, n_features)) @ rng.normal(
        size=(n_features, n_features)
    )
    X[: n_samples // 3] += 6.0
    return X


def with_constant_column(value: float) -> np.ndarray:
    return np.c_[blobs(), np.full(60, value)]


CASES: dict[str, tuple[int, Callable[[], np.ndarray]]] = {
    "constant column": (3, lambda: with_constant_column(0.0)),
    "constant column of tenths": (3, lambda: with_constant_column(0.1)),
    "large constant column": (3, lambda: with_constant_column(1e8 + 0.1)),
    "every column constant": (2, lambda: np.tile([1.0, -2.0, 1 / 3], (20, 1))),
    "all zero": (2, lambda: np.zeros((20, 2))),
    "duplicate rows": (4, lambda: np.repeat(blobs(n_samples=6), 10, axis=0)),
    "two distinct rows": (5, lambda: np.repeat([[0.0, 0.1], [1.0, 0.3]], 15, axis=0)),
    "duplicate columns": (3, lambda: np.repeat(blobs(), 2, axis=1)),
    "collinear": (3, lambda: blobs(1) * [1.0, -2.0, 1 / 3] + [0.0, 1.0, 5.0]),
    "collinear of six columns": (2, lambda: blobs(2) @ np.arange(1.0, 13.0).reshape(2, 6)),
    "scale of 1e-8": (3, lambda: 1e-8 * blobs()),
    "scale of 1e8": (3, lambda: 1e8 * blobs()),
    "scales of 1e-8 and 1e8": (3, lambda: blobs() * [1e-8, 1.0, 1e8]),
    "collinear at the scale of 1e8": (3, lambda: 1e8 * blobs(1) * [1.0, -2.0, 1 / 3]),
    "collinear, 1e8 from zero": (3, lambda: 1e8 + blobs(1) * [1.0, -2.0, 1 / 3]),
    "two rows": (2, lambda: np.array([[0.0, 1.0], [3.0, -1.0]])),
    "two rows, one component": (1, lambda: np.array([[0.0, 1.0], [3.0, -1.0]])),
    "two equal rows": (2, lambda: np.ones((2, 3))),
    "as many components as rows": (12, lambda: blobs(n_samples=12)),
    "more columns than rows": (2, lambda: blobs(20, 6)),
    "heavy ties": (4, lambda: np.random.default_rng(0).integers(0, 3, (90, 3)).astype(float)),
    "ties in tenths": (5, lambda: np.random.default_rng(1).integers(0, 4, (90, 2)) / 10.0),
    "one far outlier": (3, lambda: np.r_[blobs(), [[1e7, 0.0, -1e7]]]),
    "one outlier out of reach": (3, lambda: np.r_[blobs(), [[1e15, 1e15, 0.0]]]),
    "one column": (3, lambda: np.r_[np.zeros(30), np.ones(30)][:, None]),
}


def assert_finite(model: GaussianMixture, X: np.ndarray) -> None:
    for name in ARRAYS:
        assert np.isfinite(getattr(model, name)).all(), name
    assert np.isfinite(model.lower_bounds_).all()
    assert model.weights_.sum() == pytest.approx(1.0, abs=1e-6)
    assert (model.weights_ >= 0).all()
    variances = model.covariances_
    if model.covariance_type in ("full", "tied"):
        variances = np.diagonal(variances, axis1=-2, axis2=-1)
    assert (variances > 0).all()
    assert np.isfinite(model.score_samples(X)).all()
    responsibilities = model.predict_proba(X)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1.0, rtol=0.0, atol=1e-5)
    assert (responsibilities >= 0).all()
    assert np.isfinite(model.component_log_density(X)).all()
    np.testing.assert_array_equal(
        model.predict(X)[responsibilities.max(axis=1) > 0.6],
        responsibilities.argmax(axis=1)[responsibilities.max(axis=1) > 0.6],
    )
    for criterion in (model.score, model.aic, model.bic, model.icl):
        assert np.isfinite(criterion(X))
    assert np.isfinite(model.sample(20, random_state=0)[0]).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize("name", CASES)
def test_finite_numbers_under_the_default_regularisation(
    name: str, init_params: str, dtype: type[np.floating], covariance_type: str
) -> None:
    n_components, make = CASES[name]
    X = make().astype(dtype)
    model = GaussianMixture(
        n_components, covariance_type=covariance_type, init_params=init_params, random_state=0
    ).fit(X)
    assert_finite(model, X)


@pytest.mark.parametrize("name", CASES)
def test_weights_and_degenerate_rows(name: str, covariance_type: str) -> None:
    n_components, make = CASES[name]
    X = make()
    weight = np.random.default_rng(0).uniform(0.01, 3.0, len(X))
    model = GaussianMixture(n_components, covariance_type=covariance_type, random_state=0)
    assert_finite(model.fit(X, sample_weight=weight), X)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, 1e8 + 0.1, -1e-5 / 3])
def test_a_constant_column_changes_nothing(
    value: float, covariance_type: str, rng: np.random.Generator
) -> None:
    """
    It does not tell rows apart, whatever its digits.

    The mean of equal numbers is rounded, and may differ from group to group by an ulp.
    """
    X, _ = correlated_mixture(3, 2, rng, separation=8.0).sample(200, rng)
    # To spherical components even a column of zeros counts: their variance is that of all columns.
    one_variance = covariance_type.endswith("spherical")
    without = np.c_[X, np.zeros(len(X))] if one_variance else X
    X = np.c_[X, np.full(len(X), value)]
    kwargs = {"covariance_type": covariance_type, "random_state": 0}
    for init_params in ("ward", "kmeans", "k-means++"):
        fitted = GaussianMixture(3, init_params=init_params, **kwargs).fit(X)
        expected = GaussianMixture(3, init_params=init_params, **kwargs).fit(without)
        np.testing.assert_allclose(fitted.weights_, expected.weights_, rtol=0.0, atol=1e-6)
        np.testing.assert_array_equal(fitted.predict(X), expected.predict(without))


def test_an_outlier_does_not_empty_the_start(covariance_type: str) -> None:
    """One row far away is one component; the others share the rest."""
    X = np.r_[blobs(), [[1e5, 0.0, -1e5]]]
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    assert (model.weights_ > 0.5 / len(X)).all()
    assert len(set(model.predict(X).tolist())) == 3


@pytest.mark.parametrize("init_params", ["ward", "random_from_data", "random"])
def test_equal_rows_do_not_cost_more_passes(
    init_params: str, covariance_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A component that has shrunk to a point, as on the black of a picture, is no lost precision.

    What cancels there is far below `reg_covar`: one pass per iteration is enough.
    """
    rng = np.random.default_rng(0)
    X = np.where(rng.random((2000, 3)) < 0.7, 0.0, rng.normal(size=(2000, 3)) + 5.0)
    calls: list[int] = []
    recentred = expectation._recentred

    def counted(*args: Any) -> Any:
        calls.append(1)
        return recentred(*args)

    monkeypatch.setattr(expectation, "_recentred", counted)
    model = GaussianMixture(
        4,
        covariance_type=covariance_type,
        init_params=init_params,
        random_state=0,
        max_iter=60,
        tol=1e-6,
    ).fit(X)
    assert_finite(model, X)
    assert len(calls) <= 2


SINGULAR: dict[str, tuple[int, str, Callable[[], np.ndarray]]] = {
    "full, duplicate columns": (1, "full", lambda: np.repeat(blobs(1), 2, axis=1)),
    "full, constant column": (2, "full", lambda: with_constant_column(0.0)),
    "full, as many components as rows": (5, "full", lambda: 10.0 * np.eye(5)),
    "tied, constant column": (2, "tied", lambda: with_constant_column(0.0)),
    "tied, duplicate columns": (1, "tied", lambda: np.repeat(blobs(1), 2, axis=1)),
    "diag, constant column": (2, "diag", lambda: with_constant_column(0.0)),
    "diag, constant column of ones": (2, "diag", lambda: with_constant_column(1.0)),
    "spherical, equal rows": (1, "spherical", lambda: np.ones((10, 3))),
    "tied_diag, constant column": (2, "tied_diag", lambda: with_constant_column(1.0)),
    "tied_spherical, equal rows": (1, "tied_spherical", lambda: np.ones((10, 3))),
}
# scikit-learn adds 10 eps to the weight of a component, which leaves 2e-16 of this one.
PASSES_IN_SCIKIT_LEARN = {"spherical, equal rows"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", SINGULAR)
def test_singular_without_regularisation_is_scikit_learns_error(name: str) -> None:
    n_components, covariance_type, make = SINGULAR[name]
    X = make()
    kwargs = {"covariance_type": covariance_type, "reg_covar": 0.0, "random_state": 0}
    if name not in PASSES_IN_SCIKIT_LEARN and not covariance_type.startswith("tied_"):
        with pytest.raises(ValueError, match=OPENING):
            sklearn.mixture.GaussianMixture(n_components, **kwargs).fit(X)
    for init_params in INITS:
        model = GaussianMixture(n_components, init_params=init_params, **kwargs)
        with pytest.raises(ValueError, match=OPENING) as caught:
            model.fit(X)
        assert isinstance(caught.value, IllDefinedCovarianceError)
        assert "reg_covar" in str(caught.value)
        assert not hasattr(model, "weights_")
        # The same parameters with the default regularisation do.
        assert_finite(model.set_params(reg_covar=1e-6).fit(X), X)


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_collinear_without_regularisation_is_an_error_every_time(covariance_type: str) -> None:
    """Rounding leaves a last pivot of some 1e-16, of either sign: it must not decide."""
    rng = np.random.default_rng(0)
    for _ in range(80):
        # Whole numbers, so that the rows are on a line and not only near it.
        X = rng.integers(-20, 21, size=(100, 1)) @ rng.integers(-9, 10, size=(1, 2))
        model = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0.0)
        with pytest.raises(IllDefinedCovarianceError):
            model.fit(X)


def test_a_failed_fit_leaves_the_old_one(covariance_type: str) -> None:
    X = blobs()
    model = GaussianMixture(2, covariance_type=covariance_type, reg_covar=0.0, random_state=0)
    expected = model.fit(X).score_samples(X)
    with pytest.raises(ValueError, match=OPENING):
        model.fit(np.ones_like(X))
    np.testing.assert_array_equal(model.score_samples(X), expected)
    statistics = model.e_step(np.ones_like(X))
    with pytest.raises(ValueError, match=OPENING):
        model.m_step(statistics)
    np.testing.assert_array_equal(model.score_samples(X), expected)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_one_degenerate_start_does_not_end_the_others(covariance_type: str) -> None:
    """Triples of equal rows: some starts give one a component of its own, which collapses."""
    rng = np.random.default_rng(5)
    single = rng.normal(size=(40, 2))
    X = np.concatenate([single, np.repeat(2.0 * rng.normal(size=(3, 2)), 3, axis=0)])
    kwargs = {
        "covariance_type": covariance_type,
        "init_params": "random_from_data",
        "reg_covar": 0.0,
        "tol": 1e-6,
    }
    failed = []
    for seed in range(20):
        try:
            GaussianMixture(3, random_state=seed, **kwargs).fit(X)
        except IllDefinedCovarianceError:
            failed.append(seed)
    assert 0 < len(failed) < 20
    for seed in failed[:4]:  # the first start is the same
        model = GaussianMixture(3, random_state=seed, n_init=40, **kwargs).fit(X)
        assert_finite(model, X)


@pytest.mark.parametrize("bad", [{0}, {1}, {2}, {0, 1}, {0, 2}])
def test_survivors_decide(bad: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    X = blobs()
    first = beginnings.initial_parameters
    calls: list[int] = []

    def initial(*args: Any, **named: Any) -> Any:
        calls.append(len(calls))
        if calls[-1] in bad:
            raise IllDefinedCovarianceError(f"start {calls[-1]}")
        return first(*args, **named)

    monkeypatch.setattr(beginnings, "initial_parameters", initial)
    seen: set[int] = set()
    model = GaussianMixture(2, init_params="random_from_data", random_state=0, n_init=3)
    model.fit(X, callback=lambda iteration: seen.add(iteration.init))
    assert calls == [0, 1, 2]
    assert seen == {0, 1, 2} - bad
    assert_finite(model, X)


def test_if_every_start_fails_so_does_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def initial(*args: Any, **named: Any) -> Any:
        calls.append(len(calls))
        raise IllDefinedCovarianceError(f"start {calls[-1]}")

    monkeypatch.setattr(beginnings, "initial_parameters", initial)
    with pytest.raises(IllDefinedCovarianceError, match="start"):
        GaussianMixture(2, init_params="kmeans", n_init=4).fit(blobs())
    assert calls == [0, 1, 2, 3]
