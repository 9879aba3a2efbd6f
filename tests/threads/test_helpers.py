"""Helpers: threads that wait for work, and what they compute."""

import os
import threading
import time
from collections import deque
from queue import SimpleQueue

import pytest
from threads.limited import limit_threads as few_threads

from fastgmm.threads import helpers
from fastgmm.threads.helpers import Computing, Flag, call_helpers, computed
from fastgmm.threads.processors import _own, as_helper, limit_threads


@pytest.fixture(autouse=True)
def _no_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "_idle", deque())


def called(n: int) -> set[int]:
    """Call n helpers at once, and return the identities of their threads."""
    together, ended = threading.Barrier(n), SimpleQueue[int]()

    def work() -> None:
        together.wait(60.0)
        ended.put(threading.get_ident())

    assert call_helpers(work, n) == n
    found = {ended.get(timeout=60.0) for _ in range(n)}
    while len(helpers._idle) < n:
        time.sleep(0.001)
    return found


def test_helpers_that_are_idle_are_called_again() -> None:
    first = called(3)
    assert len(first) == 3
    assert threading.get_ident() not in first
    assert called(2) <= first
    assert first < called(5)


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_there_are_as_many_as_can_be_started(allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    few_threads(monkeypatch, allowed)
    ended, go = SimpleQueue[None](), SimpleQueue[None]()

    def work() -> None:
        go.get()  # a helper that were done already would be called again
        ended.put(None)

    assert call_helpers(work, 3) == allowed
    for _ in range(allowed):
        go.put(None)
    for _ in range(allowed):
        ended.get(timeout=60.0)


def test_a_helper_forgets_the_limits_of_its_last_work() -> None:
    found = SimpleQueue[tuple[int | None, bool]]()
    limit_threads(1)
    try:
        begin = as_helper()

        def work() -> None:
            begin()
            found.put((_own.limit, _own.counted))

        call_helpers(work, 1)
        assert found.get(timeout=60.0)[1]
    finally:
        limit_threads(10**6)
    while not helpers._idle:
        time.sleep(0.001)
    call_helpers(lambda: found.put((_own.limit, _own.counted)), 1)
    assert found.get(timeout=60.0) == (None, False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_starts_helpers_of_its_own() -> None:
    called(2)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if len(called(2)) == 2 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_results_and_errors_are_handed_on() -> None:
    computing = Computing[int, int]()
    assert computing.ended(wait=False) == []
    assert computing.one(2, lambda key: 10 // key)
    assert computing.following() == (2, 5)
    assert not computing.one(0, lambda key: 10 // key)
    with pytest.raises(ZeroDivisionError):
        computing.following()
    computing.one(5, lambda key: 10 // key)
    computing.one(1, lambda key: 10 // key)
    assert computing.ended(wait=True) == [(5, 2, None), (1, 10, None)]
    assert computed(5, lambda key: 10 // key) == (5, 2, None)


def test_nothing_begins_after_a_stop_and_what_has_begun_is_waited_for() -> None:
    computing, begun, seen = Computing[int, None](), threading.Event(), list[int]()

    def slow(key: int) -> None:
        begun.set()
        time.sleep(0.05)
        seen.append(key)

    call_helpers(lambda: computing.one(1, slow), 1)
    assert begun.wait(60.0)
    computing.stop()
    computing.wait()
    assert seen == [1]
    computing.one(2, slow)
    computing.wait()
    assert seen == [1]


def test_a_result_that_was_lost_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "LOST_AFTER", 0.01)
    computing = Computing[int, None]()

    class Full(SimpleQueue[object]):
        def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
            raise MemoryError

    monkeypatch.setattr(computing, "_ended", Full())
    computing.one(1, lambda _: None)
    with pytest.raises(MemoryError):
        computing.following()


def test_flags() -> None:
    flag = Flag()
    assert not flag.is_set()
    flag.set()
    assert flag.is_set()
