"""A table is its rows, for NumPy and for whoever takes a column out."""

import numpy as np
import pytest

from fastgmm.tables.table import Table, TableFrame


def test_one_column_can_be_taken_out():
    table = Table(np.arange(6.0).reshape(2, 3), ("a", "b", "c"))
    for column in ("b", 1, "1"):
        rest, values = table.without(column)
        assert rest.columns == ("a", "c")
        assert rest.rows.tolist() == [[0.0, 2.0], [3.0, 5.0]]
        assert rest.rows.flags.c_contiguous
        assert values.tolist() == [1.0, 4.0]
    assert Table(table.rows, None).without(2)[0].columns is None
    with pytest.raises(ValueError, match=r"^The table has no column 'd'; it has 'a', 'b', 'c'\.$"):
        table.without("d")
    with pytest.raises(
        ValueError, match=r"^The table has no column besides 'a'; nothing would be left\.$"
    ):
        Table(np.ones((2, 1)), ("a",)).without("a")


def test_a_column_number_is_whole():
    with pytest.raises(TypeError):
        Table(np.ones((2, 2)), None).without(1.5)


def test_a_table_is_an_array_to_numpy():
    table = Table(np.arange(6.0).reshape(3, 2), ("a", "b"))
    assert np.asarray(table) is table.rows
    assert np.array(table) is not table.rows
    assert np.asarray(table, dtype=np.float32).dtype == np.float32
    assert table[1:].columns == ("a", "b")
    assert table[1:].rows.tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_a_table_with_names_is_a_frame():
    table = Table(np.array([[1.0, 2.0], [3.0, 4.0]]), ("a", "b"))
    frame = TableFrame(table)
    assert frame.names == ("a", "b")
    assert frame.kinds == (None, None)
    assert frame.whole() is table.rows
    assert frame.numbers(frame.column(1), 1, 2, "X").tolist() == [4.0]
    assert frame.first(1) == 2.0
    assert TableFrame(table[:0]).first(1) is None
