"""Parquet and Arrow to rows, and every sentence for files that are not right."""

import io
import sys
from decimal import Decimal

import numpy as np
import pyarrow
import pytest
from pyarrow import ipc, parquet

from fastgmm.sources import batches, read_table
from source_support import (
    REMEDY,
    joined,
    open_pipe,
    refused,
    refused_whole,
    stream_bytes,
    write,
    write_arrow,
    written,
)

NEEDS = "needs pyarrow: pip install pyarrow, which is in fastgmm's extra 'cli'."


def test_numbers_of_every_type(tmp_path):
    from decimal import Decimal

    table = pyarrow.table(
        {
            "half": pyarrow.array(np.array([0.5, 1.5], np.float16)),
            "bytes": pyarrow.array([1, 200], pyarrow.uint8()),
            "large": pyarrow.array([2**53, 2**62]),
            "flag": [False, True],
            "money": [Decimal("1.25"), Decimal("2.50")],
            "with.dot": [1.0, 2.0],
            "__index_level_0__": [7, 8],
        }
    )
    parquet.write_table(table, tmp_path / "x.parquet")
    write_arrow(ipc.new_file, table, tmp_path / "x.arrow")
    expected = [[0.5, 1, 2.0**53, 0, 1.25, 1], [1.5, 200, 2.0**62, 1, 2.5, 2]]
    for source in (table, tmp_path / "x.parquet", tmp_path / "x.arrow"):
        assert joined(source).tolist() == expected
        assert joined(source, columns=["__index_level_0__"]).tolist() == [[7.0], [8.0]]


def test_parquet_numbers_of_every_type(tmp_path):
    columns = {
        "half": np.array([0.5, 1.5], np.float16),
        "bytes": np.array([1, 200], np.uint8),
        "large": np.array([2**53, 2**62], np.int64),
        "money": [Decimal("1.25"), Decimal("2.50")],
        "with.dot": [1.0, 2.0],
    }
    table = read_table(written(tmp_path, columns, "x.parquet"))
    assert table.columns == tuple(columns)
    expected = [[0.5, 1, 2.0**53, 1.25, 1], [1.5, 200, 2.0**62, 2.5, 2]]
    assert table.rows.tolist() == expected


def test_the_index_of_pandas_is_left_out_unless_chosen(tmp_path):
    path = written(tmp_path, {"a": [1, 2], "__index_level_0__": [7, 8]}, "x.parquet")
    assert read_table(path).columns == ("a",)
    assert read_table(path, columns=["__index_level_0__"]).rows.tolist() == [[7.0], [8.0]]


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ({"a": [1, 2], "b": [1, None]}, {}, "{}, row 1 (counted from 0), column 'b': the value is "
         "missing; " + REMEDY),
        ({"a": [1.0, 2], "b": [1.0, np.inf]}, {"columns": ["b"]}, "{}, row 1 (counted from 0), "
         "column 'b': inf is not a finite number; " + REMEDY),
        ({"a": [1.0, 1e39]}, {"dtype": np.float32}, "{}, row 1 (counted from 0), column 'a': "
         "1e+39 is too large for float32; read it as float64."),
        ({"a": [1], "b": ["x"], "__index_level_0__": [1]}, {}, "{}, column 'b': its type is "
         "string, not a number; choose columns of numbers with columns=['a']."),
        ({"b": ["x"]}, {}, "{}, column 'b': its type is string, not a number; no column holds "
         "numbers."),
        ({"b": [2**53 + 1]}, {}, "{} holds the integer 9007199254740993, which float64 would round "
         "(integers beyond 2**53 can become equal): subtract an offset, or convert to "
         "float64 first if rounding is harmless."),
        ({"a": np.ones(0)}, {}, "{} holds columns but no rows."),
        ({"a": [1]}, {"columns": ["b"]}, "{} has no column 'b'; it has 'a'."),
        ({"a": [1]}, {"columns": [1]}, "{} has no column number 1; the numbers are 0 to 0."),
    ],
)  # fmt: skip
def test_parquet_errors_name_the_place(tmp_path, content, options, sentence):
    path = written(tmp_path, content, "x.parquet")
    refused_whole(path, sentence.format(path), **options)


def test_damaged_parquet_is_refused(tmp_path):
    path = written(tmp_path, {"a": np.random.default_rng(0).normal(size=1000)}, "x.parquet")
    whole = path.read_bytes()
    for damaged in (b"a,b\n1,2\n3,4\n", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"is not a whole Parquet file \([^\n]*\)\.$"):
            read_table(path)
    # The pages behind the first four bytes, with the description at the end left whole.
    path.write_bytes(whole[:4] + bytes(200) + whole[204:])
    with pytest.raises(ValueError, match=r"is damaged \([^\n]*\)\.$"):
        read_table(path)


def test_damage_inside_a_parquet_file(tmp_path, rng):
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"a": rng.normal(size=1000)}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(200) + whole[204:])
    read = batches(path)
    with pytest.raises(ValueError, match=r" is damaged or cut off \([^\n]*\)\.$"):
        list(read)
    # One bit of a number, which only a checksum shows.
    options = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    parquet.write_table(pyarrow.table({"a": np.full(1000, 1.5)}), path, **options)
    whole = path.read_bytes()
    where = whole.index(np.full(2, 1.5).tobytes())
    path.write_bytes(whole[:where] + b"\x01" + whole[where + 1 :])
    with pytest.raises(ValueError, match=r" is damaged or cut off \([^\n]*\)\.$"):
        list(batches(path))


def test_a_cut_off_arrow_stream(rng):
    data = stream_bytes("arrows", rng.normal(size=(100, 4)))
    found = iter(batches(open_pipe(data[: len(data) // 2])))
    assert len(next(found)) == 17
    with pytest.raises(ValueError, match=r"^The stream is damaged or cut off \([^\n]*\)\.$"):
        list(found)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("csv", "CSV"),
        ("parquet", "Parquet"),
        ("arrow", "Arrow files"),
        ("arrows", "Arrow streams"),
    ],
)
def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch, kind, what):
    path = write(tmp_path, kind, np.ones((3, 4)))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    sentence = f"Reading {what} {NEEDS}"
    refused(sentence, path, error=ImportError)
    if kind in ("csv", "arrows"):
        refused(sentence, io.BytesIO(path.read_bytes()), error=ImportError)


@pytest.mark.parametrize(("name", "kind"), [("x.csv", "CSV"), ("x.parquet", "Parquet")])
def test_without_pyarrow_the_extra_is_named_of_a_whole_file(tmp_path, monkeypatch, name, kind):
    path = written(tmp_path, "1,2\n", name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused_whole(
        path,
        f"Reading {kind} {NEEDS}",
        ImportError,
    )
