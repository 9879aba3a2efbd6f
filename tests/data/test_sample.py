"""Samples of rows: what starts make of them is made once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastgmm.data.sample import Made, weight_of_row


def test_what_many_threads_ask_for_is_made_once() -> None:
    made, calls, barrier = Made(), [], threading.Barrier(4)

    def make(key: str) -> Callable[[], object]:
        def one() -> object:
            calls.append(key)
            return object()

        return one

    def ask(_: int) -> list[object]:
        barrier.wait()
        return [made.once(key, make(key)) for key in "abc"]

    with ThreadPoolExecutor(4) as pool:
        first, *others = list(pool.map(ask, range(4)))
    assert sorted(calls) == ["a", "b", "c"]
    assert all(other == first for other in others)


def test_what_fails_is_tried_again() -> None:
    made = Made()
    with pytest.raises(ZeroDivisionError):
        made.once("key", lambda: 1 // 0)
    assert made.once("key", lambda: None) is None
    assert made.once("key", lambda: 1 // 0) is None


def test_weights_are_counts_unless_they_are_light() -> None:
    assert weight_of_row(None) == 1.0
    assert weight_of_row(np.array([1.0, 3.0])) == 1.0
    assert weight_of_row(np.array([0.1, 0.3, 0.0])) == pytest.approx(0.2)
