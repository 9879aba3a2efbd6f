"""Tables that give record batches: datasets, queries, lazy frames, readers."""

import re

import numpy as np
import polars
import pyarrow
import pytest
from pyarrow import dataset, parquet

from containers import WithArrowStream
from fastgmm import GaussianMixture
from fastgmm.sources import batches
from fastgmm.sources.scans import scanned_source
from source_support import joined, refused

ROWS = np.random.default_rng(1).normal(size=(3000, 3)) @ [[2, 1, 0], [0, 1, 1], [0, 0, 1.0]]
TABLE = pyarrow.table({"a": ROWS[:, 0], "text": ["x"] * 3000, "b": ROWS[:, 1], "c": ROWS[:, 2]})


class WithLength(WithArrowStream):
    """A table of an unknown package, which gives a stream as often as it is asked."""

    def __len__(self):
        return self.table.num_rows


def in_duckdb(table):
    connection = pytest.importorskip("duckdb").connect()
    connection.register("t", table)
    return connection.sql("select * from t")


def in_file(table, folder):
    parquet.write_table(table, folder / "x.parquet", row_group_size=700)
    return folder / "x.parquet"


KINDS = {
    "dataset": lambda t, folder: dataset.dataset(t),
    "dataset of files": lambda t, folder: dataset.dataset(in_file(t, folder)),
    "lazy frame": lambda t, folder: polars.scan_parquet(in_file(t, folder)),
    "lazy frame in memory": lambda t, folder: polars.from_arrow(t).lazy(),
    "lazy frame of narwhals": lambda t, folder: pytest.importorskip("narwhals").from_native(
        polars.from_arrow(t).lazy()
    ),
    "DuckDB": lambda t, folder: in_duckdb(t),
    "table of a stream": lambda t, folder: WithLength(t),
}
ONCE = {
    "reader": lambda t, folder: t.to_reader(500),
    "stream": lambda t, folder: WithArrowStream(t),
}


@pytest.mark.parametrize("kind", [*KINDS, *ONCE])
def test_chosen_columns_are_read(kind, tmp_path):
    source = (KINDS | ONCE)[kind](TABLE, tmp_path)
    read = batches(source, columns=["c", "a"], batch_rows=400)
    assert read.columns == ("c", "a")
    assert read.reiterable is (kind in KINDS)
    found = list(read)
    np.testing.assert_array_equal(np.concatenate(found), ROWS[:, [2, 0]])
    if kind in KINDS:
        assert [len(rows) for rows in found] == [400] * 7 + [200]
        np.testing.assert_array_equal(np.concatenate(list(read)), ROWS[:, [2, 0]])
    else:
        with pytest.raises(ValueError, match="can be read only once and has been"):
            iter(read)


@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_has_names(kind, tmp_path):
    source = batches(KINDS[kind](TABLE.drop(["text"]), tmp_path), batch_rows=1000)
    model = GaussianMixture(2, random_state=0, max_iter=5, tol=0).fit_batches(source)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("kind", [*KINDS, *ONCE])
def test_a_column_of_text_is_refused_before_anything_is_read(kind, tmp_path):
    with pytest.raises(
        ValueError, match=r"^The \w+, column 'text': its type is [Ss]tring"
    ) as found:
        batches((KINDS | ONCE)[kind](TABLE, tmp_path))
    assert "columns=['a', 'b', 'c']" in str(found.value)
    with pytest.raises(ValueError, match=r"^The \w+ has no column 'd'; it has 'a', 'text', 'b'"):
        batches((KINDS | ONCE)[kind](TABLE, tmp_path), columns="d")


def test_a_function_may_return_each_of_them(tmp_path):
    for make in (KINDS | ONCE).values():
        read = batches(lambda: make(TABLE, tmp_path), columns=["a"])  # noqa: B023
        for _ in range(2):
            np.testing.assert_array_equal(np.concatenate(list(read)), ROWS[:, [0]])


def test_columns_of_one_name():
    table = pyarrow.Table.from_arrays(TABLE.columns[:1] + TABLE.columns[2:], ["a", "b", "a"])
    np.testing.assert_array_equal(joined(WithLength(table), columns=[2, 0]), ROWS[:, [2, 0]])


def test_gaps_are_placed():
    table = pyarrow.table({"a": [1.0, None, 3.0], "b": [1, 2, 3]})
    for source in (dataset.dataset(table), polars.from_arrow(table).lazy(), in_duckdb(table)):
        assert joined(source, gaps="drop").tolist() == [[1, 1], [3, 3]]
        with pytest.raises(
            ValueError, match=r"^The \w+, row 1 \(counted from 0\), column 'a': the"
        ):
            list(batches(source))


def test_a_relation_whose_connection_is_closed():
    connection = pytest.importorskip("duckdb").connect()
    relation = connection.sql("select 1.0::double as a")
    read = batches(relation)
    connection.close()
    sentence = (
        "The relation cannot be read (Connection Error: Connection has already been closed); its "
        "connection must stay open."
    )
    refused(sentence, relation)
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        list(read)


def test_names_that_duckdb_would_read_otherwise():
    table = pyarrow.table({'a "b".c': [1.0], "Ä": [2.0], "*": [3.0]})
    read = batches(in_duckdb(table))
    assert read.columns == ('a "b".c', "Ä", "*")
    assert np.concatenate(list(read)).tolist() == [[1, 2, 3]]


def test_queries_that_fail():
    with pytest.raises(ValueError, match=r"^The LazyFrame cannot be read \(.*nope.*\)\.$"):
        batches(polars.LazyFrame({"a": [1.0]}).select("nope"))
    values = polars.LazyFrame({"a": ["1", "x"]}).select(polars.col("a").cast(float))
    with pytest.raises(ValueError, match=r"^The LazyFrame cannot be read \("):
        list(batches(values))
    relation = in_duckdb(pyarrow.table({"a": ["1", "x"]})).project("a::double as a")
    with pytest.raises(ValueError, match=r"^The relation cannot be read \("):
        list(batches(relation))


def test_an_old_polars_has_no_batches(monkeypatch):
    monkeypatch.delattr(polars.LazyFrame, "collect_batches")
    with pytest.raises(ValueError, match=r"pass X\.collect\(\), or update polars to 1\.34 or new"):
        batches(polars.LazyFrame({"a": [1.0]}))


def test_other_values_are_not_scanned():
    for value in (ROWS, TABLE, [ROWS], "x", polars.DataFrame({"a": [1.0]})):
        assert scanned_source(value) is None
