"""Batches: what may be walked over, that each agrees with the first, and reading ahead."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from containers import Sliceable
from fastgmm.validation.batches import CheckedBatches
from support import error_of

ROWS = np.arange(12.0).reshape(6, 2)
TABLE = pa.table({"a": ROWS[:, 0], "b": ROWS[:, 1]})


def walk(batches: Any, **keywords: Any) -> list[Any]:
    return list(CheckedBatches(batches, "fit_batches", **keywords)())


@pytest.mark.parametrize(
    "batches",
    [
        [ROWS[:4], ROWS[4:]],
        (ROWS[:4], np.empty((0, 2)), ROWS[4:]),
        lambda: iter([ROWS[:4], ROWS[4:]]),
        [ROWS[:4].tolist(), pd.DataFrame(ROWS[4:])],
    ],
)
def test_every_walk_is_the_whole(batches: Any) -> None:
    checked = CheckedBatches(batches, "fit_batches")
    assert (checked.n_features, checked.dtype, checked.names) == (None, None, None)
    for _ in range(2):
        parts = list(checked())
        assert [len(rows) for rows, _, _ in parts] == [4, 2]
        assert all(weight is None for _, weight, _ in parts)
        np.testing.assert_array_equal(np.concatenate([rows for rows, _, _ in parts]), ROWS)
    assert (checked.n_features, checked.dtype) == (2, np.float64)


def test_weights_come_beside_the_rows() -> None:
    weight = np.array([0, 0, 0, 0, 2, 1])
    (one, first, _), (two, second, _) = walk([(ROWS[:4], weight[:4]), (ROWS[4:], weight[4:])])
    np.testing.assert_array_equal(np.r_[one, two], ROWS)
    np.testing.assert_array_equal(np.r_[first, second], weight)
    assert first.dtype == np.float64
    assert "sample_weight.shape" in str(error_of(walk, [(ROWS, weight[:3])]))


def test_names_are_those_of_the_first_batch() -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b"])
    checked = CheckedBatches([frame[:3], frame[3:]], "fit_batches")
    assert len(list(checked())) == 2
    assert checked.names is not None
    assert checked.names.tolist() == ["a", "b"]
    assert "feature names" in str(error_of(walk, [frame, frame[["b", "a"]]]))

    class Named(list[Any]):
        columns = ("x", "y")
        reiterable = True

    named = CheckedBatches(Named([ROWS]), "fit_batches")
    list(named())
    assert named.names is not None
    assert named.names.tolist() == ["x", "y"]


def test_names_that_are_known_with_the_first_batch() -> None:
    class Late(list[Any]):
        columns: tuple[str, ...] | None = None

        def __iter__(self) -> Iterator[Any]:
            self.columns = ("x", "y")
            return super().__iter__()

    late = CheckedBatches(Late([ROWS]), "fit_batches")
    list(late())
    assert late.names is not None
    assert late.names.tolist() == ["x", "y"]


def test_batches_must_agree_with_the_first() -> None:
    error = error_of(walk, [ROWS, ROWS.astype(np.float32)])
    assert type(error) is ValueError
    assert str(error) == (
        "batch 1 holds float32 rows, and the first batch float64: convert them to one of the two."
    )
    assert "3 features" in str(error_of(walk, [ROWS, np.ones((2, 3))]))
    assert "2 features" in str(error_of(walk, [ROWS], n_features=3))
    assert "X[0, 1]" in str(error_of(walk, [ROWS, [[0.0, np.nan]]]))


BAD = {
    "an array": (ROWS, "takes an iterable of batches, got one ndarray: pass fastgmm.sources.batc"),
    "a frame": (
        pd.DataFrame(ROWS),
        "got one DataFrame: pass fastgmm.sources.batches(X), which cut",
    ),
    "a path": ("rows.csv", "got the str 'rows.csv': to read a file, pass fastgmm.sources.batches"),
    "a path object": (
        Path("a.csv"),
        "got the PosixPath 'a.csv': to read a file, pass fastgmm.sour",
    ),
    "a lazy frame": (
        pl.LazyFrame({"a": [1.0]}),
        "got one LazyFrame: pass fastgmm.sources.batches(X)",
    ),
    "a dict": ({"a": [1.0]}, "got a dict: pass fastgmm.sources.batches(X) of a frame of its colu"),
    "a reader": (TABLE.to_reader(), "a RecordBatchReader can be walked over once: pass a function"),
    "an Arrow table": (TABLE, "got one Table: pass fastgmm.sources.batches(X)"),
    "a memory view": (memoryview(ROWS), "got one memoryview: pass fastgmm.sources.batches(X)"),
    "what has slices": (Sliceable(ROWS), "got one Sliceable: pass fastgmm.sources.batches(X)"),
    "a sparse matrix": (scipy.sparse.eye_array(3), "got one dia_array: pass"),
    "a number": (3, "or a callable that returns one, got int: pass a list of arrays"),
    "an iterator": (iter([ROWS]), "several times, and a list_iterator can be walked over once"),
    "a generator": ((x for x in [ROWS]), "and a generator can be walked over once: pass a list"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_walked_over_twice(name: str) -> None:
    batches, text = BAD[name]
    error = error_of(CheckedBatches, batches, "fit_batches")
    assert type(error) is TypeError
    assert str(error).startswith("fit_batches ")
    assert text in str(error)


def test_a_stream_says_itself_that_it_can_be_walked_over_once() -> None:
    class Once:
        reiterable = False
        columns = None

        def __iter__(self) -> Iterator[Any]:
            return iter([ROWS])

    assert "a Once can be walked over once" in str(error_of(CheckedBatches, Once(), "fit_batches"))


def test_labels_come_from_the_first_batch_on() -> None:
    labels = np.array([0, -1, 1, 1, -1, 0])
    triples = [(ROWS[:4], None, labels[:4]), (ROWS[4:], np.ones(2), labels[4:])]
    checked = CheckedBatches([*triples, ROWS[:1]], "fit_batches", n_components=2)
    one, two, three = checked()
    assert checked.labelled
    assert one.labels is not None
    assert one.labels.numbers.tolist() == [0, -1, 1, 1]
    assert two.weight is not None
    assert three.labels is None
    late = error_of(walk, [ROWS[:4], triples[1]], n_components=2)
    assert str(late).startswith("batch 1 came with labels, and the first one without: pass triple")
    assert "components have the numbers" in str(error_of(walk, triples, n_components=1))
    assert str(error_of(walk, triples)) == (
        "fit_batches takes no labels: pass pairs (rows, sample_weight)."
    )
