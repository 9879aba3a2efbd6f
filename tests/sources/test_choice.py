"""The columns of a source that become rows, and the one that weighs them."""

import re

import numpy as np
import polars
import pyarrow
import pytest
from pyarrow import ipc, parquet

from fastgmm.sources import batches
from source_support import FILES, joined, source_of, write_arrow


@pytest.mark.parametrize("kind", ["csv", "npy", "parquet", "arrow", "pandas", "polars", "pyarrow"])
def test_columns_that_are_not_right(tmp_path, kind):
    source = source_of(tmp_path, kind, np.ones((3, 4)))
    where = {"pandas": "The DataFrame", "polars": "The DataFrame", "pyarrow": "The Table"}
    where = where.get(kind, str(source) if kind in FILES else None)
    for options, sentence in [
        ({"columns": [4]}, f"{where} has no column number 4; the numbers are 0 to 3."),
        ({"weights": -1}, f"{where} has no column number -1; the numbers are 0 to 3."),
        ({"columns": [0, "0"]}, f"Column '0' of {where} is chosen twice."),
        ({"columns": []}, f"No column of {where} is chosen; choose at least one."),
        (
            {"columns": [0, 1], "weights": 1},
            f"Column 1 of {where} is chosen twice, for the rows and for their weights; leave it "
            "out of the columns.",
        ),
    ]:
        with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
            batches(source, **options)
    lonely = source_of(tmp_path, kind, np.ones((3, 1)), ("a",))
    with pytest.raises(ValueError, match=r" has no column besides 0; nothing would be left\.$"):
        batches(lonely, weights=0)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows", "pandas", "polars", "pyarrow"])
def test_only_the_chosen_columns_must_hold_numbers(tmp_path, kind):
    table = pyarrow.table({"a": [1, 2], "species": ["x", "y"], "b": [0.5, 1.5], "t": ["u", "v"]})
    path = tmp_path / f"rows.{kind}"
    if kind == "parquet":
        parquet.write_table(table, path)
    elif kind in ("arrow", "arrows"):
        write_arrow(ipc.new_file if kind == "arrow" else ipc.new_stream, table, path)
    frames = {"pandas": table.to_pandas, "polars": lambda: polars.DataFrame(table.to_pydict())}
    source = path if path.exists() else frames.get(kind, lambda: table)()
    assert joined(source, columns=["b", "a"]).tolist() == [[0.5, 1.0], [1.5, 2.0]]
    for options in ({}, {"columns": ["a"], "weights": "t"}):
        column = "t" if options else "species"
        with pytest.raises(
            ValueError,
            match=f", column '{column}': its type is .*, not a number; choose columns of numbers "
            r"with columns=\['a', 'b'\] \(command line: --columns a,b\)\.$",
        ):
            batches(source, **options)


def test_names_that_repeat_are_chosen_by_number(tmp_path):
    columns = [pyarrow.array([1.0, 2.0]), pyarrow.array([3.0, 4.0]), pyarrow.array([5.0, 6.0])]
    table = pyarrow.Table.from_arrays(columns, ["a", "b", "a"])
    for kind in ("arrow", "csv", "parquet"):
        path = tmp_path / f"x.{kind}"
        if kind == "csv":
            path.write_text("a,b,a\n1,3,5\n2,4,6\n")
        elif kind == "arrow":
            write_arrow(ipc.new_file, table, path)
        else:
            parquet.write_table(table, path)
        assert joined(path, columns=[2, 1]).tolist() == [[5.0, 3.0], [6.0, 4.0]]
        with pytest.raises(ValueError, match=r" has 2 columns named 'a'; choose by number\.$"):
            batches(path, columns=["a"])
