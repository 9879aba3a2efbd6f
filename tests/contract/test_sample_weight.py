"""Sample weights are repetitions: 2 is the row twice, 0 the row left out."""

from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from support import correlated_mixture, in_shape_of

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")

PARAMETERS = ("weights_", "means_", "covariances_", "precisions_")


def assert_same_fit(one: GaussianMixture, other: GaussianMixture, relative: float) -> None:
    assert one.n_iter_ == other.n_iter_
    np.testing.assert_allclose(one.lower_bounds_, other.lower_bounds_, rtol=0.0, atol=relative)
    for name in PARAMETERS:
        expected = getattr(other, name)
        atol = relative * np.abs(expected).max()
        np.testing.assert_allclose(getattr(one, name), expected, rtol=0.0, atol=atol)


@pytest.fixture
def case(
    covariance_type: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return rows, integer weights with zeros among them, and given parameters to start from."""
    mixture = correlated_mixture(3, 4, rng, separation=1.5)
    X, _ = mixture.sample(300, rng)
    return (
        X,
        rng.integers(0, 5, len(X)).astype(np.float64),
        {
            "n_components": 3,
            "covariance_type": covariance_type,
            "weights_init": mixture.weights,
            "means_init": mixture.means + 0.3,
            "precisions_init": mixture.precisions_as(covariance_type),
            "max_iter": 10,
            "tol": 0.0,
        },
    )


@pytest.mark.parametrize(("dtype", "relative"), [(np.float64, 1e-11), (np.float32, 2e-4)])
def test_integer_weights_are_repetition(
    dtype: type[np.floating], relative: float, case: tuple[np.ndarray, np.ndarray, dict[str, Any]]
) -> None:
    X, weight, given = case
    X = X.astype(dtype)
    repeated = np.repeat(X, weight.astype(int), axis=0)
    weighted_fit = GaussianMixture(**given).fit(X, sample_weight=weight)
    assert_same_fit(weighted_fit, GaussianMixture(**given).fit(repeated), relative)


def test_zero_weights_are_absence(case: tuple[np.ndarray, np.ndarray, dict[str, Any]]) -> None:
    X, weight, given = case
    # Where they would do harm.
    X[weight == 0.0] = np.random.default_rng(0).uniform(-1e6, 1e6, (int((weight == 0).sum()), 4))
    kept = weight > 0
    one = GaussianMixture(**given).fit(X, sample_weight=weight)
    assert_same_fit(one, GaussianMixture(**given).fit(X[kept], sample_weight=weight[kept]), 1e-11)
    statistics = GaussianMixture(**{**given, "max_iter": 0}).fit(X).e_step(X, sample_weight=weight)
    assert statistics.weight == weight.sum()
    assert statistics.n_samples == len(X)
    assert np.isfinite(statistics.log_likelihood)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_zero_weights_of_rows_without_a_density(
    dtype: type[np.floating], covariance_type: str
) -> None:
    """A row so far off that its log density is -inf counts nothing when its weight is zero."""
    far = np.finfo(dtype).max ** 0.7
    X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [far, -far]], dtype=dtype)
    model = GaussianMixture.from_parameters(
        [0.5, 0.5],
        [[0.0, 0.0], [1.0, 1.0]],
        in_shape_of(covariance_type, np.stack([np.eye(2)] * 2)),
        covariance_type=covariance_type,
    )
    statistics = model.e_step(X, sample_weight=[1.0, 1.0, 1.0, 0.0])
    expected = model.e_step(X[:3])
    assert statistics.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-6)
    for name in ("component_weight", "first_moment", "second_moment"):
        np.testing.assert_allclose(
            getattr(statistics, name), getattr(expected, name), rtol=0.0, atol=1e-5
        )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("factor", [1e-290, 1e-60, 1e-20, 1 / 300, 3.0, 1e20, 1e60, 1e250])
def test_the_unit_of_the_weights_does_not_matter(
    factor: float, dtype: type[np.floating], case: tuple[np.ndarray, np.ndarray, dict[str, Any]]
) -> None:
    X, weight, given = case
    X = X.astype(dtype)
    base = GaussianMixture(**given).fit(X, sample_weight=weight)
    scaled = GaussianMixture(**given).fit(X, sample_weight=factor * weight)
    assert_same_fit(scaled, base, 1e-10 if dtype == np.float64 else 1e-3)


# "ward" shrinks the covariance of a cluster by how many rows it counts: there the unit does matter.
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_unit_does_not_matter_to_a_start(
    scale: float, init_params: str, case: tuple[np.ndarray, np.ndarray, dict[str, Any]]
) -> None:
    X, weight, given = case
    kwargs = {
        "covariance_type": given["covariance_type"],
        "init_params": init_params,
        "random_state": 0,
        "max_iter": 3,
    }
    base = GaussianMixture(3, **kwargs).fit(X, sample_weight=weight)
    assert_same_fit(GaussianMixture(3, **kwargs).fit(X, sample_weight=scale * weight), base, 1e-9)


def test_weights_of_any_ratio(covariance_type: str) -> None:
    """One row counts 1e300 times the others: a mixture of that row, and no error of NumPy's."""
    X = np.random.default_rng(1).normal(size=(50, 2))
    weight = np.r_[1e300, np.full(49, 1e-30)]
    for init_params in ("ward", "kmeans", "k-means++", "random", "random_from_data"):
        model = GaussianMixture(
            2, covariance_type=covariance_type, init_params=init_params, random_state=0
        ).fit(X, sample_weight=weight)
        assert np.isfinite(model.means_).all()
        nearest = int(np.abs(model.means_ - X[0]).sum(axis=1).argmin())
        np.testing.assert_allclose(model.means_[nearest], X[0], atol=1e-12)


def test_light_rows_far_away_count_what_they_count(covariance_type: str) -> None:
    """A row of weight 1e-17 at 1e10 brings 10 to the variance of a hundred rows around zero."""
    rng = np.random.default_rng(5)
    X = np.concatenate([rng.normal(size=(100, 2)), [[1e10, 0.0]]])
    weight = np.r_[np.ones(100), 1e-17]
    model = GaussianMixture(
        1, covariance_type=covariance_type, means_init=[[0.0, 0.0]], max_iter=1, reg_covar=0.0
    ).fit(X, sample_weight=weight)
    mean = weight @ X / weight.sum()
    expected = np.einsum("n,ni,nj->ij", weight, X - mean, X - mean) / weight.sum()
    shaped = in_shape_of(covariance_type, expected[None])
    np.testing.assert_allclose(model.covariances_, shaped, rtol=1e-9, atol=1e-9)


def test_default_start_of_repeated_rows(covariance_type: str, rng: np.random.Generator) -> None:
    """From the default start too: "weight 2 is the row twice"."""
    mixture = correlated_mixture(3, 2, rng, separation=2.0)
    X, _ = mixture.sample(120, rng)
    weight = rng.integers(0, 6, len(X))
    kwargs = {"covariance_type": covariance_type, "random_state": 0}
    weighted = GaussianMixture(3, **kwargs).fit(X, sample_weight=weight)
    repeated = GaussianMixture(3, **kwargs).fit(np.repeat(X, weight, axis=0))
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-9)
    one, other = np.sort(weighted.weights_), np.sort(repeated.weights_)
    np.testing.assert_allclose(one, other, atol=1e-7)


def test_default_start_without_the_rows_of_no_weight(
    covariance_type: str, rng: np.random.Generator
) -> None:
    mixture = correlated_mixture(3, 3, rng)
    X, _ = mixture.sample(200, rng)
    weight = (rng.random(200) < 0.7).astype(np.float64)
    X[weight == 0.0] = 1e5
    kwargs = {"covariance_type": covariance_type, "random_state": 0}
    one = GaussianMixture(3, **kwargs).fit(X, sample_weight=weight)
    other = GaussianMixture(3, **kwargs).fit(X[weight > 0.0])
    assert_same_fit(one, other, 1e-9)


@pytest.mark.parametrize(
    "init_params", ["ward", "kmeans", "k-means++", "random", "random_from_data"]
)
def test_fewer_weighted_rows_than_components(init_params: str) -> None:
    """Three rows of which two are left out are one row: fewer than components, as without them."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    weight = np.zeros(20)
    weight[3] = weight[7] = 1.0
    model = GaussianMixture(3, init_params=init_params, random_state=0)
    with pytest.raises(ValueError, match="n_components = 3"):
        model.fit(X, sample_weight=weight)
    assert not hasattr(model, "means_")
    GaussianMixture(2, init_params=init_params, random_state=0).fit(X, sample_weight=weight)


def test_any_layout_of_weights(covariance_type: str) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 60)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0)
    expected = model.fit(X, sample_weight=weight).means_
    wide = np.zeros((60, 3))
    wide[:, 1] = weight
    for given in (
        wide[:, 1],
        weight[::-1].copy()[::-1],
        weight.astype(">f8"),
        weight.tolist(),
        tuple(weight),
    ):
        np.testing.assert_array_equal(model.fit(X, sample_weight=given).means_, expected)
    # A number counts for every row.
    expected = model.fit(X, sample_weight=np.full(60, 7.0)).means_
    np.testing.assert_array_equal(model.fit(X, sample_weight=7).means_, expected)
