"""Blocks of rows on threads: in order, each once, whatever fails, and few of them waiting."""

import threading
import time

import numpy as np
import pytest
from threads.limited import limit_threads

import fastgmm
from fastgmm.threads import available_threads
from fastgmm.threads import blocks as threads

THREADS = (1, 2, 3, 8)


@pytest.mark.parametrize("n_components", [1, 3, 50, 1000])
def test_blocks_are_larger_where_rows_are_cheaper(n_components: int) -> None:
    """A power of two between 2048 and 16384: about 2^25 operations of K D (D + 8) per row."""
    sizes = [threads.rows_per_block(n_components, d) for d in range(1, 200)]
    assert sizes == sorted(sizes, reverse=True)
    for d, size in enumerate(sizes, start=1):
        assert size in (2048, 4096, 8192, 16384)
        work = size * n_components * d * (d + 8)
        assert work <= 1 << 25 or size == threads.FEWEST_ROWS
        assert work > 1 << 24 or size == 16384


def test_no_more_threads_than_blocks_and_never_none() -> None:
    assert threads.threads_used(1000, 100, 8) == 8
    assert threads.threads_used(701, 100, 9) == 8
    assert threads.threads_used(700, 100, 9) == 7
    assert threads.threads_used(0, 100, 8) == threads.threads_used(100, 100, None) == 1
    assert threads.threads_used(10**9, 1, None) == available_threads() >= 1


def test_the_calling_thread_takes_part_and_is_alone_where_it_suffices() -> None:
    caller = threading.current_thread()
    names: list[bool] = []
    both = threading.Barrier(2)

    def work(begin: int, end: int) -> bool:
        both.wait(60.0)
        return threading.current_thread() is caller

    threads.fold_blocks(work, names.append, 2, 1, 2)
    assert sorted(names) == [False, True]
    seen: set[threading.Thread] = set()
    threads.run_blocks(lambda *_: seen.add(threading.current_thread()), 1000, 10, 1)
    assert seen == {caller}


@pytest.mark.parametrize("n_threads", THREADS)
def test_long_runs_are_cut_into_eight_calls_per_thread(n_threads: int) -> None:
    calls: list[int] = []
    threads.run_blocks(lambda begin, end: calls.append(end - begin), 100_000, 10, n_threads)
    assert sum(calls) == 100_000
    assert len(calls) == 8 * n_threads
    assert all(size % 10 == 0 for size in calls)


@pytest.mark.parametrize("n_threads", THREADS)
def test_blocks_come_in_order(n_threads: int) -> None:
    blocks: list[tuple[int, int]] = []
    threads.fold_blocks(lambda begin, end: (begin, end), blocks.append, 1000, 7, n_threads)
    assert blocks == [(begin, min(begin + 7, 1000)) for begin in range(0, 1000, 7)]
    threads.fold_blocks(lambda begin, end: begin, blocks.append, 0, 7, n_threads)
    assert len(blocks) == 143


@pytest.mark.parametrize("n_threads", THREADS)
def test_run_covers_every_row_once(n_threads: int) -> None:
    for n_rows in (1, 99, 100, 101, 12345):
        counts = np.zeros(n_rows, int)

        def work(begin: int, end: int, counts: np.ndarray = counts) -> None:
            counts[begin:end] += 1

        threads.run_blocks(work, n_rows, 10, n_threads)
        assert (counts == 1).all()


@pytest.mark.parametrize("n_threads", THREADS)
def test_error_in_a_block_comes_back(n_threads: int) -> None:
    calls: list[int] = []

    def work(begin: int, end: int) -> int:
        calls.append(begin)
        if begin in (50, 60):
            raise ZeroDivisionError(begin)
        return begin

    got: list[int] = []
    with pytest.raises(ZeroDivisionError, match="50"):
        threads.fold_blocks(work, got.append, 10_000, 10, n_threads)
    assert got == [0, 10, 20, 30, 40]
    # Work that was not begun is dropped.
    assert len(calls) < 100
    threads.run_blocks(lambda begin, end: None, 100, 10, n_threads)


@pytest.mark.parametrize("n_threads", THREADS)
def test_error_in_combining_comes_back(n_threads: int) -> None:
    got: list[int] = []

    def combine(begin: int) -> None:
        if begin == 30:
            raise ZeroDivisionError
        got.append(begin)

    with pytest.raises(ZeroDivisionError):
        threads.fold_blocks(lambda begin, end: begin, combine, 10_000, 10, n_threads)
    assert got == [0, 10, 20]


def test_nothing_runs_on_after_an_error() -> None:
    """Block 0 fails while block 1 is computed: the error waits for it, and block 2 never begins."""
    both = threading.Barrier(2)
    ended: list[int] = []

    def work(begin: int, end: int) -> None:
        both.wait(60.0)
        if begin == 0:
            raise ZeroDivisionError
        time.sleep(0.05)
        ended.append(begin)

    with pytest.raises(ZeroDivisionError):
        threads.fold_blocks(work, lambda _: None, 100, 1, 2)
    assert ended == [1]


def test_few_results_wait() -> None:
    """Blocks are not computed long before they are wanted: memory does not grow with the rows."""
    begun: list[int] = []
    first = threading.Event()

    def work(begin: int, end: int) -> None:
        begun.append(begin)
        if begin == 0:
            first.wait(60.0)
        elif len(begun) >= 2 * threads.AHEAD:
            first.set()  # block 0 has kept the others waiting for long enough

    at_first: list[int] = []
    threads.fold_blocks(work, lambda _: at_first.append(len(begun)), 1000, 1, 2)
    assert at_first[0] <= 2 * threads.AHEAD


# ---------------------------------------------------------------- limits of containers


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_what_no_thread_can_be_started_for_is_done_by_the_caller(
    monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    limit_threads(monkeypatch, allowed)
    for _ in range(20):
        blocks: list[int] = []
        threads.fold_blocks(lambda begin, end: begin, blocks.append, 1000, 7, 4)
        assert blocks == list(range(0, 1000, 7))
    with pytest.raises(ZeroDivisionError):
        threads.fold_blocks(lambda begin, end: 1 // begin, blocks.append, 1000, 7, 4)


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_results_do_not_depend_on_the_threads_that_can_be_started(
    monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    """Fits, batches that are read ahead, streams, scores and selections have the same bytes."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(66_000, 4)) + 4.0 * rng.integers(2, size=(66_000, 1))

    def results() -> list[bytes]:
        model = fastgmm.GaussianMixture(2, random_state=0, n_threads=4, max_iter=3, tol=10.0)
        found = [model.fit(rows).means_, model.score_samples(rows), model.predict(rows)]
        found.append(model.fit_batches([rows[:16384], rows[16384:]]).means_)
        learned = fastgmm.GaussianMixture(2, random_state=0, n_threads=4)
        found.append(learned.partial_fit(rows[:9000]).partial_fit(rows[9000:30_000]).means_)
        table = fastgmm.select(
            rows, [1, 2], ["full", "diag"], n_threads=4, random_state=0, n_init=1, max_iter=3
        ).table
        found.append(np.array([one.bic for one in table]))
        parts = np.array_split(rows[:6000], 60)
        found.append(fastgmm.fit_many(parts, 2, n_threads=4, random_state=0).means_)
        return [array.tobytes() for array in found]

    expected = results()
    limit_threads(monkeypatch, allowed)
    assert results() == expected


def test_ctrl_c_leaves_nothing_running() -> None:
    """Wherever it comes: the helpers have ended when the error reaches the caller."""
    both, working = threading.Barrier(2), []

    def work(begin: int, end: int) -> int:
        if begin < 2:
            both.wait(60.0)
        working.append(begin)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        time.sleep(0.05)
        working.remove(begin)
        return begin

    with pytest.raises(KeyboardInterrupt):
        threads.fold_blocks(work, lambda _: None, 1000, 1, 2)
    assert len(working) == 1
