"""Which source is made of what."""

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from pyarrow import dataset

from containers import Sliceable
from fastgmm.sources.dialect import dialect_of
from fastgmm.sources.memory import ArraySource, FrameSource, SlicedSource
from fastgmm.sources.opening import opened_parts, table_source
from fastgmm.sources.parts import Files, Items
from fastgmm.sources.scans import ScannedSource
from source_support import write

ROWS = np.ones((5, 2))
TABLE = pyarrow.table({"a": ROWS[:, 0], "b": ROWS[:, 1]})


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (ROWS, ArraySource),
        (ROWS.tolist(), ArraySource),
        (TABLE, FrameSource),
        (pandas.DataFrame(ROWS), FrameSource),
        (Sliceable(ROWS), SlicedSource),
        (dataset.dataset(TABLE), ScannedSource),
        (TABLE.to_reader(), ScannedSource),
        (polars.LazyFrame({"a": [1.0]}), ScannedSource),
        ([ROWS, ROWS], Items),
        (lambda: ROWS, Items),
    ],
)
def test_what_becomes_what(value, kind):
    parts, files = opened_parts(value, None, dialect_of())
    assert type(parts) is kind
    assert files == ()


def test_files(tmp_path):
    paths = [write(tmp_path, kind, ROWS, "ab") for kind in ("npy", "parquet")]
    parts, files = opened_parts(paths, None, dialect_of())
    assert type(parts) is Files
    assert files == tuple(paths)
    assert [source.n_rows for source in parts.begun()] == [5, 5]


def test_what_is_no_table():
    for value in ([ROWS], iter([ROWS]), lambda: ROWS, "rows.csv", 3):
        assert table_source(value) is None
    with pytest.raises(
        TypeError, match=r"^A source of type int cannot be read; pass a path, a bin"
    ):
        opened_parts(3, None, dialect_of())
    with pytest.raises(ValueError, match="holds no text but numbers, of which delimiter=';' says"):
        opened_parts(ROWS, None, dialect_of(delimiter=";"))
