"""Items that are fetched on another thread while the ones before are worked on."""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from fastgmm.threads.helpers import LOST_AFTER

_END = object()
"""This comes after the last item."""


def read_ahead(items: Iterable[Any]) -> Generator[Any]:
    """The items, each fetched on another thread while the one before is worked on.

    One thread fetches them all: what a reader opens may belong to the thread that opened it. Where
    no thread can be started, that is the caller's own, and nothing is read ahead.
    """
    reader = _Reader(items)
    try:
        try:
            reader.begin()
        except RuntimeError:  # containers limit the number of threads
            yield from closing(items)
            return
        while (item := reader.following()) is not _END:
            yield item
    finally:  # An interrupt may come while the thread begins, too: it would wait for ever.
        reader.end()


class _Reader:
    """A thread that fetches one item each time it is asked to.

    A walk that nobody has closed is ended by the garbage collector, on any thread and in the middle
    of anything, such as the start of a thread, which holds locks of `threading`.  So an end takes
    none of these: it is an item of a queue, and a plain lock tells that the thread has ended.  An
    executor's shutdown needs some, and has hung a test.  The thread is none of `threading` at all,
    which keeps its threads by weak references: Python prints and forgets a Ctrl-C that comes while
    it drops one.
    """

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self._asked = SimpleQueue[bool]()
        self._found = SimpleQueue[tuple[Any, BaseException | None]]()
        self._error: BaseException | None = None
        self._process = os.getpid()
        self._threads: list[int] = []  # its identity, once it has begun
        self._running = _thread.allocate_lock()  # until it has ended

    def begin(self) -> None:
        """Start the thread, which fetches the first item."""
        self._asked.put(True)
        self._running.acquire()
        # No Ctrl-C comes between the start and the note of it: both happen within one call in C.
        self._threads.extend(map(_thread.start_new_thread, (self._work,), ((),)))

    def _work(self) -> None:
        try:
            self._fetch()
        finally:
            self._running.release()

    def _fetch(self) -> None:
        iterator: Iterator[Any] | None = None
        try:
            iterator = iter(self._items)
            while self._asked.get():
                self._found.put((next(iterator, _END), None))
        except BaseException as error:  # it is raised where the item is asked for
            self._found.put((_END, error))
        close = getattr(iterator, "close", None)
        try:
            if close is not None:
                close()
        except BaseException as error:  # it is raised where the walk is ended
            self._error = error

    def following(self) -> Any:
        """The next item, or `_END`; the one after it is fetched meanwhile."""
        while True:
            try:
                item, error = self._found.get(timeout=LOST_AFTER)
                break
            except Empty:
                self._check_that_it_runs()
        if error is not None:
            raise error
        if item is not _END:
            self._asked.put(True)
        return item

    def _check_that_it_runs(self) -> None:
        if self._process != os.getpid():
            raise RuntimeError(
                "a walk over batches was begun before this process was forked, and its reader is a "
                "thread of the other one: begin a new walk here."
            )
        if not self._running.locked() and self._found.empty():
            raise MemoryError("a reader of batches has ended without memory for its last item.")

    def end(self) -> None:
        """Have the iterator closed on its thread, and wait for that."""
        self._asked.put(False)
        # In a process that ends no other thread runs, nor does one after a fork, and none can wait
        # for itself, or for one that has not begun.
        here = _thread.get_ident() in self._threads
        gone = sys.is_finalizing() or self._process != os.getpid()
        if self._threads and not here and not gone:
            self._running.acquire()
        if self._error is not None and not here:
            raise self._error


def closing(items: Iterable[Any]) -> Generator[Any]:
    """The items, whose iterator is closed in the end, where it can be."""
    iterator = iter(items)
    try:
        yield from iterator
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
