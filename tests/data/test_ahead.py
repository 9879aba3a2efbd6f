"""Items that are read ahead on another thread."""

import _thread
import os
import threading
import time
from collections.abc import Iterator

import pytest
from threads.limited import limit_threads

from fastgmm.data import ahead
from fastgmm.data.ahead import read_ahead


def test_the_next_batch_is_read_meanwhile() -> None:
    """It is asked for before the one in hand is done with, and no other before it is."""
    asked = [threading.Event() for _ in range(5)]

    def reader() -> Iterator[int]:
        for i, event in enumerate(asked):
            event.set()
            yield i

    for i, got in enumerate(read_ahead(reader())):
        assert got == i
        assert i == 4 or asked[i + 1].wait(60.0)
        assert not any(event.is_set() for event in asked[i + 2 :])
    assert list(read_ahead([])) == []


def until_so_many_run(n: int) -> None:
    """Wait until no more threads run than there were."""
    end = time.monotonic() + 60.0
    while _thread._count() > n and time.monotonic() < end:
        time.sleep(0.001)
    assert _thread._count() <= n


def test_a_reader_stays_on_one_thread_and_is_closed_there() -> None:
    seen: list[int] = []

    def reader() -> Iterator[int]:
        try:
            for i in range(5):
                seen.append(threading.get_ident())
                yield i
        finally:
            seen.append(threading.get_ident())

    n_threads = _thread._count()
    walk = read_ahead(reader())
    assert next(walk) == 0
    walk.close()
    assert 2 <= len(seen) <= 3
    assert len(set(seen)) == 1
    assert seen[0] != threading.get_ident()
    until_so_many_run(n_threads)


def test_no_thread_of_threading_is_started() -> None:
    """Those are kept by weak references, and Python forgets a Ctrl-C that comes as it drops one."""
    known = len(threading._dangling)
    walk = read_ahead(range(3))
    assert next(walk) == 0
    assert len(threading._dangling) == known
    assert list(walk) == [1, 2]


def test_the_caller_reads_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_threads(monkeypatch, 0)
    seen = []

    def reader() -> Iterator[int]:
        try:
            yield threading.get_ident()
        finally:
            seen.append(threading.get_ident())

    assert list(read_ahead(reader())) == [threading.get_ident()] == seen


def test_a_reader_without_memory_for_its_last_item_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ahead, "LOST_AFTER", 0.01)
    monkeypatch.setattr(ahead._Reader, "_fetch", lambda self: None)
    with pytest.raises(MemoryError, match="ended without memory"):
        next(read_ahead(range(3)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_neither_goes_on_nor_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "LOST_AFTER", 0.01)
    for as_error in (True, False):
        walk = read_ahead(range(9))
        assert next(walk) == 0
        if (child := os.fork()) == 0:
            code = 1
            try:
                if as_error:
                    list(walk)
                walk.close()
                code = 0 if list(read_ahead(range(3))) == [0, 1, 2] else 2
            except RuntimeError as error:
                code = 3 if "forked" in str(error) else 4
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (3 if as_error else 0)
        assert list(walk) == list(range(1, 9))


def test_an_error_of_the_reader_comes_after_what_it_read() -> None:
    def reader() -> Iterator[int]:
        yield 0
        raise OSError("the disk is gone")

    walk = read_ahead(reader())
    assert next(walk) == 0
    with pytest.raises(OSError, match="the disk is gone"):
        next(walk)


def test_a_walk_that_is_left_may_be_ended_while_threads_start() -> None:
    """The garbage collector ends it wherever it comes, with locks of `threading` held."""
    closed: list[int] = []

    def reader(number: int) -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            closed.append(number)

    walks = [read_ahead(reader(number)) for number in range(3)]
    assert [next(walk) for walk in walks] == [0, 0, 0]
    lock = getattr(threading, "_shutdown_locks_lock", None) or threading.Lock()
    with lock:
        while walks:
            walks.pop()  # the last reference
    assert sorted(closed) == [0, 1, 2]


def test_an_error_while_it_is_closed_is_raised() -> None:
    def reader() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            raise OSError("the disk is gone")

    walk = read_ahead(reader())
    assert next(walk) == 0
    with pytest.raises(OSError, match="the disk is gone"):
        walk.close()


def test_an_interrupt_at_the_start_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = ahead._Reader.begin

    def interrupted(self: ahead._Reader) -> None:
        begin(self)
        raise KeyboardInterrupt

    n_threads = _thread._count()
    monkeypatch.setattr(ahead._Reader, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(ahead.read_ahead(range(3)))
    until_so_many_run(n_threads)
