"""Data moved away from zero give the same covariances: nothing is squared before it is centred."""

from typing import Any

import numpy as np
import pytest
import sklearn.mixture

from fastgmm import GaussianMixture
from support import correlated_mixture, in_shape_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

OFFSETS = (1e4, 1e6, 1e8)
# Rows in steps of 2^-20: adding any of these offsets is exact, so that only the library rounds.
STEP = 2.0**-20


def tolerance(offset: float) -> float:
    return 1e-9 if offset <= 1e6 else 1e-6


def on_grid(values: np.ndarray, step: float = STEP) -> np.ndarray:
    return np.round(values / step) * step


def assert_moved(
    moved: GaussianMixture, base: GaussianMixture, offset: Any, relative: float
) -> None:
    """Compare, each array relative to its largest value."""
    assert moved.n_iter_ == base.n_iter_
    for name in ("covariances_", "precisions_", "weights_"):
        expected = getattr(base, name)
        atol = relative * np.abs(expected).max()
        np.testing.assert_allclose(getattr(moved, name), expected, rtol=0.0, atol=atol)
    # The means themselves are rounded where they are.
    atol = relative + 2.0**-50 * np.abs(offset).max()
    np.testing.assert_allclose(moved.means_ - offset, base.means_, rtol=0.0, atol=atol)
    np.testing.assert_allclose(moved.lower_bounds_, base.lower_bounds_, rtol=0.0, atol=relative)


def rows_of(n_features: int, *, separation: float = 2.0) -> tuple[np.ndarray, Any]:
    rng = np.random.default_rng([n_features, 21])
    mixture = correlated_mixture(3, n_features, rng, separation=separation)
    return on_grid(mixture.sample(600, rng)[0]), mixture


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("n_features", [1, 2, 5, 17])
def test_from_given_parameters(n_features: int, offset: float, covariance_type: str) -> None:
    X, mixture = rows_of(n_features)
    given = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weights_init": mixture.weights,
        "precisions_init": np.asarray(mixture.precisions_as(covariance_type) / 2.0),
        "max_iter": 12,
        "tol": 0.0,
    }
    means = on_grid(mixture.means + 0.3)
    base = GaussianMixture(**given, means_init=means).fit(X)
    moved = GaussianMixture(**given, means_init=means + offset).fit(X + offset)
    assert_moved(moved, base, offset, tolerance(offset))


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("init_params", ["ward", "kmeans", "k-means++", "random_from_data"])
def test_from_a_start_of_its_own(init_params: str, offset: float, covariance_type: str) -> None:
    X, _ = rows_of(3, separation=5.0)
    # tol=0: after a fixed number of iterations, so that no rounding decides when to stop.
    kwargs = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 1}
    base = GaussianMixture(3, max_iter=15, tol=0.0, **kwargs).fit(X)
    moved = GaussianMixture(3, max_iter=15, tol=0.0, **kwargs).fit(X + offset)
    assert_moved(moved, base, offset, tolerance(offset))


@pytest.mark.parametrize("offset", OFFSETS)
def test_random_start(offset: float, covariance_type: str, rng: np.random.Generator) -> None:
    # All components begin on the mean of all rows here; one iteration, as the rest is chaotic.
    X = on_grid(rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)))
    models = [
        GaussianMixture(
            2, covariance_type=covariance_type, init_params="random", random_state=0, max_iter=1
        ).fit(X + at)
        for at in (0.0, offset)
    ]
    assert_moved(models[1], models[0], offset, tolerance(offset))


def test_default_fit(covariance_type: str) -> None:
    """Nothing given but the type, stopping by itself."""
    X, _ = rows_of(4, separation=4.0)
    base = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    assert base.converged_
    for offset in OFFSETS:
        moved = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X + offset)
        assert moved.converged_
        assert_moved(moved, base, offset, tolerance(offset))


@pytest.mark.parametrize("init_params", ["ward", "kmeans"])
def test_each_feature_moved_by_its_own_offset(init_params: str, covariance_type: str) -> None:
    X, _ = rows_of(5, separation=4.0)
    offset = np.array([1e8, -1e6, 0.0, 1e4, -1e8])
    models = [
        GaussianMixture(
            3, covariance_type=covariance_type, init_params=init_params, random_state=0
        ).fit(X + at)
        for at in (np.zeros(5), offset)
    ]
    assert_moved(models[1], models[0], offset, 1e-6)


@pytest.mark.parametrize("distance", OFFSETS)
def test_each_component_moved_by_its_own_offset(
    distance: float,
    covariance_type: str,
) -> None:
    """Clusters too far apart to share a row: the covariances are those of each one's own rows."""
    rng = np.random.default_rng(13)
    mixture = correlated_mixture(3, 4, rng, separation=1.0)
    rows, labels = mixture.sample(900, rng)
    rows = on_grid(rows)
    places = distance * np.array([[-1.0, 0.0, 1.0, 0.5], [1.0, 1.0, 0.0, 0.0], [0.0, -1.0, 0, 2]])
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, reg_covar=0.0)
    model.fit(rows + places[labels])

    parts = [rows[labels == k] for k in range(3)]
    scatter = np.array([np.cov(part.T, bias=True) for part in parts])
    shares = np.array([len(part) for part in parts]) / len(rows)
    expected = in_shape_of(covariance_type, scatter, shares)
    order = [int(np.argmin(np.abs(model.means_ - place).sum(axis=1))) for place in places]
    assert sorted(order) == [0, 1, 2]
    tied = covariance_type.startswith("tied")
    got = model.covariances_ if tied else model.covariances_[order]
    atol = tolerance(distance) * np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=atol)
    np.testing.assert_array_equal(model.weights_[order], shares)


@pytest.mark.parametrize("offset", OFFSETS)
def test_scores(offset: float, covariance_type: str) -> None:
    X, mixture = rows_of(6)
    means, covariances = on_grid(mixture.means), mixture.covariances_as(covariance_type)
    base, moved = (
        GaussianMixture.from_parameters(
            mixture.weights, means + at, covariances, covariance_type=covariance_type
        )
        for at in (0.0, offset)
    )
    # Differences of rows and means are the same numbers: so are the densities, to rounding.
    for method in ("score_samples", "predict_proba", "component_log_density"):
        got, expected = getattr(moved, method)(X + offset), getattr(base, method)(X)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(moved.predict(X + offset), base.predict(X))


@pytest.mark.parametrize("offset", OFFSETS)
def test_statistics(offset: float, covariance_type: str) -> None:
    X, mixture = rows_of(6)
    means, covariances = on_grid(mixture.means), mixture.covariances_as(covariance_type)
    base, moved = (
        GaussianMixture.from_parameters(
            mixture.weights, means + at, covariances, covariance_type=covariance_type
        ).e_step(X + at)
        for at in (0.0, offset)
    )
    for name in ("component_weight", "first_moment", "second_moment", "log_likelihood"):
        got, expected = getattr(moved, name), getattr(base, name)
        atol = tolerance(offset) * np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=0.0, atol=atol)


@pytest.mark.parametrize("init_params", ["ward", "kmeans", "k-means++", "random_from_data"])
def test_float32(init_params: str, covariance_type: str) -> None:
    """In float32 an offset of 1e3 is what 1e11 is in float64: about zero nothing would be left."""
    rng = np.random.default_rng(2)
    mixture = correlated_mixture(3, 3, rng, separation=5.0)
    X = on_grid(mixture.sample(600, rng)[0], 2.0**-12)  # exact in float32 from 0 to 2048
    kwargs = {"covariance_type": covariance_type, "init_params": init_params, "random_state": 1}
    # Starts compare candidates by as many passes as they need: what counts is the limit.
    models = [
        GaussianMixture(3, max_iter=60, tol=0.0, **kwargs).fit((X + at).astype(dtype))
        for at, dtype in ((0.0, np.float64), (0.0, np.float32), (1024.0, np.float32))
    ]
    # 1e-4: the means as float32 sees them are 6e-5 off at 1024, and the densities with them.
    for model, atol in zip(models[1:], (2e-6, 2e-4), strict=True):
        scale = np.abs(models[0].covariances_).max()
        np.testing.assert_allclose(
            model.covariances_, models[0].covariances_, rtol=0.0, atol=atol * scale
        )


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_start_far_from_the_data(offset: float, covariance_type: str) -> None:
    """Means given at zero for data that are not there: scikit-learn's "full" copes, so must we."""
    X = offset + on_grid(np.random.default_rng(0).normal(size=(400, 2)))
    given = {
        "weights_init": [1.0],
        "means_init": np.zeros((1, 2)),
        "precisions_init": in_shape_of(covariance_type, np.eye(2)[None]),
    }
    model = GaussianMixture(1, covariance_type=covariance_type, **given).fit(X)
    expected = np.cov((X - offset).T, bias=True) + 1e-6 * np.eye(2)
    shaped = in_shape_of(covariance_type, expected[None])
    np.testing.assert_allclose(model.covariances_, shaped, rtol=0.0, atol=tolerance(offset))
    if covariance_type == "full":
        theirs = sklearn.mixture.GaussianMixture(1, **given, max_iter=1).fit(X)
        ours = GaussianMixture(1, **given, max_iter=1).fit(X)
        np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_warm_start_on_moved_data(offset: float) -> None:
    """A model of yesterday's data, today's are somewhere else: the fit must not end in rounding."""
    X, _ = rows_of(2)
    model = GaussianMixture(1, warm_start=True).fit(X)
    before = model.covariances_
    model.fit(X + offset)
    np.testing.assert_allclose(model.covariances_, before, rtol=0.0, atol=tolerance(offset))


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_steps_far_from_the_data(offset: float, covariance_type: str) -> None:
    """By hand, in pieces, from means at zero: no step may return the rounding as a covariance."""
    X = offset + on_grid(np.random.default_rng(0).normal(size=(400, 2)))
    ones = in_shape_of(covariance_type, np.eye(2)[None])
    model = GaussianMixture.from_parameters(
        [1.0], np.zeros((1, 2)), ones, covariance_type=covariance_type
    )
    model.m_step(sum(model.e_step(part) for part in np.array_split(X, 3)))
    expected = np.cov((X - offset).T, bias=True) + 1e-6 * np.eye(2)
    shaped = in_shape_of(covariance_type, expected[None])
    np.testing.assert_allclose(model.covariances_, shaped, rtol=0.0, atol=tolerance(offset))
