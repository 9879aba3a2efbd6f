"""A pass: an accumulator of one's own gets all parts in the order of the rows, once."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fastgmm.data.batches import Batch, BatchData
from fastgmm.data.parts import COMPLETE, Part
from fastgmm.data.passes import Data
from fastgmm.data.rows import RowData
from fastgmm.validation.batches import CheckedBatches

CUTS = [7, 7, 40, 41]
"""Where the batches begin: one of them has no row, and one has one."""


class Gathered:
    """An accumulator that keeps what it is given."""

    made: int = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.parts: list[Part] = []
        self.ended = False

    def add(self, part: Part) -> None:
        assert not self.ended
        self.parts.append(part)

    def statistics(self) -> tuple[np.ndarray, np.ndarray | None, list[Any]]:
        assert not self.ended
        self.ended = True
        rows = np.concatenate([part.rows for part in self.parts])
        weights = [part.sample_weight for part in self.parts if part.sample_weight is not None]
        weight = np.concatenate(weights) if weights else None
        return rows, weight, [part.kind for part in self.parts]


def in_memory(rows: np.ndarray, weight: np.ndarray | None) -> Data:
    return RowData(rows, weight, 1)


def in_batches(rows: np.ndarray, weight: np.ndarray | None) -> Data:
    batches = [*np.split(rows, CUTS)]
    if weight is not None:
        batches = list(zip(batches, np.split(weight, CUTS), strict=True))
    return BatchData(CheckedBatches(batches, "fit_batches", n_threads=1), 1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [in_memory, in_batches])
def test_parts_come_in_order_pass_after_pass(
    make: Callable[..., Data], dtype: Any, weighted: bool, rng: np.random.Generator
) -> None:
    rows = rng.standard_normal((100, 3)).astype(dtype)
    weight = rng.exponential(size=100) if weighted else None
    data = make(rows, weight)
    assert data.extent.n_samples == 100
    Gathered.made = 0
    for turn in (1, 2):
        got, of_rows, kinds = data.pass_over(Gathered)
        assert Gathered.made == turn  # one accumulator per pass
        assert got.dtype == dtype == data.dtype
        np.testing.assert_array_equal(got, rows)
        assert (of_rows is None) == (weight is None)
        if weight is not None:
            np.testing.assert_array_equal(of_rows, weight)
        assert set(kinds) == {COMPLETE}


@pytest.mark.parametrize("make", [in_memory, in_batches])
def test_an_error_of_the_accumulator_comes_back(
    make: Callable[..., Data], rng: np.random.Generator
) -> None:
    class Failing(Gathered):
        def add(self, part: Part) -> None:
            raise ArithmeticError("no more")

    data = make(rng.standard_normal((100, 3)), None)
    with pytest.raises(ArithmeticError, match="no more"):
        data.pass_over(Failing)
    assert len(data.pass_over(Gathered)[0]) == 100  # the next pass is whole


def test_batches_are_held_one_at_a_time() -> None:
    """No batch is kept by the data: the accumulator sees each before the next is asked for."""
    events: list[str] = []

    class Walks:
        n_features, dtype, names, labelled = 1, np.dtype(np.float64), None, False

        def __call__(self) -> Iterator[Batch]:
            for number in range(3):
                events.append(f"give {number}")
                yield Batch(np.full((2, 1), float(number)))

    class Noting(Gathered):
        def add(self, part: Part) -> None:
            super().add(part)
            events.append(f"take {part.rows[0, 0]:.0f}")

    data = BatchData(Walks(), 1)  # type: ignore[arg-type] -- an iterator is enough
    assert data.extent.n_samples == 6
    events.clear()
    data.pass_over(Noting)
    assert events == [f"{what} {number}" for number in range(3) for what in ("give", "take")]
