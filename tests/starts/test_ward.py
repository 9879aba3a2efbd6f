"""Ward's start: its candidates, what they promise, and that no thread or batch changes them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fastgmm.starts.ward
from fastgmm import GaussianMixture, select
from fastgmm.data.sample import RowSampler
from fastgmm.em.regularization import Regularization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.starts.points import Start, StartRows
from fastgmm.starts.ward import FIRST_PASSES, KEPT, Comparison, _effort, _Entry, ward_start
from fastgmm.validation import as_generator
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


def sample_seed(random_state: int) -> int:
    """What a fit with this random_state draws its sample with."""
    return int(as_generator(random_state).integers(2**63))


def rows_of_start(X: np.ndarray, of: Start, index: int = 0, seed: int = 0) -> StartRows:
    sampler = RowSampler(seed, len(X), keep_rows=False)
    sampler.add(len(X), X, None)
    return StartRows(sampler.sample(X), replace(of, index=index), 1)


@pytest.fixture
def overlapping(rng: np.random.Generator) -> np.ndarray:
    """Return 500 rows of which no two starts make the same."""
    return np.asarray(correlated_mixture(5, 3, rng, separation=1.5).sample(500, rng)[0])


# ---------------------------------------------------------------- candidates


def test_the_highest_candidate_goes_on(covariance_type: str, overlapping: np.ndarray) -> None:
    """What each start reaches in the first passes, and the best of all in all passes."""
    model = start(overlapping, 5, covariance_type, n_init=6)
    of = Start("ward", 5, covariance_type, n_init=6)
    of = replace(of, regularization=Regularization.of(1e-6))
    sample = rows_of_start(overlapping, of, seed=sample_seed(0))
    every, firsts = [], []
    for index in range(6):
        data = replace(sample, start=replace(of, index=index))
        entries = [_Entry(index, one, one) for one in fastgmm.starts.ward._candidates(data)]
        for entry in entries:
            entry.go_on(sample, FIRST_PASSES)
        firsts.append(max(one.promise for one in entries))
        every += entries
    kept = sorted(every, key=lambda one: -one.promise)[:KEPT]
    for entry in kept:
        entry.go_on(sample, 10**6)
    best = max(kept, key=lambda one: one.promise)
    firsts[best.index] = best.promise
    reached = model.initializations_
    assert [one.index for one in reached] == list(range(6))
    np.testing.assert_allclose([one.lower_bound for one in reached], firsts, rtol=1e-12)
    assert [one.chosen for one in reached] == [index == best.index for index in range(6)]
    assert len(set(firsts)) > 1
    np.testing.assert_array_equal(model.means_, best.candidate.means)


@pytest.mark.parametrize("failing", [{0}, {1, 3}, {0, 1, 2}])
def test_candidates_that_degenerate_are_dropped(
    failing: set[int], overlapping: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = fastgmm.starts.ward._candidates

    def some_fail(data: StartRows) -> Any:
        if data.start.index in failing:
            raise IllDefinedCovarianceError(f"number {data.start.index} is flat")
        return candidates(data)

    good = start(overlapping, 4, n_init=4).initializations_
    monkeypatch.setattr(fastgmm.starts.ward, "_candidates", some_fail)
    model = start(overlapping, 4, n_init=4)
    for one, before in zip(model.initializations_, good, strict=True):
        if one.index in failing:
            assert (one.lower_bound, one.chosen) == (-np.inf, False)
            assert one.failure == f"number {one.index} is flat"
        else:
            assert one.failure is None
            if not one.chosen and not before.chosen:
                assert one.lower_bound == before.lower_bound
    (chosen,) = [one for one in model.initializations_ if one.chosen]
    assert chosen.lower_bound == max(one.lower_bound for one in model.initializations_)


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


# ---------------------------------------------------------------- promises


def test_a_promise_is_the_likelihood_after_a_few_passes(
    covariance_type: str, overlapping: np.ndarray
) -> None:
    """However many at a time."""
    rows = rows_of_start(overlapping, Start("ward", 4, covariance_type))
    candidate = ward_start(rows)
    n_rows, n_passes = _effort(rows, candidate)
    assert n_rows >= len(overlapping) > n_passes > FIRST_PASSES
    entry, again = _Entry(0, candidate, candidate), _Entry(0, candidate, candidate)
    for most in (FIRST_PASSES, 10**6):
        model = GaussianMixture.from_parameters(
            candidate.weights,
            candidate.means,
            candidate.covariances,
            covariance_type=covariance_type,
            max_iter=min(n_passes, most),
            tol=0.0,
            gap_tol=None,
            reg_covar=0.0,
            acceleration=None,
            warm_start=True,
        ).fit(overlapping)
        entry.go_on(rows, most)
        assert entry.promise == pytest.approx(model.score(overlapping), rel=1e-10)
    again.go_on(rows, 10**6)
    assert again.promise == entry.promise
    assert again.n_passes == entry.n_passes == n_passes


def test_what_fails_promises_nothing(overlapping: np.ndarray) -> None:
    """A component that no row is near has no covariance where no ridge gives it one."""
    rows = rows_of_start(overlapping, Start("ward", 3, "full", n_init=2))
    assert np.isfinite(Comparison(rows).enter(rows))
    candidate = ward_start(rows)
    means = candidate.means.copy()
    means[1] = 1e6
    candidate = replace(candidate, means=means)
    entry = _Entry(0, candidate, candidate)
    entry.go_on(rows, FIRST_PASSES)
    assert entry.promise == -np.inf


def test_a_fit_ends_no_lower_than_its_best_promise(
    covariance_type: str, overlapping: np.ndarray
) -> None:
    """Up to what the rule of `tol` leaves; of few rows all are looked at, and none is repaired."""
    params = {"n_init": 5, "random_state": 1, "max_iter": 2000, "on_collapse": "warn"}
    for tol, slack in ((1e-3, 2e-3), (1e-7, 1e-6)):
        model = GaussianMixture(5, covariance_type=covariance_type, tol=tol, **params)
        model.fit(overlapping)
        promises = [one.lower_bound for one in model.initializations_]
        assert model.lower_bound_ > max(promises) - slack


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

    for name in ("ward_tree", "likelihood_tree"):
        monkeypatch.setattr(
            fastgmm.starts.ward, name, noted(name, getattr(fastgmm.starts.ward, name))
        )
    chosen = select(overlapping, range(2, 6), covariance_type, **params)
    assert made["ward_tree"] <= (2 if covariance_type.endswith("spherical") else 4)
    assert made["likelihood_tree"] == 2
    again = select(overlapping, range(2, 6), covariance_type, **params)
    assert again.table == chosen.table
    assert content(again.model) == content(chosen.model)
