"""Rows that a cursor fetches."""

import sqlite3

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.sources import batches
from fastgmm.sources.cursors import cursor_source
from source_support import joined, refused

ROWS = np.random.default_rng(0).normal(size=(5000, 2)) @ [[2.0, 1.0], [0.0, 1.0]]


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a real, b real, name text, n integer)")
    values = [(*row, "x", i) for i, row in enumerate(ROWS.tolist())]
    connection.executemany("insert into t values (?, ?, ?, ?)", values)
    return connection


def test_a_cursor_is_read_once_with_the_names_of_its_columns(database):
    read = batches(database.execute("select a, b from t"), batch_rows=700)
    assert (read.columns, read.reiterable) == (("a", "b"), False)
    np.testing.assert_array_equal(np.concatenate(list(read)), ROWS)
    with pytest.raises(ValueError, match=r"^The cursor can be read only once and has been; pass"):
        iter(read)


def test_a_function_that_makes_a_cursor_is_walked_again(database):
    read = batches(lambda: database.execute("select b, a from t"), batch_rows=700)
    sizes = [len(rows) for rows in read]
    assert sizes == [700] * 7 + [100]
    np.testing.assert_array_equal(np.concatenate(list(read)), ROWS[:, ::-1])
    model = GaussianMixture(1).fit_batches(read)
    assert model.feature_names_in_.tolist() == ["b", "a"]
    other = GaussianMixture(1).fit(ROWS[:, ::-1])
    np.testing.assert_allclose(model.means_, other.means_)


def test_columns_and_weights_are_chosen_by_name(database):
    cursor = database.execute("select * from t order by n")
    pairs = list(batches(cursor, columns=["b"], weights="n"))
    assert np.concatenate([rows for rows, _ in pairs]).tolist() == ROWS[:, [1]].tolist()
    assert np.concatenate([weights for _, weights in pairs]).tolist() == list(range(len(ROWS)))


def test_values_of_every_kind(database):
    query = "select 1 as whole, null as gap, 1.5 as real union all select 2, 3, null"
    found = joined(database.execute(query), gaps="keep")
    np.testing.assert_array_equal(found, [[1, np.nan, 1.5], [2, 3, np.nan]])


def test_cursors_that_are_not_right(database):
    refused(
        "The cursor has executed no query that gives rows: execute one first.", database.cursor()
    )
    with pytest.raises(ValueError, match=r"The cursor, column 'name': it holds a value of type st"):
        list(batches(database.execute("select a, name from t")))
    with pytest.raises(ValueError, match="column 'big' holds the integer 9007199254740993"):
        list(batches(database.execute(f"select {2**53 + 1} as big")))
    with pytest.raises(ValueError, match=r"^The cursor has no column 'c'; it has 'a', 'b'\.$"):
        batches(database.execute("select a, b from t"), columns=["c"])
    cursor = database.execute("select a from t")
    read = batches(cursor)
    database.close()
    with pytest.raises(ValueError, match=r"^The cursor cannot be read \(Cannot operate on a closed "
                       r"database\); its connection must stay open\.$"):  # fmt: skip
        list(read)
    assert cursor_source([1]) is None


class Dictionaries:
    """A cursor that gives rows as dictionaries, as some drivers do."""

    description = (("a", None), ("b", None))

    def __init__(self):
        self.rows = [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]

    def fetchmany(self, size):
        rows, self.rows = self.rows, []
        return rows


class Result:
    """The result of SQLAlchemy, which has keys and no description."""

    def keys(self):
        return ["a", "b"]

    fetchmany = Dictionaries.fetchmany
    __init__ = Dictionaries.__init__


@pytest.mark.parametrize("kind", [Dictionaries, Result])
def test_cursors_of_other_makes(kind):
    read = batches(kind())
    assert read.columns == ("a", "b")
    assert np.concatenate(list(read)).tolist() == [[1, 2], [3, 4]]


def test_duckdb_connections_are_cursors():
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    read = batches(lambda: connection.execute("select 1.5::double as a, 2 as b"))
    for _ in range(2):
        assert np.concatenate(list(read)).tolist() == [[1.5, 2]]
