"""Many things on threads: each worked on once, in the order of their ends, whatever fails."""

import signal
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from threads.limited import limit_threads

import fastgmm
from fastgmm.threads import AHEAD, many

THREADS = (1, 2, 3, 8)


@pytest.mark.parametrize("workers", THREADS)
@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_items_that_come_are_each_worked_on_once(workers: int, n: int) -> None:
    cancelled = threading.Event()
    found = many.as_they_come(iter(range(n)), lambda item, _: item**2, workers, cancelled)
    assert sorted(found) == [(i, i**2) for i in range(n)]
    assert cancelled.is_set() == (workers > 1)


@pytest.mark.parametrize("allowed", [0, 1, 2, 3])
def test_items_come_where_few_threads_can_be_started(
    monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    limit_threads(monkeypatch, allowed)
    before = threading.active_count()
    found = many.as_they_come(range(30), lambda item, _: -item, 4, threading.Event())
    assert sorted(found) == [(i, -i) for i in range(30)]
    assert threading.active_count() == before


def test_the_calling_thread_takes_items_while_others_work() -> None:
    """At most two for each thread wait, and all of them end when somebody has enough."""
    taken: list[int] = []
    begun = threading.Semaphore(0)

    def items() -> Iterator[int]:
        for i in range(1000):
            assert threading.current_thread() is threading.main_thread()
            taken.append(i)
            yield i

    def work(item: int, cancelled: threading.Event) -> int:
        begun.release()
        if item > 0:
            assert cancelled.wait(60.0)
        return item

    before = threading.active_count()
    ended = many.as_they_come(items(), work, 2, threading.Event())
    assert next(ended) == (0, 0)
    assert len(taken) == AHEAD * 2
    for _ in range(3):
        assert begun.acquire(timeout=60.0)
    ended.close()
    assert threading.active_count() == before
    assert len(taken) == AHEAD * 2


def test_errors_of_items_and_of_work_come_back() -> None:
    before = threading.active_count()
    for workers in THREADS:
        with pytest.raises(ZeroDivisionError):
            list(
                many.as_they_come([3, 0, 1], lambda item, _: 1 // item, workers, threading.Event())
            )
        with pytest.raises(ZeroDivisionError):
            list(
                many.as_they_come(
                    (1 // i for i in (1, 1, 0)), lambda item, _: item, workers, threading.Event()
                )
            )
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system has no such signals")
def test_ctrl_c_ends_many_fits_within_a_moment() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 2))
    before = threading.active_count()

    def endless() -> Iterator[np.ndarray]:
        while True:
            yield rows

    main = threading.main_thread().ident
    assert main is not None
    # Whoever runs the tests in the background may have switched the signal off.
    was = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fastgmm.fit_many(endless(), 2, n_threads=2)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, was)
    assert threading.active_count() == before
