"""Ward's start: what it finds, and that no thread, weight or batch changes it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture, kernels, select
from fastgmm.errors import IllDefinedCovarianceError
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings(
    "ignore::fastgmm.errors.ConvergenceWarning", "ignore::fastgmm.errors.CollapseWarning"
)

ARRAYS = ("weights_", "means_", "covariances_")


def start(X: Any, n_components: int, covariance_type: str = "full", **kwargs: Any) -> Any:
    """Return the start itself: a fit of no iteration."""
    weight = kwargs.pop("sample_weight", None)
    kwargs = {"random_state": 0, "max_iter": 0, **kwargs}
    model = GaussianMixture(n_components, covariance_type=covariance_type, **kwargs)
    return model.fit(X, sample_weight=weight)


def content(model: GaussianMixture) -> list[bytes]:
    return [np.asarray(getattr(model, name)).tobytes() for name in ARRAYS]


def assert_same(one: GaussianMixture, other: GaussianMixture, rtol: float = 1e-9) -> None:
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=rtol)


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


@pytest.fixture
def overlapping(rng: np.random.Generator) -> np.ndarray:
    """Return 500 rows of which no two starts make the same."""
    return np.asarray(correlated_mixture(5, 3, rng, separation=1.5).sample(500, rng)[0])


# ---------------------------------------------------------------- candidates


@pytest.mark.parametrize("n_init", [1, 4])
def test_nothing_left_is_an_error(n_init: int, rng: np.random.Generator) -> None:
    """A constant column, and no ridge: whichever rows are taken, a covariance is flat."""
    X = np.c_[rng.normal(size=(60, 2)), np.full(60, 3.0)]
    for covariance_type in ("full", "tied", "diag", "tied_diag"):
        with pytest.raises(IllDefinedCovarianceError, match="not positive definite"):
            start(X, 3, covariance_type, n_init=n_init, reg_covar=0.0)
    assert len(start(X, 3, "spherical", n_init=n_init, reg_covar=0.0).means_) == 3


def test_as_many_components_as_rows(covariance_type: str, rng: np.random.Generator) -> None:
    X = 10.0 * rng.normal(size=(7, 2))
    for n_init in (1, 3):
        means = start(X, 7, covariance_type, n_init=n_init, reg_covar=1e-3).means_
        np.testing.assert_allclose(means[np.lexsort(means.T)], X[np.lexsort(X.T)], rtol=1e-12)


# ---------------------------------------------------------------- what they find


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_init", [1, 5])
def test_clear_clusters_of_many_sizes(
    n_init: int, covariance_type: str, rng: np.random.Generator
) -> None:
    mixture = correlated_mixture(6, 3, rng)
    labels = np.repeat(np.arange(6), [40, 60, 200, 25, 90, 300])
    noise = np.linalg.cholesky(mixture.covariances)[labels] @ rng.normal(size=(715, 3, 1))
    corners = 40.0 * np.array(list(np.ndindex(2, 2, 2)))[rng.permutation(8)[:6]]
    X = corners[labels] + noise[:, :, 0]
    order = rng.permutation(715)
    for dtype in (np.float64, np.float32):
        rows = X[order].astype(dtype)
        model = start(rows, 6, covariance_type, n_init=n_init, random_state=int(order[0]))
        assert same_partition(model.predict(rows), labels[order])
        assert model.means_.dtype == dtype


@pytest.mark.parametrize(
    ("n_features", "distance", "max_iter"), [(2, 9.0, 0), (3, 9.0, 100), (10, 12.0, 100)]
)
@pytest.mark.parametrize("seed", range(5))
def test_needles_side_by_side(
    n_features: int, distance: float, max_iter: int, rng: np.random.Generator
) -> None:
    """Ward's method cuts them across; by likelihood the pieces make needles again."""
    needle = rng.integers(3, size=900)
    X = rng.normal(size=(900, n_features))
    X[:, 0] *= 8.0
    X[:, 1] += distance * needle
    X = X @ np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    for covariance_type in ("full", "tied"):
        model = start(X, 3, covariance_type, max_iter=max_iter)
        assert same_partition(model.predict(X), needle)


@pytest.mark.parametrize("seed", range(5))
def test_columns_whose_variances_mean_something(rng: np.random.Generator) -> None:
    """Two clusters along the one wide column; in units of deviations the others drown it."""
    labels = rng.integers(2, size=300)
    X = rng.normal(size=(300, 20))
    X[:, 0] += 20.0 * labels
    for covariance_type in ("diag", "tied_diag", "full", "tied"):
        model = start(X, 2, covariance_type, max_iter=100)
        assert same_partition(model.predict(X), labels)


# ---------------------------------------------------------------- rows and weights


@pytest.mark.parametrize("n_init", [1, 3])
@pytest.mark.parametrize("n_samples", [300, 12_000])
def test_threads_change_no_bit(n_samples: int, n_init: int, covariance_type: str) -> None:
    rng = np.random.default_rng(n_samples)
    X = correlated_mixture(4, 3, rng, separation=1.5).sample(n_samples, rng)[0]
    models = [start(X, 4, covariance_type, n_init=n_init, n_threads=n) for n in (1, 2, 3)]
    assert content(models[0]) == content(models[1]) == content(models[2])


def test_weight_two_is_the_row_twice(
    covariance_type: str, overlapping: np.ndarray, rng: np.random.Generator
) -> None:
    weight = rng.integers(1, 4, len(overlapping))[:400]
    X = overlapping[:400]
    weighted = start(X, 4, covariance_type, sample_weight=weight)
    assert_same(weighted, start(np.repeat(X, weight, axis=0), 4, covariance_type))


@pytest.mark.parametrize("n_init", [1, 4])
def test_rows_without_weight_are_ignored(
    n_init: int, covariance_type: str, overlapping: np.ndarray, rng: np.random.Generator
) -> None:
    """Wherever they are: all in one place, or scattered."""
    weight = rng.exponential(size=500) * (rng.random(500) < 0.6)
    expected = start(overlapping, 4, covariance_type, n_init=n_init, sample_weight=weight)
    for elsewhere in (1e4, 1e3 * rng.normal(size=(500, 3))):
        X = np.where(weight[:, None] > 0.0, overlapping, elsewhere)
        model = start(X, 4, covariance_type, n_init=n_init, sample_weight=weight)
        assert_same(model, expected)
    if n_init == 1:
        kept = weight > 0.0
        fewer = start(overlapping[kept], 4, covariance_type, sample_weight=weight[kept])
        assert_same(fewer, expected)


@pytest.mark.parametrize("n_init", [1, 3])
@pytest.mark.parametrize("n_samples", [700, 25_000])
def test_batches_give_the_same_start(n_samples: int, n_init: int, covariance_type: str) -> None:
    """Of more rows than a start looks at, too."""
    rng = np.random.default_rng(n_samples)
    X = correlated_mixture(4, 3, rng, separation=1.5).sample(n_samples, rng)[0]
    for weight in (None, rng.exponential(size=n_samples)):
        expected = start(X, 4, covariance_type, n_init=n_init, sample_weight=weight)
        cuts = range(0, n_samples, n_samples // 3 + 1)
        batches = [X[i : i + cuts.step] for i in cuts]
        if weight is not None:
            batches = list(zip(batches, [weight[i : i + cuts.step] for i in cuts], strict=True))
        model = GaussianMixture(**expected.get_params()).fit_batches(batches)
        assert_same(model, expected)
        promises = [[one.lower_bound for one in m.initializations_] for m in (model, expected)]
        if n_init > 1:
            np.testing.assert_allclose(*promises, rtol=1e-9)


# ---------------------------------------------------------------- one tree for many fits


def test_shared_trees_give_every_number_of_clusters(
    covariance_type: str, overlapping: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four sizes, two starts: no more trees than for one size."""
    params = {"n_init": 2, "max_iter": 20, "gap_tol": 1e-4, "random_state": 5, "n_threads": 1}
    made: dict[str, int] = {}

    def noted(name: str, tree: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            made[name] = made.get(name, 0) + 1
            return tree(*arguments)

        return counted

    for name in ("grow", "merge_by_likelihood"):
        monkeypatch.setattr(kernels, name, noted(name, getattr(kernels, name)))
    chosen = select(overlapping, range(2, 6), covariance_type, **params)
    assert made["grow"] <= (2 if covariance_type.endswith("spherical") else 4)
    assert made["merge_by_likelihood"] == 2
    again = select(overlapping, range(2, 6), covariance_type, **params)
    assert again.table == chosen.table
    assert content(again.model) == content(chosen.model)
