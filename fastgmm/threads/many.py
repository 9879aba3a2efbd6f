"""Many things, each worked on by one thread, several at a time; results come as they end."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from fastgmm.threads.blocks import AHEAD
from fastgmm.threads.helpers import Cancelled, Computing, call_helpers
from fastgmm.threads.processors import Claim, as_helper

Item = TypeVar("Item")
"""The type of one of many things that work is done for."""
Result = TypeVar("Result")
"""The type of what is found for it."""


def as_they_end(
    order: list[int],
    one: Callable[[int, Cancelled], Result],
    workers: int,
    cancelled: Cancelled,
) -> Generator[tuple[int, Result]]:
    """Each index with what `one` says of it, as they end; so many threads begin them in order.

    Where no thread can be started, the caller's own does the work.  Whoever asks for no more, or
    raises an error, cancels what is still under way.
    """
    todo, computing, begin = deque(order), Computing[int, Result](), as_helper()
    asked = [one]

    def work() -> None:
        begin()
        while todo:
            try:
                i = todo.popleft()
            except IndexError:  # another thread was faster
                return
            computing.one(i, lambda i: asked[0](i, cancelled))

    with Claim(workers, exactly=True):
        try:
            if call_helpers(work, workers) == 0:
                for i in order:
                    yield i, one(i, cancelled)
                return
            for _ in order:
                yield computing.following()
        finally:
            todo.clear()
            cancelled.set()
            computing.stop()
            computing.wait()
            asked.clear()  # a helper may take a moment to leave, and holds nothing any more


def as_they_come(
    items: Iterable[Item],
    one: Callable[[Item, Cancelled], Result],
    workers: int,
    cancelled: Cancelled,
) -> Generator[tuple[int, Result]]:
    """Each item's number with what `one` says of it, as they end, of items that nobody has counted.

    The calling thread takes them from where they come, a few ahead of so many threads that work;
    one worker is the calling thread itself, and so it is where no thread can be started.  Whoever
    asks for no more, or raises an error, cancels what is still under way.
    """
    if workers == 1:
        for i, item in enumerate(items):
            yield i, one(item, cancelled)
        return
    todo, computing = SimpleQueue[tuple[int, list[Item]] | None](), Computing[int, Result]()
    begin, asked = as_helper(), [one]

    def of_item(place: list[Item], _: int) -> Result:
        return asked[0](place.pop(), cancelled)  # nothing else holds the item at the end

    def work() -> None:
        begin()
        while (given := todo.get()) is not None:
            if not cancelled.is_set():
                computing.one(given[0], partial(of_item, given[1]))

    with Claim(workers, exactly=True):
        n_helpers = waiting = 0
        try:
            for i, item in enumerate(items):
                # A helper for each item, up to so many: of few items few have work.
                if n_helpers < workers:
                    n_helpers += call_helpers(work, 1)
                    workers = workers if n_helpers > i else n_helpers
                if n_helpers == 0:
                    yield i, one(item, cancelled)
                    continue
                todo.put((i, [item]))
                del item
                waiting += 1
                if waiting >= AHEAD * n_helpers:
                    waiting -= 1
                    yield computing.following()
            for _ in range(waiting):
                yield computing.following()
        finally:
            cancelled.set()
            computing.stop()
            # Ctrl-C may have come before the last helper was counted.
            for _ in range(n_helpers + 1):
                todo.put(None)
            computing.wait()
            asked.clear()  # a helper may take a moment to leave, and holds nothing any more
