"""Gaps and numbers that are too large, refused or left out."""

import re

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from pyarrow import ipc, parquet

from fastgmm.sources import batches, streams
from source_support import (
    FILES,
    FRAMES,
    NAMES,
    REMEDY,
    UNNAMED,
    joined,
    refused,
    source_of,
    write_arrow,
)


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_gaps_are_refused_or_dropped(tmp_path, rng, monkeypatch, kind):
    monkeypatch.setattr("fastgmm.sources.blocks.FEWEST_NUMBERS", 40)
    monkeypatch.setattr("fastgmm.sources.blocks.MOST_NUMBERS", 40)
    monkeypatch.setattr(streams, "READ_BYTES", 300)
    rows = rng.normal(size=(100, 4))
    for row in rng.choice(100, 20, replace=False):
        rows[row, rng.integers(4)] = rng.choice([np.nan, np.inf, -np.inf])
    source = source_of(tmp_path, kind, rows)
    whole = np.isfinite(rows).all(axis=1)
    for batch_rows in (1, 7, 80, 1000):
        read = batches(source, gaps="drop", batch_rows=batch_rows)
        for _ in range(2):
            found = list(read)
            assert [len(batch) for batch in found[:-1]] == [batch_rows] * (79 // batch_rows)
            np.testing.assert_array_equal(np.concatenate(found), rows[whole])
            assert read.dropped == 20
    some = np.isfinite(rows[:, [2, 1]]).all(axis=1)
    np.testing.assert_array_equal(
        joined(source, columns=[2, 1], gaps="drop"), rows[some][:, [2, 1]]
    )
    row, position = np.argwhere(~np.isfinite(rows))[0]
    place = f"line {row + 2}" if kind in ("csv", "tsv") else f"row {row} (counted from 0)"
    column = position if kind in UNNAMED else repr(NAMES[position])
    value = rows[row, position]
    fault = "the value is missing" if np.isnan(value) else f"{value} is not a finite number"
    with pytest.raises(ValueError, match=re.escape(f"{place}, column {column}: {fault}; {REMEDY}")):
        list(batches(source))


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow", "pandas", "polars", "pyarrow"])
def test_missing_values_of_integers(tmp_path, kind):
    columns = {"a": [1, 2, 3], "b": [4, None, 6]}
    table = pyarrow.table(columns)
    path = tmp_path / f"rows.{kind}"
    if kind == "csv":
        path.write_text("a,b\n1,4\n2,NA\n3,6\n")
    elif kind == "parquet":
        parquet.write_table(table, path)
    elif kind == "arrow":
        write_arrow(ipc.new_file, table, path)
    frames = {
        "pandas": lambda: pandas.DataFrame(columns).convert_dtypes(),
        "polars": lambda: polars.DataFrame(columns),
    }
    source = path if path.exists() else frames.get(kind, lambda: table)()
    read = batches(source, gaps="drop")
    assert [batch.tolist() for batch in read] == [[[1.0, 4.0], [3.0, 6.0]]]
    assert read.dropped == 1
    with pytest.raises(
        ValueError, match=f", column 'b': the value is missing; {re.escape(REMEDY)}"
    ):
        list(batches(source))


def test_a_weight_that_is_missing_drops_its_row():
    rows = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    read = batches(rows, weights=1, gaps="drop")
    ((batch, weights),) = read
    assert batch.tolist() == [[1.0], [5.0]]
    assert weights.tolist() == [2.0, 6.0]
    refused(
        f"The array, row 1 (counted from 0), column 1: the value is missing; {REMEDY}",
        rows,
        weights=1,
    )


@pytest.mark.parametrize("kind", ["csv", "npy", "parquet", "array", "polars"])
@pytest.mark.parametrize("gaps", ["error", "drop"])
def test_what_is_too_large_is_no_gap(tmp_path, kind, gaps):
    rows = np.ones((5, 4))
    rows[3, 2] = -1e39
    rows[4, 1] = np.inf
    source = source_of(tmp_path, kind, rows)
    place = r"(line 5|row 3 \(counted from 0\)), column (2|'c')"
    with pytest.raises(
        ValueError, match=place + r": -1e\+39 is too large for float32; read it as float64\.$"
    ):
        list(batches(source, dtype=np.float32, gaps=gaps))
    assert len(joined(source, gaps="drop")) == 4
