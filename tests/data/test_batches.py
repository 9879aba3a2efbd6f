"""Batches as data: counted and sampled in one walk, and the same rows in every other."""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest

from fastgmm.data.batches import Batch, BatchData, gathered
from fastgmm.data.extent import Extent
from fastgmm.data.labels import RowLabels
from fastgmm.data.parts import Part
from fastgmm.data.rows import RowData


class Walks:
    """Checked batches that count how often they are walked over, and how far."""

    def __init__(self, *batches: tuple[Any, ...]) -> None:
        self.batches, self.n_given, self.n_walks, self.n_closed = list(batches), 0, 0, 0
        first = batches[0][0] if batches else None
        self.n_features = None if first is None else first.shape[1]
        self.dtype = None if first is None else first.dtype
        self.names = np.array(["a", "b"], dtype=object)

    labelled = False

    def __call__(self) -> Generator[Batch]:
        self.n_walks += 1
        try:
            for batch in self.batches:
                self.n_given += 1
                yield Batch(*batch)
        finally:
            self.n_closed += 1


class Counted:
    """An accumulator that counts rows."""

    def __init__(self) -> None:
        self.n = 0

    def add(self, part: Part) -> None:
        self.n += len(part.rows)

    def statistics(self) -> int:
        return self.n


@pytest.fixture(params=[False, True])
def weight(request: pytest.FixtureRequest, rng: np.random.Generator) -> np.ndarray | None:
    """Run the test without weights and with weights of which some are zero."""
    return rng.exponential(size=100) * (np.arange(100) % 4 > 0) if request.param else None


def cut(rows: np.ndarray, weight: np.ndarray | None, at: list[int]) -> Walks:
    weights: Any = [None] * (len(at) + 1) if weight is None else np.split(weight, at)
    return Walks(*zip(np.split(rows, at), weights, strict=True))


def test_one_walk_counts(rng: np.random.Generator, weight: np.ndarray | None) -> None:
    rows = rng.standard_normal((100, 2)).astype(np.float32)
    walks = cut(rows, weight, [1, 60, 60])
    data = BatchData(walks, 3)
    assert (data.n_features, data.dtype, data.n_threads) == (2, np.dtype(np.float32), 3)
    assert data.names is walks.names
    assert data.resident is None
    assert walks.n_walks == 0
    extent, whole = data.extent, RowData(rows, weight).extent
    assert (extent.n_samples, extent.n_counted) == (whole.n_samples, whole.n_counted)
    assert (extent.lightest, extent.heaviest) == (whole.lightest, whole.heaviest)
    assert extent.weight == pytest.approx(whole.weight, rel=1e-14)
    assert data.extent is extent
    assert walks.n_walks == 1


def test_the_sample_is_that_of_the_whole(
    rng: np.random.Generator, weight: np.ndarray | None
) -> None:
    """The walk that draws it has counted, too."""
    rows = rng.standard_normal((100, 2))
    whole = RowData(rows, weight)
    for size in (100, 20):
        for at in ([1, 60], [10, 20, 20, 90]):
            walks = cut(rows, weight, at)
            data = BatchData(walks, 1)
            got, expected = data.sample(5, size), whole.sample(5, size)
            np.testing.assert_array_equal(got.rows[got.order], expected.rows[expected.order])
            assert got.whole == expected.whole
            assert (got.weight is None) == (expected.weight is None)
            if weight is not None and size == 100:
                np.testing.assert_array_equal(got.weight, weight)
            assert data.extent.n_samples == 100
            assert walks.n_walks == 1


def test_a_look_at_the_first_batch_ends_there() -> None:
    walks = Walks(*[(np.zeros((5, 2)), None)] * 3)
    BatchData(walks, 1).peek()
    assert (walks.n_given, walks.n_closed) == (1, 1)
    with pytest.raises(ValueError, match=r"^the batches hold no rows: pass at least as many"):
        BatchData(Walks(), 1).peek()


def test_an_empty_walk_is_refused() -> None:
    for walks in (Walks(), Walks((np.empty((0, 2)), None))):
        data = BatchData(walks, 1)
        for look in (lambda data=data: data.extent, lambda data=data: data.sample(0, 5)):
            with pytest.raises(ValueError, match=r"^this walk over the batches gave 0 rows:"):
                look()


def test_what_an_earlier_run_has_counted_needs_no_walk(rng: np.random.Generator) -> None:
    walks = cut(rng.standard_normal((100, 2)), None, [50])
    data = BatchData(walks, 1)
    data.go_on(Extent(100, 100, 100.0))
    assert data.extent == Extent(100, 100, 100.0)
    assert walks.n_walks == 0
    assert data.pass_over(Counted) == 100
    assert walks.n_walks == 1


ROWS, HEAVY = np.zeros((5, 2)), np.full(5, 2.0)


@pytest.mark.parametrize(
    ("first", "later", "sentence"),
    [
        ([(ROWS, None)] * 3, [(ROWS, None)] * 2, "10 rows of weight 10, and the first one 15 of "),
        ([(ROWS, None)], [(ROWS, None)] * 2, "10 rows of weight 10, and the first one 5 of "),
        ([(ROWS, None)], [(ROWS, HEAVY)], "5 rows of weight 10, and the first one 5 of weight 5:"),
        ([(ROWS, HEAVY)], [(ROWS, None)], "5 rows of weight 5, and the first one 5 of weight 10:"),
        ([(ROWS, None)], [], "0 rows of weight 0, and the first one 5 of weight 5: pass batches "),
    ],
)
def test_walks_that_differ_are_refused(first: Any, later: Any, sentence: str) -> None:
    walks = Walks(*first)
    data = BatchData(walks, 1)
    n_samples = data.extent.n_samples
    walks.batches = list(later)
    with pytest.raises(ValueError, match=f"^this walk over the batches gave {sentence}"):
        data.pass_over(Counted)
    walks.batches = list(first)  # batches that come back are welcome
    assert data.pass_over(Counted) == n_samples


def test_the_order_of_sums_is_no_difference(rng: np.random.Generator) -> None:
    """Weights that add up to the same but for rounding, batch by batch, are the same walk."""
    rows, weight = rng.standard_normal((100, 2)), rng.exponential(size=100)
    walks = cut(rows, weight, [50])
    data = BatchData(walks, 1)
    assert data.extent.n_samples == 100
    walks.batches = cut(rows[::-1], weight[::-1], [1, 2, 3, 97]).batches
    assert data.pass_over(Counted) == 100


def test_labels_go_with_their_batches(rng: np.random.Generator) -> None:
    """Rows with labels are parts of their own, and small batches with gaps keep what they have."""
    rows, sets = rng.standard_normal((60, 2)), np.eye(3, dtype=bool)
    numbers = rng.integers(-1, 3, 60).astype(np.int32)
    walks = cut(rows, None, [10, 30])
    walks.labelled = True
    walks.batches = [
        (*batch[:2], RowLabels(some, sets))
        for batch, some in zip(walks.batches, np.split(numbers, [10, 30]), strict=True)
    ]
    data = BatchData(walks, 1)
    assert data.labelled
    assert data.sample(0, 100).rows.tolist() == rows.tolist()
    assert data.pass_over(Counted) == 60
    (joined,) = gathered(Batch(*batch) for batch in walks.batches)
    assert joined.labels is not None
    known = np.vstack([joined.labels.sets, np.ones(3, bool)])[joined.labels.numbers]
    assert (known == np.vstack([sets, np.ones(3, bool)])[numbers]).all()
    (joined,) = gathered([Batch(rows), Batch(*walks.batches[0])])
    assert joined.labels is not None
    assert (joined.labels.numbers[:60] == -1).all()
    assert (
        np.flatnonzero(joined.labels.numbers[60:] < 0) == np.flatnonzero(numbers[:10] < 0)
    ).all()


def test_small_batches_with_gaps_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a limit, in order, as copies: the same array may be filled again for each batch."""
    monkeypatch.setattr("fastgmm.data.batches.GATHERED_BYTES", 10 * 8 * 2)
    room = np.empty((4, 2))

    def filled() -> Iterator[Batch]:
        for i in range(5):
            room[:] = i
            yield Batch(room, None if i % 2 else np.full(4, i + 1.0))
        yield Batch(np.full((20, 2), 7.0))
        yield Batch(np.full((1, 2), 8.0))

    found = list(gathered(filled()))
    assert [len(rows) for rows, _, _ in found] == [12, 28, 1]
    assert np.concatenate([rows for rows, _, _ in found])[:, 0].tolist() == [
        *np.repeat(np.arange(5.0), 4),
        *[7.0] * 20,
        8.0,
    ]
    weights = [weight for _, weight, _ in found]
    assert weights[0] is not None
    assert weights[0].tolist() == [1.0] * 8 + [3.0] * 4
    assert weights[1] is not None
    assert weights[1].tolist() == [1.0] * 4 + [5.0] * 4 + [1.0] * 20
    assert weights[2] is None
    alone = list(gathered([Batch(np.ones((10, 2)))] * 2))
    assert [len(rows) for rows, _, _ in alone] == [10, 10]
