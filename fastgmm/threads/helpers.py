"""Threads that wait for work; one more is started when work comes and none is idle.

Ctrl-C comes at any moment of the main thread, and also between the calls of a Python function that
takes a lock and that which gives it back: locks of `threading` above the plain one (conditions,
events, semaphores, and with them futures and executors) may then be held for ever, and whoever
wants them waits as long.  So all that the main thread shares with helpers is a queue in C, a flag,
or an operation on a container that nobody can interrupt.
"""

import _thread
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeAlias, TypeVar

from fastgmm.threads.processors import forget_limits

Work: TypeAlias = Callable[[], None]
"""What a helper does; it raises nothing."""
MOST_HELPERS = 1024
"""More than this many helpers are never wanted for one thing."""
LOST_AFTER = 1.0
"""After so many seconds without a result it is looked whether one was lost."""
LOOKS_EVERY = 0.01
"""Whoever waits for others to end looks after so many seconds whether they have."""
Key = TypeVar("Key")
"""The type of what tells one thing from another."""
Result = TypeVar("Result")
"""The type of what is computed for it."""
Ended: TypeAlias = tuple[Key, Result | None, BaseException | None]
"""A key with a result or an error."""
_idle: "deque[SimpleQueue[Work]]" = deque()
"""Where each idle helper waits for its next work."""

if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork: the child starts its own.
    os.register_at_fork(after_in_child=lambda: _idle.clear())


class Cancelled(Protocol):
    """Something that is set once and can be asked for, such as a `Flag`."""

    def set(self) -> None:
        """Set it."""

    def is_set(self) -> bool:
        """Whether it was set."""


class Flag:
    """What is set once and can be asked for; that of `threading.Event` has a lock."""

    __slots__ = ("_is_set",)

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Set it."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set


class Computing(Generic[Key, Result]):
    """What helpers compute now, and what has ended and waits to be taken."""

    def __init__(self) -> None:
        self._stopped = False
        self._now: set[Key] = set()
        self._ended = SimpleQueue[Ended[Key, Result]]()
        self._lost: BaseException | None = None

    def one(self, key: Key, function: Callable[[Key], Result]) -> bool:
        """Compute one thing on a helper, unless all was stopped; whether it has raised no error.

        Errors are handed on like results.
        """
        try:
            # It is said first, and looked at then: whoever stops sees it, or is seen.
            self._now.add(key)
            if self._stopped:
                return True
            ended = computed(key, function)
        finally:
            # Before the result can be taken: nobody is to wait for what has ended.
            self._now.discard(key)
        try:
            self._ended.put(ended)
        except BaseException as error:  # there is no memory for it: whoever waits finds this
            self._lost = error
        return ended[2] is None

    def ended(self, wait: bool) -> "list[Ended[Key, Result]]":
        """What has ended; with `wait` at least one thing."""
        found = []
        try:
            if wait:
                found.append(self._following())
            while True:
                found.append(self._ended.get_nowait())
        except Empty:
            return found

    def following(self) -> tuple[Key, Result]:
        """The next thing that has ended, for which it waits; an error is raised."""
        key, result, error = self._following()
        if error is not None:
            raise error
        return key, result  # type: ignore[return-value]

    def _following(self) -> "Ended[Key, Result]":
        while True:
            try:
                return self._ended.get(timeout=LOST_AFTER)
            except Empty:
                if self._lost is not None:
                    raise self._lost from None

    def stop(self) -> None:
        """Let nothing more begin."""
        self._stopped = True

    def wait(self) -> None:
        """Wait, after a stop, until nothing is computed.

        Whoever presses Ctrl-C again does not leave it running: it is over in a moment.
        """
        while self._now:
            with suppress(Empty, KeyboardInterrupt):
                self._ended.get(timeout=LOOKS_EVERY)


def computed(key: Key, function: Callable[[Key], Result]) -> "Ended[Key, Result]":
    """A key with what a function says of it, or with the error that it has raised."""
    try:
        return key, function(key), None
    except BaseException as error:  # it is raised where the result is asked for
        return key, None, error


def call_helpers(work: Work, n_helpers: int) -> int:
    """Have `work` called on so many threads beside the caller's own; returns on how many.

    Containers limit the number of threads: where none can be started there are fewer.
    """
    for n in range(min(n_helpers, MOST_HELPERS)):
        try:
            place = _idle.pop()
        except IndexError:
            place = SimpleQueue()
            try:
                _thread.start_new_thread(_wait_for_work, (place,))
            except RuntimeError:
                return n
        place.put(work)
    return min(n_helpers, MOST_HELPERS)


def _wait_for_work(place: "SimpleQueue[Work]") -> None:
    while True:
        work = place.get()
        try:
            work()
        finally:
            forget_limits()
        del work  # what has been worked on need not wait for what comes next
        _idle.append(place)
