"""GaussianMixtureRegressor: its predictions, their spread, its score, its attributes."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from fastgmm import GaussianMixture, GaussianMixtureRegressor
from fastgmm.errors import NotFittedError
from support import correlated_mixture


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    rows = correlated_mixture(3, 5, rng, separation=1.5).sample(400, rng)[0]
    return rows[:, :3], rows[:, 3:]


def test_one_component_is_linear_regression(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    ours = GaussianMixtureRegressor(reg_covar=0.0).fit(X, y)
    theirs = LinearRegression().fit(X, y)
    means, covariances = ours.predict(X, return_cov=True)
    np.testing.assert_allclose(means, theirs.predict(X), rtol=1e-9, atol=1e-9)
    left = y - means
    for covariance in covariances:
        np.testing.assert_allclose(covariance, left.T @ left / len(y), rtol=1e-9)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-12)


def test_predictions_are_the_regression_of_the_joint_mixture(
    covariance_type: Any, data: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = data
    model = GaussianMixtureRegressor(3, covariance_type=covariance_type, random_state=0).fit(X, y)
    joint = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    joint.fit(np.concatenate([X, y], axis=1))
    np.testing.assert_array_equal(model.mixture_.means_, joint.means_)
    means, covariances = joint.regress(X, [3, 4], return_cov=True)
    np.testing.assert_array_equal(model.predict(X), means)
    np.testing.assert_array_equal(model.predict(X, return_cov=True)[1], covariances)
    deviations = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    np.testing.assert_array_equal(model.predict(X, return_std=True)[1], deviations)


def test_shapes_follow_the_targets(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    for targets, shape in ((y, (400, 2)), (y[:, :1], (400, 1)), (y[:, 0], (400,))):
        model = GaussianMixtureRegressor(2, random_state=0).fit(X, targets)
        means, deviations = model.predict(X, return_std=True)
        assert means.shape == deviations.shape == shape
        m = model.n_outputs_
        assert model.predict(X, return_cov=True)[1].shape == (400, m, m)
        assert model.n_features_in_ == 3
        assert model.predict(X[:1]).shape == (1, *shape[1:])


def test_the_deviations_hold_what_they_should(rng: np.random.Generator) -> None:
    """Noise that grows with x: 95 % of new targets lie within 1.96 deviations, left and right."""
    x = rng.uniform(0.0, 4.0, (4000, 1))
    y = np.sin(2.0 * x[:, 0]) + 0.05 * np.exp(0.5 * x[:, 0]) * rng.standard_normal(4000)
    model = GaussianMixtureRegressor(8, random_state=0).fit(x[:3000], y[:3000])
    means, deviations = model.predict(x[3000:], return_std=True)
    inside = np.abs(y[3000:] - means) < 1.96 * deviations
    assert 0.92 < inside.mean() < 0.98
    right = x[3000:, 0] > 2.0
    assert deviations[right].mean() > 1.5 * deviations[~right].mean()
    assert model.score(x[3000:], y[3000:]) > 0.9


def test_weights_are_repetitions(
    data: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    X, y = data
    weights = rng.integers(0, 4, len(X))
    repeated = np.repeat(np.arange(len(X)), weights)
    one = GaussianMixtureRegressor().fit(X, y, sample_weight=weights)
    two = GaussianMixtureRegressor().fit(X[repeated], y[repeated])
    np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-9, atol=1e-9)
    of_one = one.score(X, y, sample_weight=weights)
    assert of_one == pytest.approx(two.score(X[repeated], y[repeated]), abs=1e-9)


def test_score_is_scikit_learns(
    data: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    X, y = data
    weights = rng.uniform(size=len(X))
    for targets in (y, y[:, 1]):
        model = GaussianMixtureRegressor(2, random_state=0).fit(X, targets)
        found = model.predict(X)
        assert model.score(X, targets) == pytest.approx(r2_score(targets, found), abs=1e-13)
        expected = r2_score(targets, found, sample_weight=weights)
        assert model.score(X, targets, sample_weight=weights) == pytest.approx(expected, abs=1e-13)
        constant = np.full_like(targets, 3.0)
        assert model.score(X, constant) == r2_score(constant, found) == 0.0
    with pytest.warns(UserWarning, match="R.2 score is not well-defined with less than two samp"):
        assert np.isnan(model.score(X[:1], y[:1, 1]))
    with pytest.raises(ValueError, match=r"^y has the shape \(400, 2\), and predictions have \(40"):
        model.score(X, y)


def test_float32(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = (array.astype(np.float32) for array in data)
    model = GaussianMixtureRegressor(2, random_state=0).fit(X, y)
    means, covariances = model.predict(X, return_cov=True)
    assert means.dtype == covariances.dtype == model.mixture_.means_.dtype == np.float32
    assert model.predict(X.astype(float)).dtype == np.float64
    double = GaussianMixtureRegressor(2, random_state=0).fit(*data)
    np.testing.assert_allclose(means, double.predict(data[0]), atol=1e-2)


def test_targets_beyond_float32_are_refused_with_float32_rows(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    X, y = data
    with pytest.raises(ValueError, match=r"^y has numbers beyond float32, the dtype of X: pass X"):
        GaussianMixtureRegressor().fit(X.astype(np.float32), 1e39 * y)


def test_far_rows_have_predictions(data: tuple[np.ndarray, np.ndarray]) -> None:
    model = GaussianMixtureRegressor(3, random_state=0).fit(*data)
    far = model.predict([[1e6, -1e6, 1e6], [1e50, 0.0, 0.0]])
    assert np.isfinite(far).all()


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_names_of_features(make: Any, data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    frame = make({name: X[:, j] for j, name in enumerate("abc")})
    target = type(frame["a"])(y[:, 0])
    model = GaussianMixtureRegressor(2, random_state=0).fit(frame, target)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    plain = GaussianMixtureRegressor(2, random_state=0).fit(X, y[:, 0])
    np.testing.assert_array_equal(model.predict(frame), plain.predict(X))
    assert not hasattr(plain, "feature_names_in_")
    with pytest.warns(UserWarning, match="but GaussianMixtureRegressor was fitted with feature na"):
        model.predict(X)
    with pytest.raises(ValueError, match="The feature names should match"):
        model.predict(frame[["b", "a", "c"]])


def test_before_the_fit_and_wrong_rows(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    model = GaussianMixtureRegressor()
    assert not model.is_fitted
    for name in ("mixture_", "n_features_in_", "n_outputs_", "n_iter_", "feature_names_in_"):
        assert not hasattr(model, name)
    with pytest.raises(NotFittedError, match="This GaussianMixtureRegressor instance is not fitt"):
        model.predict(X)
    assert model.fit(X, y) is model
    assert model.is_fitted
    assert model.n_iter_ == model.mixture_.n_iter_
    with pytest.raises(ValueError, match=r"^X has 2 features, but GaussianMixtureRegressor is exp"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match=r"^At most one of return_std or return_cov can be reques"):
        model.predict(X, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict([[1.0, np.nan, 0.0]])


def test_a_fit_that_fails_leaves_the_last_one(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    model = GaussianMixtureRegressor(2, random_state=0).fit(X, y)
    before = model.predict(X)
    for bad in (y[:10], np.full(400, np.nan), None):
        with pytest.raises(ValueError, match=r"y |a target"):
            model.fit(X, bad)
    with pytest.raises(ValueError, match="'tol' parameter"):
        model.set_params(tol=-1.0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_pickles_name_public_things_only(data: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = data
    model = GaussianMixtureRegressor(2, random_state=0).fit(X, y)
    content = pickle.dumps(model, protocol=0)
    assert b"fastgmm\nGaussianMixtureRegressor" in content
    assert b"fastgmm." not in content
    np.testing.assert_array_equal(pickle.loads(content).predict(X), model.predict(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_and_targets_with_gaps(data: tuple[np.ndarray, np.ndarray], dtype: Any) -> None:
    X, y = (array.astype(dtype) for array in data)
    rng = np.random.default_rng(0)
    X[rng.random(X.shape) < 0.2], y[rng.random(y.shape) < 0.3] = np.nan, np.nan
    y[5] = np.nan
    model = GaussianMixtureRegressor(2, random_state=0, missing="em").fit(X, y)
    joint = GaussianMixture(2, random_state=0, missing="em").fit(np.concatenate([X, y], axis=1))
    np.testing.assert_array_equal(model.mixture_.means_, joint.means_)
    means, covariances = model.predict(X, return_cov=True)
    assert means.dtype == dtype
    # What fills the targets of a row whose targets are all unknown is what is predicted of it.
    filled = joint.impute(np.concatenate([X, np.full_like(y, np.nan)], axis=1))
    np.testing.assert_allclose(means, filled[:, 3:], rtol=1e-5 if dtype is np.float32 else 1e-12)
    assert (np.linalg.eigvalsh(covariances) > 0.0).all()
    learned = ~np.isnan(y).any(axis=1)
    assert model.score(X[learned], y[learned]) > 0.0
    with pytest.raises(ValueError, match="NaN"):
        model.score(X, y)
    y[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        GaussianMixtureRegressor().fit(data[0], np.where(np.isinf(y), np.nan, y))
