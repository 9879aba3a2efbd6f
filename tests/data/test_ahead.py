"""Items that are read ahead on another thread."""

import threading
from collections.abc import Iterator

import pytest

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


def test_a_reader_stays_on_one_thread_and_is_closed_there() -> None:
    seen: list[threading.Thread] = []

    def reader() -> Iterator[int]:
        try:
            for i in range(5):
                seen.append(threading.current_thread())
                yield i
        finally:
            seen.append(threading.current_thread())

    walk = read_ahead(reader())
    assert next(walk) == 0
    walk.close()
    assert 2 <= len(seen) <= 3
    assert len(set(seen)) == 1
    assert seen[0] is not threading.current_thread()
    assert not seen[0].is_alive()


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
    readers = []
    begin = ahead._Reader.begin

    def interrupted(self: ahead._Reader) -> None:
        begin(self)
        readers.append(self._thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(ahead._Reader, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(ahead.read_ahead(range(3)))
    readers[0].join(10.0)
    assert not readers[0].is_alive()
