"""Items that are fetched on another thread while the ones before are worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def read_ahead(items: Iterable[Any]) -> Iterator[Any]:
    """The items, each fetched on another thread while the one before is worked on.

    One thread fetches them all: what a reader opens may belong to the thread that opened it. Where
    no thread can be started, that is the caller's own, and nothing is read ahead.
    """
    # This import takes 5 ms, and most programs never read a batch.
    from concurrent.futures import ThreadPoolExecutor

    nothing = object()
    with ThreadPoolExecutor(1, thread_name_prefix="fastgmm-reader") as reader:
        try:
            begun = reader.submit(iter, items)
        except RuntimeError:  # containers limit the number of threads
            yield from closing(items)
            return
        iterator = begun.result()
        following = reader.submit(next, iterator, nothing)
        try:
            while (item := following.result()) is not nothing:
                following = reader.submit(next, iterator, nothing)
                yield item
        finally:
            following.cancel()
            close = getattr(iterator, "close", None)
            if close is not None:
                reader.submit(close).result()


def closing(items: Iterable[Any]) -> Iterator[Any]:
    """The items, whose iterator is closed in the end, where it can be."""
    iterator = iter(items)
    try:
        yield from iterator
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
