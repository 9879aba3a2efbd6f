"""Many data sets of any size: each is worked on by one thread, several at a time, in chunks."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from threading import Lock
from typing import Generic, Protocol, TypeVar

from fastgmm.fits.plan import Hooks
from fastgmm.threads import Cancelled, Flag, as_they_come, free_threads
from fastgmm.values import dataclass

MOST_IN_CHUNK = 32
"""A thread takes at most this many data sets at a time, and fewer where few have come."""
NUMBERS_IN_CHUNK = 1 << 16
"""The data sets of a chunk hold about this many numbers together, unless it is a single one."""
CHUNKS_PER_WORKER = 4
"""A chunk is at most one of so many that each worker would have of those that have come."""
WATCHED = 1 << 17
"""A fit of more numbers than this is asked after each iteration whether it is still wanted; of
fewer it is over within a moment."""
SMALL = 1 << 11
"""Data sets of fewer numbers than this are worked on by the calling thread alone, unless the user
asks for threads, or one call can be made for all of a chunk: else most is Python, and two threads
that hand the interpreter to each other for every kernel took 1.2 times as long as one."""
LARGE = 1 << 21
"""Data sets of more numbers than this have work for all threads, and come one at a time."""


class DataSet(Protocol):
    """What is worked on."""

    @property
    def size(self) -> int:
        """About how many numbers it holds."""


Item = TypeVar("Item", bound=DataSet)
"""The type of one of the data sets."""
Result = TypeVar("Result")
"""The type of what is found for one of them."""
Part = TypeVar("Part")
"""The type of what is kept of a chunk."""


@dataclass(frozen=True, eq=False)
class AtOnce(Generic[Item, Result]):
    """How one call, without the interpreter, is made for several data sets of a chunk.

    Parameters
    ----------
    takes : callable
        takes(item) tells whether an item is one of those: the first item is asked for all.
    found : callable
        found(items, cancelled) is what is found for those of a chunk, by their places; it may end
        early where they are cancelled.
    """

    takes: Callable[[Item], bool]
    found: Callable[[list[Item], Cancelled], dict[int, Result]]


@dataclass(frozen=True, eq=False)
class Work(Generic[Item, Result, Part]):
    """What is done for each of many data sets.

    Parameters
    ----------
    one : callable
        one(item, n_threads, hooks) is what is found for an item, whose passes have so many threads.
    together : callable
        together(results) is what is kept of the results of a chunk, in the order of its items.
    at_once : AtOnce, optional
    """

    one: Callable[[Item, int | None, Hooks | None], Result]
    together: Callable[[list[Result]], Part]
    at_once: AtOnce[Item, Result] | None = None


def in_chunks(
    items: Iterable[Item], work: Work[Item, Result, Part], n_threads: int | None
) -> Generator[Part]:
    """What is kept of each chunk of the items, in their order; few of them wait.

    The calling thread takes the items from where they come.  No result depends on the threads, nor
    on the cut into chunks, unless `work.together` says more than its results do.
    """
    workers, cancelled, large = n_threads or free_threads(), Flag(), Lock()
    items = iter(items)
    if (first := next(items, None)) is not None:
        items = chain([first], items)
        alone = n_threads is None and first.size < SMALL
        if alone and not (work.at_once is not None and work.at_once.takes(first)):
            workers = 1
    watching = Hooks(cancelled=cancelled.is_set) if workers > 1 else None

    def chunk(taken: list[Item], _: Cancelled) -> Part:
        found: list[Result] = []
        known = {} if work.at_once is None else work.at_once.found(taken, cancelled)
        for i, item in enumerate(taken):
            if cancelled.is_set():
                break
            if i in known:
                found.append(known[i])
            elif item.size > LARGE and workers > 1:
                with large:
                    found.append(work.one(item, n_threads, watching))
            else:
                hooks = watching if item.size > WATCHED else None
                found.append(work.one(item, 1, hooks))
        return work.together(found)

    waiting: dict[int, Part] = {}
    following = 0
    with closing(as_they_come(_chunks(items, workers), chunk, workers, cancelled)) as ended:
        for i, part in ended:
            waiting[i] = part
            while following in waiting:
                yield waiting.pop(following)
                following += 1


def _chunks(items: Iterable[Item], workers: int) -> Iterator[list[Item]]:
    """The items, some at a time: the more have come, the more of them are one chunk."""
    taken: list[Item] = []
    numbers = 0
    for n_before, item in enumerate(items):
        if taken and numbers + item.size > NUMBERS_IN_CHUNK:
            yield taken
            taken, numbers = [], 0
        taken.append(item)
        numbers += item.size
        if len(taken) >= min(MOST_IN_CHUNK, 1 + n_before // (CHUNKS_PER_WORKER * workers)):
            yield taken
            taken, numbers = [], 0
    if taken:
        yield taken
