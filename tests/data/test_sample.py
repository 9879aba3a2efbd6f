"""Samples of rows: the same whatever the batches, and what starts make of them is made once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from fastgmm.data.sample import KEYS_PER_STREAM, Made, RowSampler, Sample, weight_of_row


def test_what_many_threads_ask_for_is_made_once() -> None:
    made, calls, barrier = Made(), [], threading.Barrier(4)

    def make(key: str) -> Callable[[], object]:
        def one() -> object:
            calls.append(key)
            return object()

        return one

    def ask(_: int) -> list[object]:
        barrier.wait()
        return [made.once(key, make(key)) for key in "abc"]

    with ThreadPoolExecutor(4) as pool:
        first, *others = list(pool.map(ask, range(4)))
    assert sorted(calls) == ["a", "b", "c"]
    assert all(other == first for other in others)


def test_what_fails_is_tried_again() -> None:
    made = Made()
    with pytest.raises(ZeroDivisionError):
        made.once("key", lambda: 1 // 0)
    assert made.once("key", lambda: None) is None
    assert made.once("key", lambda: 1 // 0) is None


def test_weights_are_counts_unless_they_are_light() -> None:
    assert weight_of_row(None) == 1.0
    assert weight_of_row(np.array([1.0, 3.0])) == 1.0
    assert weight_of_row(np.array([0.1, 0.3, 0.0])) == pytest.approx(0.2)


# ---------------------------------------------------------------- what is drawn

N, CAPACITY = 700, 100


def drawn(
    rows: np.ndarray, weight: np.ndarray | None, cuts: Any = (), *, seed: int = 5, kept: bool = True
) -> Sample:
    sampler = RowSampler(seed, CAPACITY, keep_rows=kept)
    weights = [None] * (len(cuts) + 1) if weight is None else np.split(weight, cuts)
    for part, w in zip(np.split(rows, cuts), weights, strict=True):
        sampler.add(len(part), part, w)
    return sampler.sample() if kept else sampler.sample(rows, weight)


@pytest.fixture(params=["alike", "weighted"])
def weight(request: pytest.FixtureRequest, rng: np.random.Generator) -> np.ndarray | None:
    if request.param == "alike":
        return None
    return rng.exponential(size=N) * (np.arange(N) % 3 > 0)


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((N, 2))


def test_a_sample_is_distinct_rows_of_positive_weight(
    rows: np.ndarray, weight: np.ndarray | None
) -> None:
    sample = drawn(rows, weight)
    assert (sample.whole, sample.weight) == (False, None)
    assert len(sample.order) == len(set(sample.order.tolist())) == CAPACITY
    places = [int(np.flatnonzero((rows == row).all(axis=1))[0]) for row in sample.rows]
    assert places == sorted(set(places))  # in the order in which they came
    if weight is not None:
        assert (weight[places] > 0).all()


def test_batches_do_not_matter(
    rows: np.ndarray, weight: np.ndarray | None, rng: np.random.Generator
) -> None:
    whole = drawn(rows, weight)
    for n_cuts in (1, 7, 300):
        part = drawn(rows, weight, np.sort(rng.choice(N, n_cuts, replace=False)))
        np.testing.assert_array_equal(part.rows[part.order], whole.rows[whole.order])
    assert not np.array_equal(drawn(rows, weight, seed=6).rows, whole.rows)


def test_numbers_alone_name_the_same_rows(rows: np.ndarray, weight: np.ndarray | None) -> None:
    kept, noted = (drawn(rows, weight, (30, 400), kept=kept) for kept in (True, False))
    assert noted.rows is rows
    assert noted.weight is None
    np.testing.assert_array_equal(rows[noted.order], kept.rows[kept.order])


@pytest.mark.parametrize("kept", [True, False])
def test_all_rows_are_kept_while_they_may_fit(
    kept: bool, rows: np.ndarray, weight: np.ndarray | None
) -> None:
    few = rows[:CAPACITY], None if weight is None else weight[:CAPACITY]
    sample = drawn(*few, (20, 50), kept=kept)
    assert sample.whole
    np.testing.assert_array_equal(sample.rows, few[0])
    if weight is None:
        assert sample.weight is None
        assert sorted(sample.order) == list(range(CAPACITY))
    else:
        np.testing.assert_array_equal(sample.weight, few[1])
        assert sorted(sample.order) == np.flatnonzero(few[1]).tolist()


def test_keys_of_later_streams_are_used_from_their_beginning() -> None:
    """Across the end of one stream of keys: the numbers are those of the streams by themselves."""
    n = KEYS_PER_STREAM + 500
    rows = np.arange(n, dtype=float)[:, None]
    keys = np.concatenate(
        [np.random.default_rng([9, stream]).random(KEYS_PER_STREAM) for stream in (0, 1)]
    )[:n]
    sampler = RowSampler(9, 64, keep_rows=True)
    for begin in range(0, n, 40_000):
        part = rows[begin : begin + 40_000]
        sampler.add(len(part), part, None)
    sample = sampler.sample()
    np.testing.assert_array_equal(sample.rows[sample.order, 0], np.argsort(keys)[:64])


def test_weights_are_odds() -> None:
    """Of two kinds of rows, the first to be drawn is of a kind as often as the kind weighs."""
    weight = np.tile([3.0, 1.0], N // 2)
    rows = np.tile([[1.0], [0.0]], (N // 2, 1))
    firsts = [drawn(rows, weight, seed=seed) for seed in range(400)]
    share = np.mean([sample.rows[sample.order[0], 0] for sample in firsts])
    assert abs(share - 0.75) < 4.0 * np.sqrt(0.75 * 0.25 / 400)


def test_turns_take_other_rows_while_there_are_some() -> None:
    sample = Sample(np.zeros((10, 1)), None, np.array([7, 2, 9, 4, 1]), False)
    assert sample.drawn(2).tolist() == [2, 7]
    assert sample.drawn(2, 1).tolist() == [4, 9]
    assert sample.drawn(2, 2).tolist() == [1, 7]
    assert sample.drawn(99).tolist() == [1, 2, 4, 7, 9] == sample.drawn(5, 3).tolist()


@pytest.mark.parametrize("cuts", [[7], [1, 2, 3, 1], [3, 0, 4]])
def test_keys_are_those_of_the_whole_stream(cuts: list[int]) -> None:
    """However few of them are drawn, and in however many parts."""
    sampler = RowSampler(5, 100, keep_rows=True)
    for n in cuts:
        sampler.add(n, np.zeros((n, 1)), None)
    keys = np.random.default_rng([5, 0]).random(KEYS_PER_STREAM)[:7]
    np.testing.assert_array_equal(sampler.sample().order, np.argsort(keys))
