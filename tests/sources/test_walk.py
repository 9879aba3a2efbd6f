"""Walks over a source that carry columns along as they stand."""

import datetime
import io
from decimal import Decimal

import numpy as np
import pyarrow
import pytest
from pyarrow import ipc, parquet

from fastgmm.sources import batches, streams

TEXT = (
    'id,a,when,b,note\n007,1.50,2024-01-02,2,"x, ""y"""\n'
    "A 8 ,2,,3,NA\n"
    'n\u00e9,3e0,yesterday,4,"two\nlines"\n'
)
IDS, NOTES = ["007", "A 8 ", "n\u00e9"], ['x, "y"', "NA", "two\nlines"]


def beside(source, **options):
    """The rows of a source, and what is kept of them."""
    read = batches(source, **options)
    found = list(read.with_kept())
    whole = list(read.with_kept(whole=True)) if read.reiterable else found
    for parts in (found, whole):
        yield (
            np.concatenate([table.rows for table, _ in parts]).tolist(),
            pyarrow.concat_tables([kept for _, kept in parts]).to_pydict(),
        )


@pytest.fixture
def path(tmp_path):
    """Return the path of a CSV with text in it."""
    (tmp_path / "x.csv").write_text(TEXT, encoding="utf-8")
    return tmp_path / "x.csv"


def test_text_stays_as_it_stands(path):
    for rows, kept in beside(path, columns=["a", "b"], keep=["note", "0"]):
        assert rows == [[1.5, 2.0], [2.0, 3.0], [3.0, 4.0]]
        assert kept == {"note": NOTES, "id": IDS}


def test_a_column_may_be_kept_and_read(path):
    for rows, kept in beside(path, columns=["b", "a"], keep=["a", "id"]):
        assert rows == [[2.0, 1.5], [3.0, 2.0], [4.0, 3.0]]
        assert kept == {"a": ["1.50", "2", "3e0"], "id": IDS}


def test_what_pyarrow_refuses_is_kept_as_well(tmp_path):
    """Blanks around a gap are read slowly."""
    (tmp_path / "x.csv").write_text("id,a\n 7,1\n8,   NA   \n09,2\n")
    for rows, kept in beside(tmp_path / "x.csv", keep="id", gaps="drop"):
        assert rows == [[1.0], [2.0]]
        assert kept == {"id": [" 7", "09"]}


def test_a_pipe_and_a_file_without_names():
    for rows, kept in beside(io.BytesIO(b"1,u,2\n3,v,4\n"), keep=1):
        assert (rows, kept) == ([[1.0, 2.0], [3.0, 4.0]], {"x1": ["u", "v"]})


def test_kept_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "x.csv").write_bytes("id,a\nx,1\n\u00e9,2\n".encode("latin-1"))
    assert all(rows == [[1], [2]] for rows, _ in beside(tmp_path / "x.csv", columns="a"))
    with pytest.raises(ValueError, match=r"x\.csv, line 3, column 'id': it is not UTF-8 text; "):
        list(beside(tmp_path / "x.csv", keep="id"))


def table_of_types():
    days = [datetime.date(2024, 1, day) for day in (1, 2, 3)]
    return pyarrow.table(
        {
            "id": pyarrow.array(["u", None, "w"]).dictionary_encode(),
            "a": [1.0, 2.0, 3.0],
            "when": days,
            "sum": [Decimal("1.50"), Decimal("2.00"), None],
        }
    )


def test_types_of_arrow_and_parquet_stay(tmp_path):
    table = table_of_types()
    parquet.write_table(table, tmp_path / "x.parquet")
    for name, new in (("x.arrow", ipc.new_file), ("x.arrows", ipc.new_stream)):
        with new(tmp_path / name, table.schema) as writer:
            writer.write_table(table)
    for ending in ("parquet", "arrow", "arrows"):
        for whole in (False, True):
            read = batches(tmp_path / f"x.{ending}", columns="a", keep=["sum", "when", "id"])
            ((rows, kept),) = read.with_kept(whole=whole)
            assert rows.rows.tolist() == [[1.0], [2.0], [3.0]]
            assert kept.equals(table.select(["sum", "when", "id"]))
            assert read.kept == ("sum", "when", "id")


def test_folders_are_kept_by_their_values(tmp_path):
    for year in ("2023", "2024"):
        (tmp_path / f"year={year}").mkdir()
        (tmp_path / f"year={year}" / "x.csv").write_text(f"id,a\nu{year},1\n")
    for rows, kept in beside(tmp_path, columns="a", keep=["year", "id"]):
        assert rows == [[1.0], [1.0]]
        assert kept == {"year": ["2023", "2024"], "id": ["u2023", "u2024"]}


def test_what_cannot_be_kept_is_said(tmp_path, path):
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"x\.npy: columns can be kept of CSV, Parquet and Arrow"):
        next(batches(tmp_path / "x.npy", keep=0).with_kept())
    with pytest.raises(ValueError, match=r"^keep and weights do not go together; leave one"):
        batches(path, keep="id", weights="a")
    with pytest.raises(ValueError, match=r"has no column besides 'id', 'a', 'when', 'b', 'note';"):
        batches(path, keep=["id", "a", "when", "b", "note"])
    with pytest.raises(ValueError, match=r"has no column 'no'; it has 'id', "):
        batches(path, keep="no")


BAD = (
    "id,a,b\nx,1,2\nid,a,b\ny,3\nz,4,five\n\nu,6,7,8\nv,8,9\nw,,1\n"
    'q,"1,2\nr,2,3\n"s",4,5\n\ufffd\ufffd\nt,6,7'
)
"""Of these lines, 3 to 5, 7, 10 and 13 are no rows."""
GOOD = [[1, 2], [8, 9], [2, 3], [4, 5], [6, 7]]


def test_lines_that_are_no_rows_are_skipped_and_named(tmp_path):
    (tmp_path / "x.csv").write_text(BAD)
    options = {"columns": ["a", "b"], "bad_lines": "skip", "gaps": "drop"}
    for source in (tmp_path / "x.csv", io.BytesIO(BAD.encode())):
        read = batches(source, keep="id", **options)
        for _ in range(2 if read.reiterable else 1):
            parts = list(read.with_kept())
            assert np.concatenate([table.rows for table, _ in parts]).tolist() == GOOD
            ids = pyarrow.concat_tables([kept for _, kept in parts]).column("id").to_pylist()
            assert ids == ["x", "v", "r", "s", "t"]
            assert (read.dropped, read.dropped_at) == (1, ["line 9"])
            assert (read.skipped, read.skipped_at) == (
                6, [f"line {line}" for line in (3, 4, 5, 7, 10, 13)]
            )  # fmt: skip
    table = batches(tmp_path / "x.csv", **options).table()
    assert table.rows.tolist() == GOOD


@pytest.mark.parametrize("size", [1, 2, 5, 17, 1000])
def test_lines_are_skipped_wherever_the_text_is_cut(tmp_path, monkeypatch, size):
    monkeypatch.setattr(streams, "READ_BYTES", size)
    for end in ("\n", "\r\n", "\r"):
        path = tmp_path / "x.csv"
        path.write_bytes(BAD.replace("\n", end).encode())
        read = batches(path, columns=["a", "b"], bad_lines="skip", gaps="drop")
        assert np.concatenate(list(read)).tolist() == GOOD
        assert (read.skipped, read.skipped_at[-1]) == (6, "line 13")


def test_an_open_quotation_mark_takes_no_other_line(tmp_path):
    """Where pyarrow finds fields enough, it would take the lines behind it for text."""
    (tmp_path / "x.csv").write_text('a,note\n1,x\n2,"open\n3,y\n4,z"\n5,"w"\n')
    read = batches(tmp_path / "x.csv", columns="a", bad_lines="skip")
    assert np.concatenate(list(read)).tolist() == [[1], [2], [3], [4], [5]]
    assert read.skipped == 0


def test_files_of_which_lines_are_skipped_are_named(tmp_path):
    for name in ("x", "y"):
        (tmp_path / f"{name}.csv").write_text("a\n1\na\n" + "word\n" * 6)
    read = batches(tmp_path, bad_lines="skip")
    assert read.table().rows.tolist() == [[1], [1]]
    assert read.skipped == 14
    assert len(read.skipped_at) == 10
    assert read.skipped_at[-1] == f"{tmp_path / 'y.csv'}, line 5"


def test_what_is_said_of_bad_lines(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\nx\n")
    with pytest.raises(ValueError, match=r"line 3, column 'a': 'x' is not a number"):
        batches(tmp_path / "x.csv").table()
    (tmp_path / "x.csv").write_text("a,b\n1\nx,2\n")
    with pytest.raises(ValueError, match=r"holds no row: 2 lines that are none were skipped\."):
        batches(tmp_path / "x.csv", bad_lines="skip").table()
    with pytest.raises(ValueError, match=r"bad_lines must be 'error' or 'skip', got 'warn'\."):
        batches(tmp_path / "x.csv", bad_lines="warn")
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"of which bad_lines='skip' says nothing; leave it out"):
        batches(tmp_path / "x.npy", bad_lines="skip")
