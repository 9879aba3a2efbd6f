"""Candidates compared: what they promise, which are kept, and what becomes of those that fail."""

from dataclasses import replace

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.data.sample import RowSampler
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import (
    COMPARED_ROWS,
    COST,
    FEWEST_PASSES,
    LEAST_COST,
    MOST_PASSES,
    Entry,
    effort,
    entered,
    go_on,
    is_weak,
    ranked,
)
from fastgmm.starts.points import Start, StartRows
from fastgmm.starts.turns import ward_start
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings(
    "ignore::fastgmm.errors.ConvergenceWarning", "ignore::fastgmm.errors.CollapseWarning"
)


def rows_of_start(X: np.ndarray, of: Start, index: int = 0, seed: int = 0) -> StartRows:
    sampler = RowSampler(seed, len(X), keep_rows=False)
    sampler.add(len(X), X, None)
    return StartRows(sampler.sample(X), replace(of, index=index), 1)


@pytest.fixture
def overlapping(rng: np.random.Generator) -> np.ndarray:
    """Return 500 rows of which no two starts make the same."""
    return np.asarray(correlated_mixture(5, 3, rng, separation=1.5).sample(500, rng)[0])


def test_a_promise_is_the_likelihood_after_a_few_passes(
    covariance_type: str, overlapping: np.ndarray
) -> None:
    """However many at a time."""
    rows = rows_of_start(overlapping, Start("ward", 4, covariance_type))
    candidate = ward_start(rows)
    n_rows, n_passes = effort(rows)
    assert n_rows >= len(overlapping) > n_passes > 5
    entry, again = Entry(0, 0, candidate, candidate), Entry(0, 0, candidate, candidate)
    for most in (5, 10**6):
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
        go_on(rows, [entry], most)
        assert entry.promise == pytest.approx(model.score(overlapping), rel=1e-10)
    go_on(rows, [again], 10**6)
    assert again.promise == entry.promise
    assert again.n_passes == entry.n_passes == n_passes


def test_what_fails_promises_nothing(overlapping: np.ndarray) -> None:
    """A component that no row is near has no covariance where no ridge gives it one."""
    rows = rows_of_start(overlapping, Start("ward", 3, "full", n_init=2))
    candidate = ward_start(rows)
    means = candidate.means.copy()
    means[1] = 1e6
    candidate = replace(candidate, means=means)
    entry = Entry(0, 0, candidate, candidate)
    go_on(rows, [entry], 5)
    assert entry.promise == -np.inf
    assert entry.weak


@pytest.mark.parametrize("n_features", [1, 3, 20, 90])
@pytest.mark.parametrize("n_components", [1, 6, 40])
def test_the_effort_stays_within_its_bounds(
    n_components: int, n_features: int, covariance_type: str, rng: np.random.Generator
) -> None:
    """The cost is counted as the multiply-adds of a triangle, or of a few vectors, per pair."""
    X = rng.normal(size=(2000, n_features))
    data = rows_of_start(X, Start("ward", n_components, covariance_type))
    n_rows, n_passes = effort(data)
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


def test_the_best_of_one_start_comes_first(overlapping: np.ndarray) -> None:
    """The candidates are handed in; one alone is not compared, and so promises nothing."""
    rows = rows_of_start(overlapping, Start("ward", 4, "full"))
    good = ward_start(rows)
    bad = replace(good, means=np.repeat(good.means.mean(axis=0)[None], 4, axis=0))
    for both in ([good, bad], [bad, good]):
        found = ranked(rows, both, FEWEST_PASSES)
        expected = entered(rows, both, FEWEST_PASSES)
        assert {one.promise for one in found} == {one.promise for one in expected}
        assert found[0].promise > found[1].promise
        assert [both[one.place] is one.candidate for one in found] == [True, True]
        assert found[0].candidate is good
    (alone,) = ranked(rows, [bad], FEWEST_PASSES)
    assert alone.candidate is bad
    assert np.isnan(alone.promise)


def test_a_weak_candidate_comes_last(rng: np.random.Generator) -> None:
    """Three rows on a line, far away: there the likelihood is as high as the ridge allows."""
    X = np.concatenate([rng.normal(size=(100, 2)), 20.0 + np.arange(3)[:, None] * [1e-3, 2e-3]])
    of = Start("ward", 2, "full", regularization=Regularization.of(1e-9))
    rows = rows_of_start(X, of)
    weights, means = np.array([0.97, 0.03]), np.array([[0.0, 0.0], [20.0, 20.0]])
    spike = Mixture.from_covariances(weights, means, np.stack([np.eye(2)] * 2), "full")
    broad = replace(spike, weights=np.full(2, 0.5), means=np.array([[0.0, 0.0], [0.1, 0.0]]))
    broad = Mixture.from_covariances(
        broad.weights, broad.means, np.stack([np.eye(2), 30.0 * np.eye(2)]), "full"
    )
    first, last = ranked(rows, [spike, broad], FEWEST_PASSES)
    assert (first.candidate, last.candidate) == (broad, spike)
    assert first.promise < last.promise
    assert (first.weak, last.weak) == (False, True)


@pytest.mark.parametrize("n_rows", [2.9, 3.1])
def test_a_component_needs_rows_for_a_volume(n_rows: float, covariance_type: str) -> None:
    """A matrix of two features three, two variances two, and where all share one a single row."""
    weights = np.array([1.0 - n_rows / 100.0, n_rows / 100.0])
    kinds = {"full": np.eye(2), "tied": np.eye(2), "diag": np.ones(2), "tied_diag": np.ones(2)}
    covariances = kinds.get(covariance_type, np.asarray(1.0))
    if not covariance_type.startswith("tied"):
        covariances = np.stack([covariances] * 2)
    mixture = Mixture.from_covariances(weights, np.eye(2), covariances, covariance_type)
    few = covariance_type == "full" and n_rows < 3.0
    assert is_weak(mixture, Regularization.of(1e-6), 100.0) == few
    assert is_weak(mixture, Regularization.of(1e-6), 50.0) == (
        covariance_type in ("full", "diag", "spherical")
    )
    assert not is_weak(mixture, Regularization.of(1e-6), 1e6)


def test_what_cannot_win_any_more_is_dropped(overlapping: np.ndarray) -> None:
    """Its pace does not bring it ahead of the leader in the passes that are left."""
    candidate = ward_start(rows_of_start(overlapping, Start("ward", 3, "full")))
    leader = Entry(0, 0, candidate, candidate, promise=-2.0, n_passes=10)
    for pace, may_lead in ((0.1, False), (0.11, True), (np.inf, True)):
        behind = Entry(0, 1, candidate, candidate, promise=-3.0, n_passes=10, pace=pace)
        assert behind.may_lead(leader, 20) == may_lead
        assert not replace(behind, pace=0.11).may_lead(leader, 19)


def test_the_pace_is_what_the_last_passes_have_brought(overlapping: np.ndarray) -> None:
    rows = rows_of_start(overlapping, Start("ward", 4, "full"))
    candidate = ward_start(rows)
    entry = Entry(0, 0, candidate, candidate)
    go_on(rows, [entry], 2)
    assert entry.pace == np.inf
    before = entry.promise
    go_on(rows, [entry], 6)
    assert entry.pace == pytest.approx((entry.promise - before) / 4)
    assert entry.pace > 0.0


@pytest.mark.parametrize("n_rows", [500, 60_000])
def test_a_run_goes_on_from_passes_over_all_rows(n_rows: int, rng: np.random.Generator) -> None:
    """Those over some of the rows, and those that have led to a weak mixture, were for choosing."""
    X = correlated_mixture(3, 2, rng, separation=1.5).sample(n_rows, rng)[0]
    rows = rows_of_start(X, Start("ward", 3, "full"))
    candidate = ward_start(rows)
    entry = Entry(0, 0, candidate, candidate)
    assert entry.begun(rows) is candidate
    go_on(rows, [entry], 5)
    assert entry.begun(rows) is (entry.reached if n_rows == 500 else candidate)
    entry.weak = True
    assert entry.begun(rows) is candidate
