"""Turns: with which mixture each run of a fit begins, what is wanted, and what waits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fastgmm.starts.turns as module
from fastgmm import GaussianMixture
from fastgmm.data.sample import RowSampler
from fastgmm.em.regularization import Regularization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import MOST_PASSES, entered, go_on, ranked
from fastgmm.starts.kinds import COMPARED_KINDS, candidates
from fastgmm.starts.points import Start, StartRows
from fastgmm.starts.turns import FIRST_PASSES, KEPT, BestOfAll, EachStart, turns_of, ward_start
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings(
    "ignore::fastgmm.errors.ConvergenceWarning", "ignore::fastgmm.errors.CollapseWarning"
)

K = 5


def rows_of(X: np.ndarray, n_init: int, covariance_type: Any = "full") -> StartRows:
    of = Start("ward", K, covariance_type, n_init=n_init)
    sampler = RowSampler(3, len(X), keep_rows=False)
    sampler.add(len(X), X, None)
    regularization = Regularization.of(1e-6)
    return StartRows(sampler.sample(X), replace(of, regularization=regularization), 1, 3)


def start_of(data: StartRows, index: int) -> StartRows:
    """Return the rows of one start; the first is what it is alone."""
    n_init = data.start.n_init if index else 1
    return replace(data, start=replace(data.start, index=index, n_init=n_init))


def failing(indices: set[int]) -> Callable[..., list[Mixture]]:
    def some(data: StartRows, *kinds: Any) -> list[Mixture]:
        if data.start.index in indices:
            raise IllDefinedCovarianceError(f"number {data.start.index} is flat")
        return candidates(data, *kinds)

    return some


def same(one: Mixture | None, other: Mixture | None) -> bool:
    assert one is not None
    assert other is not None
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("weights", "means", "covariances")
    )


@pytest.fixture
def overlapping(rng: np.random.Generator) -> np.ndarray:
    """Return 500 rows of which no two starts make the same."""
    return np.asarray(correlated_mixture(K, 3, rng, separation=1.5).sample(500, rng)[0])


@pytest.fixture
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any run cost too much for each start to have one."""
    monkeypatch.setattr(module, "COST", 0)


def test_each_start_has_a_run_where_runs_are_cheap(overlapping: np.ndarray) -> None:
    assert isinstance(turns_of(rows_of(overlapping, 4)), EachStart)
    large = np.repeat(overlapping, 30, axis=0)
    assert isinstance(turns_of(rows_of(large, 4)), BestOfAll)
    assert isinstance(turns_of(rows_of(large, 1)), EachStart)


def test_each_start_begins_with_its_best_candidate(
    covariance_type: str, overlapping: np.ndarray
) -> None:
    """And what waits comes after them, the best of all starts first, until nothing is left."""
    data, waiting = rows_of(overlapping, 5, covariance_type), []
    turns = EachStart(data)
    assert (turns.n_wanted, turns.promises) == (5, ())
    for index in range(5):
        of_start = start_of(data, index)
        most = FIRST_PASSES if index else MOST_PASSES
        first, *others = ranked(of_start, candidates(of_start), most)
        assert turns.index(index) == index
        assert same(turns.turn(index), first.begun(of_start))
        waiting += others
    waiting.sort(key=lambda one: one.rank)
    assert len(waiting) >= 4
    resumed = EachStart(data)
    for number, one in enumerate(waiting, start=5):
        for each in (turns, resumed):
            assert each.index(number) == one.index
            assert same(each.turn(number), one.candidate)
    assert turns.turn(5 + len(waiting)) is None


def test_the_first_start_is_what_it_is_alone(covariance_type: str, overlapping: np.ndarray) -> None:
    alone = turns_of(rows_of(overlapping, 1, covariance_type)).turn(0)
    assert same(EachStart(rows_of(overlapping, 3, covariance_type)).turn(0), alone)
    assert same(ward_start(rows_of(overlapping, 1, covariance_type)), alone)
    of_all = BestOfAll(rows_of(overlapping, 3, covariance_type))
    assert same(of_all.turn(of_all.n_wanted - 1), alone)


def test_the_best_of_all_begins(covariance_type: str, overlapping: np.ndarray) -> None:
    """The best after all passes, of those that were best after the first of them."""
    data, every = rows_of(overlapping, 6, covariance_type), []
    for index in range(6):
        of_start = start_of(data, index)
        every.append(entered(of_start, candidates(of_start, COMPARED_KINDS), FIRST_PASSES))
    firsts = [max(one.promise for one in of_start) for of_start in every]
    kept = sorted((one for of_start in every for one in of_start), key=lambda one: one.rank)[:KEPT]
    go_on(data, kept, MOST_PASSES)
    best = min(kept, key=lambda one: one.rank)
    firsts[best.index] = best.promise
    turns = BestOfAll(data)
    assert [one.index for one in turns.promises] == list(range(6))
    assert [one.value for one in turns.promises] == firsts
    assert turns.index(0) == best.index
    alone, *_ = ranked(start_of(data, 0), candidates(start_of(data, 0)), MOST_PASSES)
    one = alone if alone.rank[2:] == best.rank[2:] else best
    assert same(turns.turn(0), one.begun(data))
    n_candidates = sum(map(len, every))
    mixtures = [turns.turn(number) for number in range(n_candidates)]
    assert all(one is not None for one in mixtures)
    assert len({one.means.tobytes() for one in mixtures if one is not None}) == n_candidates
    assert turns.turn(n_candidates) is None


@pytest.mark.usefixtures("dear")
@pytest.mark.parametrize("bad", [{0}, {1, 3}, {0, 1, 2}])
def test_starts_without_a_candidate_are_dropped(
    bad: set[int], overlapping: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"n_init": 4, "random_state": 0, "max_iter": 3}
    good = GaussianMixture(4, **params).fit(overlapping).initializations_
    monkeypatch.setattr(module, "candidates", failing(bad))
    model = GaussianMixture(4, **params).fit(overlapping)
    for one, before in zip(model.initializations_, good, strict=True):
        if one.index in bad:
            assert (one.lower_bound, one.chosen) == (-np.inf, False)
            assert one.failure == f"number {one.index} is flat"
        else:
            assert one.failure is None
            if not one.chosen and not before.chosen:
                assert one.lower_bound == before.lower_bound
    assert sum(one.chosen for one in model.initializations_) == 1


@pytest.mark.parametrize("bad", [{0}, {1, 2}])
def test_a_start_without_a_candidate_has_a_turn_that_fails(
    bad: set[int], overlapping: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "candidates", failing(bad))
    turns = EachStart(rows_of(overlapping, 3))
    for index in range(3):
        if index in bad:
            with pytest.raises(IllDefinedCovarianceError, match=f"number {index} is flat"):
                turns.turn(index)
        else:
            assert turns.turn(index) is not None
    assert turns.turn(3) is not None
    assert turns.index(3) not in bad
