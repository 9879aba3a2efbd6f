"""Every kind of source to batches of rows, and passes over them."""

import io
import re
import threading

import numpy as np
import pandas
import pyarrow
import pytest

from containers import Sliceable
from fastgmm import GaussianMixture
from fastgmm.sources import batches
from fastgmm.tables.table import Table
from source_support import (
    FILES,
    FRAMES,
    NAMES,
    REMEDY,
    UNNAMED,
    in_memory,
    joined,
    open_pipe,
    refused,
    source_of,
    write,
)


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_every_source_gives_its_rows_in_batches_of_any_size(tmp_path, rng, kind):
    rows = rng.normal(size=(1003, 4)) * 10.0 ** rng.integers(-8, 9, size=4)
    source = source_of(tmp_path, kind, rows)
    for batch_rows in (1, 7, 1000, 1003, 10**15):
        read = batches(source, batch_rows=batch_rows)
        assert read.columns == (None if kind in UNNAMED else NAMES)
        assert read.n_rows == (
            None if kind in ("csv", "tsv", "arrow", "arrows", "feather") else 1003
        )
        assert read.reiterable
        found = list(read)
        assert [len(batch) for batch in found[:-1]] == [batch_rows] * (1002 // batch_rows)
        assert 0 < len(found[-1]) <= batch_rows
        for batch in found:
            assert type(batch) is np.ndarray
            assert batch.dtype == np.float64
            assert batch.dtype.isnative
            assert batch.flags.c_contiguous
            assert batch.flags.writeable
        np.testing.assert_array_equal(np.concatenate(found), rows)
        assert read.dropped == 0


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_float32(tmp_path, rng, kind):
    rows = rng.normal(size=(50, 4)).astype(np.float32)
    source = source_of(tmp_path, kind, rows)
    found = joined(source, dtype=np.float32, batch_rows=20)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows)
    assert joined(source).dtype == np.float64
    for batch, weights in batches(source, dtype="float32", weights=3):
        assert batch.dtype == weights.dtype == np.float32


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_columns_and_weights(tmp_path, rng, kind):
    rows = rng.uniform(size=(60, 4))
    source = source_of(tmp_path, kind, rows)
    named = kind not in UNNAMED
    for columns, order in [([2, 0], [2, 0]), (["3", 1], [3, 1]), (2, [2]), ("1", [1])]:
        read = batches(source, columns=columns, batch_rows=7)
        assert read.columns == (tuple(NAMES[i] for i in order) if named else None)
        np.testing.assert_array_equal(np.concatenate(list(read)), rows[:, order])
    if named:
        np.testing.assert_array_equal(joined(source, columns=["d", "a"]), rows[:, [3, 0]])
    weighing = "b" if named else 1
    for columns, order in [(None, [0, 2, 3]), ([3, 0], [3, 0])]:
        read = batches(source, columns=columns, weights=weighing, batch_rows=7)
        assert read.columns == (tuple(NAMES[i] for i in order) if named else None)
        pairs = list(read)
        assert [len(batch) for batch, _ in pairs] == [7] * 8 + [4]
        for batch, weights in pairs:
            assert batch.flags.c_contiguous
            assert weights.shape == (len(batch),)
        np.testing.assert_array_equal(np.concatenate([batch for batch, _ in pairs]), rows[:, order])
        np.testing.assert_array_equal(np.concatenate([weights for _, weights in pairs]), rows[:, 1])


def test_batches_do_not_share_memory_with_the_source():
    rows = np.zeros((10, 2))
    for source in (rows, pandas.DataFrame(rows), pyarrow.table({"a": rows[:, 0]}), [rows]):
        for batch in batches(source, batch_rows=5):
            batch[:] = 1.0
    assert not rows.any()


def test_all_rows_dropped_gives_no_batch(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n,1\n2,\n")
    read = batches(path, gaps="drop")
    assert list(read) == []
    assert read.dropped == 2


def test_dropped_counts_while_a_pass_goes_on():
    rows = np.array([[1.0], [np.nan], [2.0], [np.nan], [3.0]])
    read = batches([rows[:2], rows[2:4], rows[4:]], gaps="drop")
    counts = [read.dropped for _ in read]
    assert counts == [1, 2, 2]
    iter(read)
    assert read.dropped == 0


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_every_pass_begins_anew(tmp_path, rng, kind):
    rows = rng.normal(size=(100, 4))
    read = batches(source_of(tmp_path, kind, rows), batch_rows=30)
    assert read.reiterable
    one = iter(read)
    first = next(one)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(read)), rows)
    np.testing.assert_array_equal(np.concatenate([first, *one]), rows)


def test_stores_are_read_ahead_and_iterables_are_not():
    threads = []

    class Watched(Sliceable):
        def __getitem__(self, key):
            threads.append(threading.current_thread())
            return super().__getitem__(key)

    def watched():
        for _ in range(3):
            threads.append(threading.current_thread())
            yield np.ones((4, 2))

    here = threading.current_thread()
    for source, apart in ((Watched(np.ones((200_000, 2))), True), (watched, False)):
        threads.clear()
        list(batches(source))
        assert len(threads) > 1
        assert len(set(threads)) == 1
        assert (here not in threads) is apart
    threads.clear()
    # fit_batches reads ahead whatever is not bound to its thread.
    list(batches(watched).walk_ahead())
    assert len(threads) == 3
    assert here not in threads


def test_tables_keep_names(tmp_path, rng):
    rows = rng.normal(size=(100, 4))
    read = batches(write(tmp_path, "parquet", rows), columns=["b", "a"], batch_rows=60)
    model = GaussianMixture(1, random_state=0)
    for table in read.tables():
        model.partial_fit(table)
    assert model.feature_names_in_.tolist() == ["b", "a"]
    ((table, weights),) = batches(Table(rows, NAMES), columns=["b"], weights="a").tables()
    assert table.columns == ("b",)
    np.testing.assert_array_equal(weights, rows[:, 0])


def test_a_file_is_opened_again(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    read = batches(path)
    assert [batch.tolist() for batch in read] == [[[1.0]]]
    path.write_text("a\n2\n3\n")
    assert [batch.tolist() for batch in read] == [[[2.0], [3.0]]]


def test_what_can_be_read_once_is_not_read_twice():
    rows = np.ones((4, 2))
    table = pyarrow.table({"a": [1.0]})
    for where, source in [
        ("The source", iter([rows, rows])),
        ("The source", (rows for _ in range(2))),
        ("The reader", pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches())),
        ("The stream", io.BytesIO(b"1,2\n3,4\n")),
        ("The stream", open_pipe(b"1,2\n3,4\n")),
    ]:
        read = batches(source)
        assert not read.reiterable
        assert len(list(read)) > 0
        sentence = (
            f"{where} can be read only once and has been; pass the path of a file, or a function "
            "that returns a new iterator, to read it again."
        )
        with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
            iter(read)


def test_items_of_an_iterable_are_cut_and_not_joined(rng):
    rows = rng.normal(size=(100, 4))
    items = [
        rows[:30],
        in_memory("polars", rows[30:31]),
        rows[31:31],
        in_memory("pandas", rows[31:]),
    ]
    items[0] = in_memory("pyarrow", items[0])
    items[2] = Table(items[2], NAMES)
    for source in (items, tuple(items), lambda: iter(items), lambda: items):
        read = batches(source, batch_rows=25)
        assert read.reiterable
        assert (read.columns, read.n_rows) == (None, None)
        for _ in range(2):
            found = list(read)
            assert [len(batch) for batch in found] == [25, 5, 1, 25, 25, 19]
            np.testing.assert_array_equal(np.concatenate(found), rows)
        assert read.columns == NAMES
    pairs = list(batches(items, columns=["d", "a"], weights="b"))
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in pairs]), rows[:, [3, 0]])
    np.testing.assert_array_equal(np.concatenate([weights for _, weights in pairs]), rows[:, 1])


def test_items_are_taken_when_their_batch_is(rng):
    taken = []

    def generate():
        for i in range(3):
            taken.append(i)
            yield rng.normal(size=(5, 2))

    read = batches(generate)
    assert taken == []
    for i, _ in enumerate(read):
        assert taken == list(range(i + 1))


@pytest.mark.parametrize(
    ("items", "error", "sentence"),
    [
        ([np.ones((2, 2)), [1.0, 2.0]], ValueError, "Expected 2D array, got 1D array instead: Item "
         "1 of the source has shape (2,). Reshape your data: (-1, 1) makes one feature of it, "
         "(1, -1) one row."),
        ([{1.0}], TypeError, "Item 0 of the source is of type set; give arrays of rows and "
         "columns, frames of pandas, polars or pyarrow, or paths of files."),
        (["x.csv"], FileNotFoundError, "There is no file x.csv."),
        ([np.ones((2, 2)), np.ones((2, 3))], ValueError, "Item 1 of the source has 3 columns and "
         "those before it 2; give all the same, or choose with columns=."),
        ([pandas.DataFrame({"a": [1]}), pandas.DataFrame({"b": [1]})], ValueError, "Item 1 of the "
         "source has columns ('b',) and those before it ('a',); give all the same, or choose with "
         "columns=."),
        ([np.array([["x"]])], ValueError, "could not convert string to float: 'x'. Item 0 of the "
         "source: its values are text (<U1); leave out what is none of numbers, and convert the "
         "rest with .astype(float)."),
        ([np.ma.masked_less(np.ones((2, 2)), 2)], ValueError, "The source, row 0 (counted from 0), "
         f"column 0: the value is missing; {REMEDY}"),
        ([np.ones((2, 2)), np.array([[1, 1], [1, np.nan]])], ValueError, "The source, row 3 "
         f"(counted from 0), column 1: the value is missing; {REMEDY}"),
    ],
)  # fmt: skip
def test_items_that_are_not_right(items, error, sentence):
    refused(sentence, items, error=error)
    refused(sentence, iter(items), error=error)


def test_an_iterable_of_nothing():
    assert list(batches([])) == []
    assert list(batches([np.ones((0, 3))])) == []


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_no_rows_give_no_batches(tmp_path, kind):
    read = batches(source_of(tmp_path, kind, np.ones((0, 4))))
    assert list(read) == []
    assert read.n_rows in (None, 0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gaps": "fill"}, "gaps must be 'error', 'drop', 'keep' or 'missing', got 'fill'."),
        ({"gaps": None}, "gaps must be 'error', 'drop', 'keep' or 'missing', got None."),
        ({"batch_rows": 0}, "batch_rows must be at least 1, got 0."),
        ({"dtype": "int64"}, "dtype must be float32 or float64, got int64."),
        ({"format": "xml"}, "format must be one of 'csv', 'tsv', 'npy', 'npz', 'parquet', 'arrow', "
         "'arrows', got 'xml'."),
    ],
)  # fmt: skip
def test_arguments_that_are_not_right(options, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        batches(np.ones((2, 2)), **options)
    with pytest.raises(TypeError):
        batches(np.ones((2, 2)), batch_rows=1.5)
