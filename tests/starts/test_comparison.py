"""Candidates compared: what they promise, which are kept, and what becomes of those that fail."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fastgmm.starts.ward
from fastgmm import GaussianMixture
from fastgmm.data.sample import RowSampler
from fastgmm.em.regularization import Regularization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import (
    COMPARED_ROWS,
    COST,
    FEWEST_PASSES,
    FIRST_PASSES,
    KEPT,
    LEAST_COST,
    MOST_PASSES,
    Comparison,
    Entry,
    effort,
)
from fastgmm.starts.points import Start, StartRows
from fastgmm.starts.ward import candidates, ward_start
from fastgmm.validation import as_generator
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings(
    "ignore::fastgmm.errors.ConvergenceWarning", "ignore::fastgmm.errors.CollapseWarning"
)


def start(X: Any, n_components: int, covariance_type: str = "full", **kwargs: Any) -> Any:
    """Return the start itself: a fit of no iteration."""
    kwargs = {"random_state": 0, "max_iter": 0, **kwargs}
    return GaussianMixture(n_components, covariance_type=covariance_type, **kwargs).fit(X)


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


def test_the_highest_candidate_goes_on(covariance_type: str, overlapping: np.ndarray) -> None:
    """What each start reaches in the first passes, and the best of all in all passes."""
    model = start(overlapping, 5, covariance_type, n_init=6)
    of = Start("ward", 5, covariance_type, n_init=6)
    of = replace(of, regularization=Regularization.of(1e-6))
    sample = rows_of_start(overlapping, of, seed=sample_seed(0))
    every, firsts = [], []
    for index in range(6):
        data = replace(sample, start=replace(of, index=index))
        entries = [Entry(index, one, one) for one in candidates(data)]
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

    def some_fail(data: StartRows) -> Any:
        if data.start.index in failing:
            raise IllDefinedCovarianceError(f"number {data.start.index} is flat")
        return candidates(data)

    good = start(overlapping, 4, n_init=4).initializations_
    monkeypatch.setattr(fastgmm.starts.ward, "candidates", some_fail)
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


def test_a_promise_is_the_likelihood_after_a_few_passes(
    covariance_type: str, overlapping: np.ndarray
) -> None:
    """However many at a time."""
    rows = rows_of_start(overlapping, Start("ward", 4, covariance_type))
    candidate = ward_start(rows)
    n_rows, n_passes = effort(rows, candidate)
    assert n_rows >= len(overlapping) > n_passes > FIRST_PASSES
    entry, again = Entry(0, candidate, candidate), Entry(0, candidate, candidate)
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
    assert np.isfinite(Comparison(rows, candidates).enter(rows))
    candidate = ward_start(rows)
    means = candidate.means.copy()
    means[1] = 1e6
    candidate = replace(candidate, means=means)
    entry = Entry(0, candidate, candidate)
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


@pytest.mark.parametrize("n_features", [1, 3, 20, 90])
@pytest.mark.parametrize("n_components", [1, 6, 40])
def test_the_effort_stays_within_its_bounds(
    n_components: int, n_features: int, covariance_type: str, rng: np.random.Generator
) -> None:
    """The cost is counted as the multiply-adds of a triangle, or of a few vectors, per pair."""
    X = rng.normal(size=(2000, n_features))
    data = rows_of_start(X, Start("ward", n_components, covariance_type))
    one = np.ones(n_features)
    whole = {"full": np.diag(one), "tied": np.diag(one), "diag": one, "tied_diag": one}
    covariances = whole.get(covariance_type, np.asarray(1.0))
    if not covariance_type.startswith("tied"):
        covariances = np.stack([covariances] * n_components)
    weights = np.full(n_components, 1.0 / n_components)
    candidate = Mixture.from_covariances(weights, X[:n_components], covariances, covariance_type)
    n_rows, n_passes = effort(data, candidate)
    matrices = covariance_type in ("full", "tied")
    of_pair = (n_features + 1) * (n_features + 2) if matrices else 4 * (n_features + 1)
    cost = (n_passes + 1) * n_rows * n_components * of_pair
    assert n_passes == 0 or FEWEST_PASSES <= n_passes <= MOST_PASSES
    assert n_rows >= COMPARED_ROWS
    if n_passes > FEWEST_PASSES:
        assert cost <= COST
    elif n_passes == FEWEST_PASSES:
        assert cost <= LEAST_COST
    elif n_rows > COMPARED_ROWS:
        assert cost <= COST


def test_the_best_of_one_start_is_compared_to_the_end(overlapping: np.ndarray) -> None:
    """The candidates are handed in; one alone is not compared, and so promises nothing."""
    rows = rows_of_start(overlapping, Start("ward", 4, "full"))
    good = ward_start(rows)
    bad = replace(good, means=np.repeat(good.means.mean(axis=0)[None], 4, axis=0))
    for both in ([good, bad], [bad, good]):
        comparison = Comparison(rows, lambda _, both=both: both)
        assert np.isnan(comparison.enter(rows))
        index, chosen, promise = comparison.best()
        expected = [Entry(0, one, one) for one in both]
        for entry in expected:
            entry.go_on(rows, MOST_PASSES)
        assert (index, promise) == (0, max(one.promise for one in expected))
        assert chosen is max(expected, key=lambda one: one.promise).candidate
    alone = Comparison(rows, lambda _: [bad])
    alone.enter(rows)
    assert alone.best()[1] is bad
    assert np.isnan(alone.best()[2])
