"""Many data sets at once: each once, in order, few ahead, and no more when somebody has enough."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pytest

from fastgmm.fits import side_by_side
from fastgmm.fits.plan import Hooks
from fastgmm.fits.side_by_side import (
    LARGE,
    MOST_IN_CHUNK,
    NUMBERS_IN_CHUNK,
    WATCHED,
    AtOnce,
    Work,
    in_chunks,
)
from fastgmm.threads import Cancelled

THREADS = (1, 2, 5)


@dataclass(frozen=True)
class Item:
    number: int
    size: int = 10


def square(item: Item, n_threads: int | None, hooks: Hooks | None) -> int:
    return item.number**2


@pytest.mark.parametrize("n_threads", [*THREADS, None])
@pytest.mark.parametrize("n", [0, 1, 2, 31, 1000])
def test_each_item_once_and_in_order(n: int, n_threads: int | None) -> None:
    parts = list(in_chunks(map(Item, range(n)), Work(square, list), n_threads))
    assert [one for part in parts for one in part] == [i**2 for i in range(n)]
    assert all(1 <= len(part) <= MOST_IN_CHUNK for part in parts)


def test_few_items_are_shared_by_the_threads() -> None:
    sizes = [len(part) for part in in_chunks(map(Item, range(2000)), Work(square, list), 4)]
    assert sizes[:16] == [1] * 16
    assert sizes[-2] == MOST_IN_CHUNK


def test_a_chunk_holds_so_many_numbers() -> None:
    size = NUMBERS_IN_CHUNK // 3
    items = [*(Item(i, size) for i in range(200)), Item(200, 10 * size), Item(201, size)]
    sizes = [len(part) for part in in_chunks(items, Work(square, list), 1)]
    assert max(sizes) == 3
    assert sizes[-2:] == [1, 1]
    assert sum(sizes) == 202


def test_large_items_have_all_threads_one_at_a_time_and_are_watched() -> None:
    seen: dict[int, tuple[int | None, bool]] = {}
    at_work: list[int] = []

    def one(item: Item, n_threads: int | None, hooks: Hooks | None) -> int:
        seen[item.number] = n_threads, hooks is not None
        if item.size > LARGE:
            at_work.append(item.number)
            assert len(at_work) == 1
            at_work.pop()
        return item.number

    sizes = (10, WATCHED, WATCHED + 1, LARGE, LARGE + 1, LARGE + 1, LARGE + 1)
    items = [Item(i, size) for i, size in enumerate(sizes)]
    assert list(in_chunks(items, Work(one, list), 3)) == [[i] for i in range(7)]
    assert [seen[i] for i in range(4)] == [(1, False), (1, False), (1, True), (1, True)]
    assert [seen[i] for i in range(4, 7)] == [(3, True)] * 3
    # Nobody can cancel what the calling thread does.
    assert list(in_chunks(items, Work(one, list), 1)) == [[i] for i in range(7)]
    assert [seen[i] for i in range(7)] == [(1, False)] * 7


@pytest.mark.parametrize("n_threads", THREADS)
def test_items_are_taken_as_they_are_wanted(n_threads: int) -> None:
    taken: list[int] = []
    done: list[int] = []
    lead = 0

    def items() -> Iterator[Item]:
        nonlocal lead
        for i in range(300):
            assert threading.current_thread() is threading.main_thread()
            taken.append(i)
            lead = max(lead, len(taken) - len(done))
            yield Item(i, NUMBERS_IN_CHUNK)

    for part in in_chunks(items(), Work(square, list), n_threads):
        done += part
    assert len(done) == 300
    assert lead <= 2 * n_threads + 2


@pytest.mark.parametrize("n_threads", THREADS)
def test_an_error_ends_it_and_no_thread_is_left(n_threads: int) -> None:
    before = threading.active_count()
    begun: list[int] = []

    def one(item: Item, _: int | None, hooks: Hooks | None) -> int:
        begun.append(item.number)
        if item.number == 7:
            raise RuntimeError("seven")
        return item.number

    with pytest.raises(RuntimeError, match="seven"):
        list(in_chunks(map(Item, range(100_000)), Work(one, list), n_threads))
    assert threading.active_count() == before
    assert len(begun) < 1000


@pytest.mark.parametrize("n_threads", THREADS)
def test_who_has_enough_cancels_what_is_under_way(n_threads: int) -> None:
    before = threading.active_count()
    cancelled: list[object] = []

    def one(item: Item, _: int | None, hooks: Hooks | None) -> int:
        if item.number > 3 and n_threads > 1:
            assert hooks is not None
            assert hooks.callback is not None
            while not hooks.callback(None):  # type: ignore[arg-type]
                pass
            cancelled.append(item)
        return item.number

    for _ in in_chunks((Item(i, WATCHED + 1) for i in range(10_000)), Work(one, list), n_threads):
        break
    assert threading.active_count() == before
    assert len(cancelled) <= 2 * n_threads


def test_an_error_of_the_source_comes_back() -> None:
    def items() -> Iterator[Item]:
        yield from map(Item, range(50))
        raise OSError("the tape is torn")

    for n_threads in THREADS:
        with pytest.raises(OSError, match="torn"):
            list(in_chunks(items(), Work(square, list), n_threads))


def test_the_cut_grows_with_what_has_come() -> None:
    chunks = list(side_by_side._chunks(map(Item, range(100)), 1))
    assert [len(one) for one in chunks[:8]] == [1, 1, 1, 1, 2, 2, 3, 4]


def test_small_data_sets_stay_with_the_calling_thread() -> None:
    """Unless threads are asked for; the first one decides."""

    def names(size: int, n_threads: int | None) -> set[str]:
        work = side_by_side.Work(lambda *_: threading.current_thread().name, set)
        sets = [np.empty(size)] * 40
        return set().union(*side_by_side.in_chunks(sets, work, n_threads))

    mine = threading.current_thread().name
    assert names(side_by_side.SMALL - 1, None) == {mine}
    assert mine not in names(side_by_side.SMALL - 1, 2)


def test_what_one_call_can_do_is_done_by_it() -> None:
    """The rest of a chunk is worked on item by item; the first item tells of the threads."""
    seen, by_one = [], []

    def one(item: Item, n_threads: int | None, hooks: Hooks | None) -> int:
        by_one.append(item.number)
        return item.number

    def at_once(items: list[Item], cancelled: Cancelled) -> dict[int, int]:
        seen.append((threading.get_ident(), len(items)))
        return {i: item.number for i, item in enumerate(items) if item.number % 3}

    for takes in (lambda _: True, lambda _: False):
        seen.clear()
        by_one.clear()
        items = [Item(i, side_by_side.SMALL - 1) for i in range(40)]
        work = Work(one, list, AtOnce(takes, at_once))
        with closing(in_chunks(iter(items), work, None)) as parts:
            assert [number for part in parts for number in part] == list(range(40))
        assert sorted(by_one) == list(range(0, 40, 3))
        assert sum(n for _, n in seen) == 40
    assert {thread for thread, _ in seen} == {threading.get_ident()}
