"""The five ways to begin."""

import warnings
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.threads import rows_per_block
from support import correlated_mixture, in_shape_of

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")

INITS = ("ward", "kmeans", "k-means++", "random", "random_from_data")
DRAWN = INITS[1:]
ARRAYS = ("weights_", "means_", "covariances_")


def start(X: np.ndarray, init_params: str, n_components: int = 3, **kwargs: Any) -> GaussianMixture:
    """Return the start itself: a fit of no iteration."""
    weight = kwargs.pop("sample_weight", None)
    kwargs = {"random_state": 0, "max_iter": 0, **kwargs}
    return GaussianMixture(n_components, init_params=init_params, **kwargs).fit(
        X, sample_weight=weight
    )


def start_bytes(*args: Any, **kwargs: Any) -> bytes:
    model = start(*args, **kwargs)
    return b"".join(getattr(model, name).tobytes() for name in ARRAYS)


@pytest.fixture
def clusters(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of three clusters that nobody can mistake, and their labels."""
    mixture = correlated_mixture(3, 3, rng)
    rows, labels = mixture.sample(240, rng)
    return rows - mixture.means[labels] + 40.0 * np.eye(3)[labels], labels


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


# ---------------------------------------------------------------- seeds


@pytest.mark.parametrize("init_params", INITS)
def test_reproducible_by_seed(init_params: str, covariance_type: str) -> None:
    X = np.random.default_rng(0).normal(size=(1500, 2))
    kwargs = {"covariance_type": covariance_type}
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    seeds = {seed: start_bytes(X, init_params, random_state=seed, **kwargs) for seed in range(4)}
    for seed, content in seeds.items():
        assert start_bytes(X, init_params, random_state=seed, **kwargs) == content
        assert start_bytes(X, init_params, random_state=np.int64(seed), **kwargs) == content
        generator = np.random.default_rng(seed)
        assert start_bytes(X, init_params, random_state=generator, **kwargs) == content
        assert start_bytes(X, init_params, random_state=generator, **kwargs) != content
    assert len(set(seeds.values())) == 4
    # The global state of NumPy is neither read nor touched.
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert start_bytes(X, init_params, random_state=0, **kwargs) == seeds[0]


@pytest.mark.parametrize("init_params", DRAWN)
def test_no_seed_is_another_start_each_time(init_params: str) -> None:
    X = np.random.default_rng(0).normal(size=(100, 2))
    assert len({start_bytes(X, init_params, random_state=None) for _ in range(3)}) > 1


@pytest.mark.parametrize("init_params", INITS)
def test_a_random_state_of_the_old_kind_moves_on(init_params: str) -> None:
    X = np.random.default_rng(0).normal(size=(1500, 2))
    old = np.random.RandomState(3)
    first, second = (start_bytes(X, init_params, random_state=old) for _ in range(2))
    assert first != second
    again = np.random.RandomState(3)
    assert start_bytes(X, init_params, random_state=again) == first


# ---------------------------------------------------------------- what they find


@pytest.mark.parametrize("init_params", ["ward", "kmeans"])
def test_clear_clusters_are_found(
    init_params: str, covariance_type: str, clusters: tuple[np.ndarray, np.ndarray]
) -> None:
    X, labels = clusters
    for dtype in (np.float64, np.float32):
        model = start(X.astype(dtype), init_params, covariance_type=covariance_type)
        assert same_partition(model.predict(X.astype(dtype)), labels)
        means = np.array([X[labels == k].mean(axis=0) for k in range(3)])
        order = np.argsort(model.means_.argmax(axis=1))
        np.testing.assert_allclose(model.means_[order], means, rtol=1e-5, atol=1e-5)
        shares = np.bincount(labels) / len(labels)
        np.testing.assert_allclose(model.weights_[order], shares, rtol=1e-6)


def test_kmeans_starts_from_the_moments_of_its_clusters(
    covariance_type: str,
    clusters: tuple[np.ndarray, np.ndarray],
) -> None:
    X, labels = clusters
    model = start(X, "kmeans", covariance_type=covariance_type, reg_covar=0.5)
    order = np.argsort(model.means_.argmax(axis=1))
    scatter = np.array([np.cov(X[labels == k].T, bias=True) for k in range(3)])
    shares = np.bincount(labels) / len(labels)
    expected = in_shape_of(covariance_type, scatter + 0.5 * np.eye(3), shares)
    tied = covariance_type.startswith("tied")
    got = model.covariances_ if tied else model.covariances_[order]
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("init_params", ["k-means++", "random_from_data"])
def test_rows_become_means(init_params: str, covariance_type: str) -> None:
    X = np.random.default_rng(0).normal(size=(200, 2))
    for seed in range(5):
        model = start(X, init_params, 4, covariance_type=covariance_type, random_state=seed)
        distances = np.abs(X[:, None] - model.means_).max(axis=2)
        assert (distances.min(axis=0) == 0.0).all()
        assert len(set(distances.argmin(axis=0).tolist())) == 4
        np.testing.assert_allclose(model.weights_, 0.25, rtol=1e-12)


def test_kmeans_plus_plus_spreads_its_rows(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    X, labels = clusters
    for seed in range(10):
        model = start(X, "k-means++", random_state=seed)
        nearest = np.abs(X[:, None] - model.means_).max(axis=2).argmin(axis=0)
        assert sorted(labels[nearest].tolist()) == [0, 1, 2]


def test_random_responsibilities(covariance_type: str) -> None:
    X = 100.0 + np.random.default_rng(0).normal(size=(3000, 2))
    model = start(X, "random", 3, covariance_type=covariance_type)
    np.testing.assert_allclose(model.weights_, 1 / 3, atol=0.03)
    np.testing.assert_allclose(model.means_, np.tile(X.mean(axis=0), (3, 1)), atol=0.1)
    assert len({row.tobytes() for row in model.means_}) == 3


def test_random_responsibilities_are_drawn_for_each_row() -> None:
    """Not anew for each block of rows: twice as many of the same rows are another start."""
    X = np.random.default_rng(0).normal(size=(rows_per_block(3, 2), 2))
    one, two = start(X, "random"), start(np.tile(X, (2, 1)), "random")
    assert (np.abs(one.means_ - two.means_) > 1e-6).all()


@pytest.mark.parametrize("units", [[1.0, 1e6], [1e-6, 1.0], [1e6, 1.0], [1e-8, 1e8]])
def test_ward_does_not_mind_the_units(units: list[float], rng: np.random.Generator) -> None:
    """Two clusters side by side in the first column; the second is noise, in units of its own."""
    labels = np.repeat([0, 1], 100)
    X = (rng.normal(size=(200, 2)) + 12.0 * np.c_[labels, np.zeros(200)]) * units
    for covariance_type in ("full", "tied", "diag", "tied_diag"):
        model = start(X, "ward", 2, covariance_type=covariance_type, reg_covar=0.0)
        assert same_partition(model.predict(X), labels)


def test_ward_of_a_sample_of_many_rows(covariance_type: str) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(3, size=20_000)
    X = rng.normal(size=(20_000, 2)) + 12.0 * np.array([[0, 0], [1, 0], [0, 1]])[labels]
    model = start(X, "ward", covariance_type=covariance_type)
    assert same_partition(model.predict(X), labels)
    np.testing.assert_allclose(model.weights_, 1 / 3, atol=0.02)  # of 5000 rows


# ---------------------------------------------------------------- sample weights


@pytest.mark.parametrize("n_samples", [150, 12_000])
@pytest.mark.parametrize("init_params", INITS)
def test_rows_of_no_weight_have_no_say(
    init_params: str, n_samples: int, covariance_type: str
) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_samples, 2))
    weight = (rng.random(n_samples) < 0.5).astype(np.float64)
    elsewhere = X.copy()
    elsewhere[weight == 0.0] = 1e3 + 1e3 * rng.random((int((weight == 0.0).sum()), 2))
    kwargs = {"covariance_type": covariance_type, "sample_weight": weight}
    expected = start(X, init_params, **kwargs)
    model = start(elsewhere, init_params, **kwargs)
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(model, name), getattr(expected, name), rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("init_params", ["ward", "kmeans", "random"])
def test_weights_count_in_the_moments(init_params: str, covariance_type: str) -> None:
    """Ninety-nine in a hundred rows, by weight, are on the left."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 1)) + np.repeat([[-50.0], [50.0]], 200, axis=0)
    weight = np.repeat([99.0, 1.0], 200)
    model = start(X, init_params, 2, covariance_type=covariance_type, sample_weight=weight)
    if init_params == "random":
        np.testing.assert_allclose(model.means_, -49.0, atol=0.5)
    else:
        np.testing.assert_allclose(np.sort(model.weights_), [0.01, 0.99], rtol=1e-6)


@pytest.mark.parametrize("init_params", ["k-means++", "random_from_data"])
def test_weights_count_where_rows_are_drawn(init_params: str) -> None:
    """A row is drawn as one of the repeated rows would be: one in a hundred on the right."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 1)) + np.repeat([[-50.0], [50.0]], 200, axis=0)
    weight = np.repeat([99.0, 1.0], 200)
    means = [
        float(start(X, init_params, 1, sample_weight=weight, random_state=seed).means_[0, 0])
        for seed in range(60)
    ]
    assert sum(mean > 0.0 for mean in means) < 8


@pytest.mark.parametrize("init_params", ["ward", "kmeans"])
def test_weights_count_in_the_clustering(init_params: str) -> None:
    """By weight the pair to keep apart is 0 and 3; by number it is 3 and 10."""
    X = np.array([[0.0], [3.0], [10.0]])
    weight = np.array([100, 100, 1])
    repeated = np.repeat(X, weight, axis=0)
    expected = [0.0, (100 * 3.0 + 10.0) / 101]
    for rows, sample_weight in ((X, weight), (repeated, None)):
        found = 0
        for seed in range(20):  # one draw of k-means++ in a hundred begins at 0 and 10, and stays
            model = start(rows, init_params, 2, sample_weight=sample_weight, random_state=seed)
            found += np.allclose(np.sort(model.means_.ravel()), expected, atol=1e-12)
        assert found >= (20 if init_params == "ward" else 16)


# ---------------------------------------------------------------- given parameters


@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize(
    "names",
    [
        ("weights",),
        ("means",),
        ("precisions",),
        ("weights", "means"),
        ("means", "precisions"),
        ("weights", "precisions"),
        ("weights", "means", "precisions"),
    ],
)
def test_given_parameters_stand(
    names: tuple[str, ...],
    init_params: str,
    covariance_type: str,
) -> None:
    rng = np.random.default_rng(6)
    mixture = correlated_mixture(3, 2, rng)
    X, _ = mixture.sample(150, rng)
    given = {
        "weights": np.array([0.5, 0.3, 0.2]),
        "means": mixture.means + 1.0,
        "precisions": mixture.precisions_as(covariance_type),
    }
    kwargs = {"covariance_type": covariance_type}
    estimated = start(X, init_params, **kwargs)
    model = start(X, init_params, **kwargs, **{f"{name}_init": given[name] for name in names})
    for name, value in given.items():
        expected = value if name in names else getattr(estimated, f"{name}_")
        np.testing.assert_allclose(getattr(model, f"{name}_"), expected, rtol=1e-11, atol=1e-12)


def test_nothing_warns(covariance_type: str, clusters: tuple[np.ndarray, np.ndarray]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for init_params in INITS:
            start(clusters[0], init_params, covariance_type=covariance_type)
