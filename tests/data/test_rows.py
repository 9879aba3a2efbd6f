"""Rows in memory as data."""

from typing import Any

import numpy as np
import pytest

from fastgmm.data.extent import Extent
from fastgmm.data.labels import RowLabels
from fastgmm.data.rows import RowData


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_the_rows_are(dtype: Any, rng: np.random.Generator) -> None:
    rows = rng.standard_normal((50, 3)).astype(dtype)
    weight = rng.exponential(size=50) * (np.arange(50) % 3 > 0)
    names = np.array(["a", "b", "c"], dtype=object)
    data = RowData(rows, weight, 2, names)
    assert (data.n_features, data.dtype, data.n_threads) == (3, np.dtype(dtype), 2)
    assert data.names is names
    assert data.resident.rows is rows
    assert data.extent == Extent().plus(50, weight)
    assert data.extent.n_counted == (weight > 0).sum()
    assert RowData(rows).extent == Extent(50, 50, 50.0, 1.0, 1.0)
    assert (RowData(rows).names, RowData(rows).n_threads) == (None, None)


def test_what_an_earlier_run_has_counted_is_believed(rng: np.random.Generator) -> None:
    for looked in (False, True):
        data = RowData(rng.standard_normal((5, 2)))
        assert not looked or data.extent.n_samples == 5
        data.go_on(Extent(7, 6, 5.0))
        assert data.extent == Extent(7, 6, 5.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sample_is_numbers_of_rows_and_no_copy(weighted: bool, rng: np.random.Generator) -> None:
    rows = rng.standard_normal((200, 2))
    weight = rng.exponential(size=200) * (np.arange(200) % 4 > 0) if weighted else None
    data = RowData(rows, weight)
    for size in (200, 30):
        sample = data.sample(3, size)
        assert sample.rows is rows
        assert sample.whole == (size == 200)
        assert sample.weight is (weight if size == 200 else None)
        counted = 200 if weight is None else np.count_nonzero(weight)
        assert len(np.unique(sample.order)) == len(sample.order) == min(size, counted)
        assert weight is None or (weight[sample.order] > 0).all()
    again, other = data.sample(3, 30), data.sample(4, 30)
    np.testing.assert_array_equal(sample.order, again.order)
    assert set(sample.order) != set(other.order)


def test_rows_with_labels_are_apart(rng: np.random.Generator) -> None:
    """Bounds go with the rows of which nothing is known, and compiled iterations with none."""
    rows, sets = rng.standard_normal((50, 3)), np.eye(2, dtype=bool)
    plain = RowData(rows)
    assert plain.bounded is plain.resident
    assert not plain.labelled
    numbers = np.where(np.arange(50) < 20, -1, np.arange(50) % 2).astype(np.int32)
    data = RowData(rows, labels=RowLabels(numbers, sets))
    assert data.labelled
    assert data.resident is None
    assert data.bounded is not None
    assert data.bounded.rows.tolist() == rows[:20].tolist()
    assert RowData(rows, labels=RowLabels(np.abs(numbers), sets)).bounded is None
    either = RowLabels(np.zeros(50, np.int32), np.array([[True, True, False]]))
    assert RowData(rows, labels=either).bounded is None  # a set of few rows
    assert RowData(rows, gapped=True).bounded is None
