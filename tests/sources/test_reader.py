"""Every kind of source to batches of rows, and every sentence for a source that is not right."""

import io
import os
import re
import socket
import subprocess
import sys
import threading

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import ipc, parquet

from fastgmm.sources import batches, read_table, streams
from fastgmm.sources.csv_text import records_end
from fastgmm.tables.table import Table

NAMES = tuple("abcd")
PATIENCE = 60


def csv_text(rows, names=NAMES, delimiter=","):
    lines = [] if names is None else [delimiter.join(names)]
    lines += [delimiter.join(map(repr, row)) for row in rows.tolist()]
    return "".join(line + "\n" for line in lines)


def arrow_table(rows, names=NAMES):
    return pyarrow.table({name: rows[:, i] for i, name in enumerate(names)})


def write_arrow(new, table, target, chunk=17):
    with new(target, table.schema) as writer:
        writer.write_table(table, max_chunksize=chunk)


def write(folder, kind, rows, names=NAMES):
    path = folder / f"rows.{kind}"
    table = arrow_table(rows, names)
    if kind in ("csv", "tsv"):
        text = csv_text(rows, names, "," if kind == "csv" else "\t")
        path.write_text(text, encoding="utf-8", newline="")
    elif kind == "npy":
        np.save(path, rows)
    elif kind in ("parquet", "pq"):
        parquet.write_table(table, path, row_group_size=17)
    elif kind == "feather":
        table.to_pandas().to_feather(path)
    else:
        new = ipc.new_file if kind == "arrow" else ipc.new_stream
        write_arrow(new, table, path)
    return path


def in_memory(kind, rows, names=NAMES):
    table = arrow_table(rows, names)
    halves = pyarrow.concat_tables([table[: len(rows) // 3], table[len(rows) // 3 :]])
    return {
        "array": lambda: rows,
        "fortran": lambda: np.asfortranarray(rows.astype(">f8")),
        "Table": lambda: Table(rows, names),
        "pandas": table.to_pandas,
        "nullable": lambda: table.to_pandas().convert_dtypes(),
        "polars": lambda: polars.DataFrame(rows, schema=list(names)),
        "pyarrow": lambda: halves,
        "record batch": lambda: pyarrow.record_batch(table.to_pydict(), table.schema),
    }[kind]()


def open_pipe(data):
    """Give the reading end of a pipe into which a thread writes."""
    reading, writing = os.pipe()

    def write_all():
        with open(writing, "wb") as file:
            file.write(data)

    threading.Thread(target=write_all, daemon=True).start()
    return open(reading, "rb")


class Pieces(io.RawIOBase):
    """A file object that gives these pieces, whatever is asked for."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read(self, size=-1):
        return self.pieces.pop(0) if self.pieces else b""


FILES = ("csv", "tsv", "npy", "parquet", "pq", "arrow", "feather", "arrows")
FRAMES = ("array", "fortran", "Table", "pandas", "nullable", "polars", "pyarrow", "record batch")
UNCOUNTED = ("csv", "tsv", "arrow", "arrows", "feather")
UNNAMED = ("npy", "array", "fortran")


def source_of(folder, kind, rows, names=NAMES):
    return write(folder, kind, rows, names) if kind in FILES else in_memory(kind, rows, names)


def joined(source, **options):
    return np.concatenate(list(batches(source, **options)))


def refused(sentence, source, *, error=ValueError, **options):
    with pytest.raises(error, match="^" + re.escape(sentence) + "$"):
        list(batches(source, **options))


# --- the same rows from every source


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
def test_blocks_are_joined_and_cut(tmp_path, rng, monkeypatch, kind):
    """As above where a block is smaller than a batch: what a file of gigabytes looks like."""
    monkeypatch.setattr("fastgmm.sources.blocks.FEWEST_NUMBERS", 8)
    monkeypatch.setattr("fastgmm.sources.blocks.MOST_NUMBERS", 40)
    monkeypatch.setattr(streams, "READ_BYTES", 501)
    rows = rng.normal(size=(257, 4))
    source = source_of(tmp_path, kind, rows)
    for batch_rows in (1, 10, 23, 256, 257, 1000):
        found = list(batches(source, batch_rows=batch_rows))
        assert [len(batch) for batch in found[:-1]] == [batch_rows] * (256 // batch_rows)
        np.testing.assert_array_equal(np.concatenate(found), rows)


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
    table = pyarrow.table({"a": [1, 2], "species": ["x", "y"], "b": [0.5, 1.5], "t": [True, False]})
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


def test_numbers_of_every_type(tmp_path):
    from decimal import Decimal

    table = pyarrow.table(
        {
            "half": pyarrow.array(np.array([0.5, 1.5], np.float16)),
            "bytes": pyarrow.array([1, 200], pyarrow.uint8()),
            "large": pyarrow.array([2**53 + 1, 2**63 - 1]),
            "money": [Decimal("1.25"), Decimal("2.50")],
            "with.dot": [1.0, 2.0],
            "__index_level_0__": [7, 8],
        }
    )
    parquet.write_table(table, tmp_path / "x.parquet")
    write_arrow(ipc.new_file, table, tmp_path / "x.arrow")
    expected = [[0.5, 1, 2.0**53, 1.25, 1], [1.5, 200, 2.0**63, 2.5, 2]]
    for source in (table, tmp_path / "x.parquet", tmp_path / "x.arrow"):
        assert joined(source).tolist() == expected
        assert joined(source, columns=["__index_level_0__"]).tolist() == [[7.0], [8.0]]


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


def test_frames_without_names_of_text_go_by_number():
    frame = pandas.DataFrame(np.arange(6.0).reshape(2, 3))
    assert batches(frame).columns is None
    assert joined(frame, columns=[2]).tolist() == [[2.0], [5.0]]


def test_batches_do_not_share_memory_with_the_source():
    rows = np.zeros((10, 2))
    for source in (rows, pandas.DataFrame(rows), pyarrow.table({"a": rows[:, 0]}), [rows]):
        for batch in batches(source, batch_rows=5):
            batch[:] = 1.0
    assert not rows.any()


# --- CSV


TEXTS = {
    "plain": "a,b\n1,2\n3,4\n5,6\n",
    "no header": "1,2\n3,4\n5,6\n",
    "no last end": "a,b\n1,2\n3,4\n5,6",
    "CRLF": "a,b\r\n1,2\r\n3,4\r\n5,6\r\n",
    "CR": "a,b\r1,2\r3,4\r5,6\r",
    "blank lines": "\n\na,b\n\n1,2\n\n\n3,4\n5,6\n\n\n",
    "byte order mark": "\ufeffa,b\n1,2\n3,4\n5,6\n",
    "mark, no header": '\ufeff"1",2\n3,4\n5,6\n',
    "quoted": '"a","b"\n"1",2\n3,"4"\n"5","6"\n',
    "CRLF quoted": '"a","b"\r\n"1",2\r\n3,"4"\r\n"5","6"\r\n',
    "quoted names": '"a, with\na break","b ""x"""\n1,2\n3,4\n5,6\n',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_csv_of_any_style_cut_anywhere(tmp_path, monkeypatch, text):
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8", newline="")
    names = read_table(path).columns
    for size in (1, 2, 3, 5, 10, 1000):
        monkeypatch.setattr(streams, "READ_BYTES", size)
        read = batches(path)
        assert read.columns == names
        for _ in range(2):
            assert np.concatenate(list(read)).tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


QUOTED = [
    'a,b\n1,"2"\n',
    'a,b\n"x\ny",2\n"x""\n""y",4\n"""",6\n"",8\n',
    'a,b\n5" pipe,2\n"x\ny",4\nx"y"z,6\n"x"y,8\n',
    'a,b\n"x,""y"",\nz",2\n"\n",4\n\n"x"",",6\n',
]


@pytest.mark.parametrize("text", QUOTED)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_records_in_quotation_marks_are_cut_where_they_end(tmp_path, monkeypatch, text, end):
    """Where pyarrow, which has all of the text at once, ends them."""
    data = text.replace("\n", end).encode()
    options = arrow_csv.ParseOptions(newlines_in_values=True)
    whole = arrow_csv.read_csv(pyarrow.BufferReader(data), parse_options=options)
    expected = whole.column("b").cast("float64", safe=False).to_pylist()
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    for size in (1, 2, 3, 7, 1000):
        monkeypatch.setattr(streams, "READ_BYTES", size)
        assert joined(path, columns=["b"]).ravel().tolist() == expected


def test_random_quoted_records_are_cut_where_they_end(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(streams, "READ_BYTES", 13)
    alphabet = list('xy,"\n')
    numbers = rng.normal(size=200)
    words = ["".join(rng.choice(alphabet, rng.integers(0, 9))).replace('"', '""') for _ in numbers]
    lines = [f'"{word}",{number!r}\n' for word, number in zip(words, numbers.tolist(), strict=True)]
    path = tmp_path / "x.csv"
    path.write_text("word,number\n" + "".join(lines), newline="")
    np.testing.assert_array_equal(joined(path, columns=["number"]).ravel(), numbers)


def test_records_end_before_what_may_go_on():
    for text, end in [
        (b"", 0),
        (b"1,2", 0),
        (b"1,2\n3", 4),
        (b"1,2\r3", 4),
        (b"1,2\r\n3,4\r", 5),
        (b'"1",2\r', 0),
        (b'"1",2\r3', 6),
        (b'1,"2\n', 0),
        (b'1,"2"\n"', 6),
        (b'1,2"\n', 5),
    ]:
        assert records_end(text, ",") == end


def test_a_byte_order_mark_is_no_part_of_the_first_field(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "READ_BYTES", 3)
    path = tmp_path / "x.csv"
    path.write_bytes(b'\xef\xbb\xbf"x\ny",2\nz,4\n')
    assert joined(path, columns=[1], header=False).tolist() == [[2.0], [4.0]]
    with pytest.raises(ValueError, match=r"line 2, column 0: 'x\\ny' is not a number; "):
        list(batches(path, header=False))


def test_header_can_be_told(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("0,1\n5,6\n")
    assert joined(path, format="csv").tolist() == [[0.0, 1.0], [5.0, 6.0]]
    read = batches(path, header=True, format="csv")
    assert read.columns == ("0", "1")
    assert [batch.tolist() for batch in read] == [[[5.0, 6.0]]]


def test_long_lines_are_read_and_endless_ones_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(2 * (",".join(["1.2345678901234567"] * 200_000) + "\n"))
    assert joined(path, columns=[0, 199_999]).shape == (2, 2)
    path.write_text('a,b\n1,2\n3,"4\n' + 3_000_000 * "5,6\n")
    sentence = f"{path}: a line is longer than 8 MiB; look for a quotation mark that is not closed."
    refused(sentence, path)
    path.write_text(5_000_000 * "5,")
    refused(sentence, path)
    endless = Pieces([2**20 * b"5,"] * 10)
    refused(sentence.replace(str(path), "The stream"), endless)
    assert endless.pieces, "it was read to its end"


def test_what_comes_behind_the_end_is_not_asked_for():
    terminal = Pieces([b"1,2", b"", b"3,4\n"])
    assert joined(terminal).tolist() == [[1.0, 2.0]]
    assert terminal.pieces == [b"3,4\n"]


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,b\n1,2\n3,4\n5,six\n", {}, "{}, line 4, column 'b': 'six' is not a number; choose "
         "columns of numbers with columns=['a'] (command line: --columns a)."),
        ("1,2\n\n3,4,5\n", {}, "{}, line 3: it has 3 fields, the first line has 2."),
        ("a,b\n1,2\n3\n", {"gaps": "drop"}, "{}, line 3: it has 1 fields, the first line has 2."),
        ("a,b\n1,\n3,x\n", {"gaps": "drop"}, "{}, line 3, column 'b': 'x' is not a number; choose "
         "columns of numbers with columns=['a'] (command line: --columns a)."),
        (b"\xe9,b\n1,2\n", {}, "{} is not UTF-8 text; save it as UTF-8."),
        ("a,b\n1,2\n".encode("utf-16"), {}, "{} is not UTF-8 text; save it as UTF-8."),
        (b"a,b\n1,2\n5,\xe9\n", {}, "{}, line 3, column 'b': '\ufffd' is not a number; choose "
         "columns of numbers with columns=['a'] (command line: --columns a)."),
        ("", {}, "{} is empty."),
        ("\n\r\n", {}, "{} is empty."),
        (",a\n0,1\n", {}, "{}, column 0: it has no name, like the index that pandas and R write; "
         "choose columns of numbers with columns=['a'] (command line: --columns a)."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [3, 10**6])
def test_csv_that_is_not_right(tmp_path, monkeypatch, text, options, sentence, size):
    monkeypatch.setattr(streams, "READ_BYTES", size)
    path = tmp_path / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(sentence.format(path), path, **options)


def test_what_only_pyarrow_refuses_is_refused_in_its_words(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n\u0663\n")  # a digit to Python, not to pyarrow
    with pytest.raises(
        ValueError, match=r", behind line 1: it is not readable CSV \(In CSV .*\)\.$"
    ):
        list(batches(path))


def test_what_stands_in_other_columns_does_not_matter(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b,c\n1,,"text\nin two lines"\n2,NA,\xe9\n')
    assert joined(path, columns=["a"]).tolist() == [[1.0], [2.0]]


# --- gaps


REMEDY = "leave out or fill in rows with gaps (gaps='drop' leaves them out)."


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


# --- passes


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
        ("The source", pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches())),
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


# --- iterables


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
        ([np.ones((2, 2)), [1.0, 2.0]], TypeError, "Item 1 of the source is of type list; give "
         "arrays of rows and columns, or frames of pandas, polars or pyarrow."),
        (["x.csv"], TypeError, "Item 0 of the source is of type str; give arrays of rows and "
         "columns, or frames of pandas, polars or pyarrow."),
        ([np.ones(3)], ValueError, "Item 0 of the source has 1 dimensions; rows and columns are "
         "2."),
        ([np.ones((2, 2)), np.ones((2, 3))], ValueError, "Item 1 of the source has 3 columns and "
         "those before it 2; give all the same, or choose with columns=."),
        ([pandas.DataFrame({"a": [1]}), pandas.DataFrame({"b": [1]})], ValueError, "Item 1 of the "
         "source has columns ('b',) and those before it ('a',); give all the same, or choose with "
         "columns=."),
        ([np.array([["x"]])], ValueError, "Item 0 of the source holds values of type <U1, not "
         "integers or floats."),
        ([np.ma.masked_less(np.ones((2, 2)), 2)], ValueError, "Item 0 of the source is masked; "
         "pass array.astype(float).filled(numpy.nan)."),
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


# --- pipes


def stream_bytes(kind, rows, names=NAMES):
    if kind == "csv":
        return csv_text(rows, names).encode()
    sink = io.BytesIO()
    write_arrow(ipc.new_stream, arrow_table(rows, names), sink)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["csv", "arrows"])
@pytest.mark.parametrize("batch_rows", [1, 7, 10**6])
@pytest.mark.parametrize("told", [False, True])
def test_pipes(rng, kind, batch_rows, told):
    rows = rng.normal(size=(3000, 4))  # more than a pipe holds
    with open_pipe(stream_bytes(kind, rows)) as pipe:
        options = {"format": kind} if told else {}
        read = batches(pipe, batch_rows=batch_rows, columns=["c", "a"], weights="d", **options)
        assert read.columns == ("c", "a")
        assert read.n_rows is None
        pairs = list(read)
        assert not pipe.closed
    assert all(0 < len(batch) <= batch_rows for batch, _ in pairs)
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in pairs]), rows[:, [2, 0]])
    np.testing.assert_array_equal(np.concatenate([weights for _, weights in pairs]), rows[:, 3])


@pytest.mark.parametrize("kind", ["csv", "arrows"])
def test_file_objects_of_every_sort(tmp_path, rng, kind):
    rows = rng.normal(size=(200, 4))
    data = stream_bytes(kind, rows)
    path = tmp_path / "x"
    path.write_bytes(data)
    receiving, sending = socket.socketpair()
    with sending, receiving, open(path, "rb") as buffered, open(path, "rb", buffering=0) as raw:
        threading.Thread(target=lambda: (sending.sendall(data), sending.close())).start()
        for source in (buffered, raw, io.BytesIO(data), receiving.makefile("rb")):
            np.testing.assert_array_equal(joined(source), rows)


@pytest.mark.parametrize("kind", ["csv", "arrows"])
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_slow_writer_is_not_waited_for(rng, kind, buffering):
    """The writer goes on only after the batch with what it wrote has arrived."""
    rows = rng.normal(size=(60, 4))
    reading, writing = os.pipe()
    arrived = [threading.Event() for _ in range(3)]
    late = []

    def write_slowly():
        with open(writing, "wb", buffering=0) as file:
            if kind == "arrows":
                table = arrow_table(rows)
                writer = ipc.new_stream(file, table.schema)
            else:
                file.write(b"a,b,c,d\n")
            for i, event in enumerate(arrived):
                part = rows[20 * i : 20 * i + 20]
                if kind == "arrows":
                    writer.write_table(arrow_table(part))
                else:
                    # The beginning of a row that goes on later does no harm.
                    file.write(csv_text(part, None).encode() + (b"\n" if i == 2 else b""))
                if not event.wait(PATIENCE):
                    late.append(i)
                    return
            if kind == "arrows":
                writer.close()

    thread = threading.Thread(target=write_slowly, daemon=True)
    thread.start()
    with open(reading, "rb", buffering=buffering) as pipe:
        found = []
        for batch in batches(pipe):
            found.append(batch)
            n_rows = sum(map(len, found))
            for i, event in enumerate(arrived):
                if n_rows >= 20 * (i + 1):
                    event.set()
    thread.join(PATIENCE)
    assert late == []
    np.testing.assert_array_equal(np.concatenate(found), rows)


def test_part_of_a_row_is_carried_over():
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, open(writing, "wb", buffering=0) as end:
        end.write(b'"x,\ny",b\n"1",2\n3')
        read = batches(pipe)
        assert read.columns == ("x,\ny", "b")
        found = iter(read)
        assert next(found).tolist() == [[1.0, 2.0]]
        end.write(b'0,"4')
        end.write(b'0"\n5,6')
        assert next(found).tolist() == [[30.0, 40.0]]
        end.close()
        assert next(found).tolist() == [[5.0, 6.0]]
        assert next(found, None) is None


@pytest.mark.parametrize("first", [b"a,b\n", b"1,2\n", b"\n\na,1\n0,"])
def test_a_header_is_known_before_the_rows_are_written(first):
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, open(writing, "wb", buffering=0) as end:
        end.write(first)
        begun = []
        thread = threading.Thread(target=lambda: begun.append(batches(pipe)), daemon=True)
        thread.start()
        if first.endswith(b","):  # a mixed line: the next one tells
            end.write(b"4\n")
        thread.join(PATIENCE)
        waited = thread.is_alive()
        end.write(b"3,4\n")
        end.close()
        thread.join(PATIENCE)
        assert not waited
        assert np.concatenate(list(begun[0]))[-1].tolist() == [3.0, 4.0]


def test_a_named_pipe(tmp_path, rng):
    rows = rng.normal(size=(100, 4))
    for name, data in [("x", stream_bytes("arrows", rows)), ("x.csv", stream_bytes("csv", rows))]:
        path = tmp_path / name
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=(data,), daemon=True).start()
        read = batches(path)
        assert not read.reiterable
        np.testing.assert_array_equal(np.concatenate(list(read)), rows)


@pytest.mark.parametrize("kind", ["csv", "arrows"])
def test_standard_input(rng, kind):
    rows = rng.normal(size=(100, 4))
    code = (
        "import sys; from fastgmm.sources import batches;"
        "print(sum(float(rows.sum()) for rows in batches(sys.stdin.buffer)))"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code],
        input=stream_bytes(kind, rows),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) == pytest.approx(rows.sum(), rel=1e-9)


def test_errors_name_the_pipe():
    code = "import sys; from fastgmm.sources import batches; list(batches(sys.stdin.buffer))"
    run = subprocess.run(
        [sys.executable, "-P", "-c", code],
        input=b"a,b\n1,2\n3,\n",
        capture_output=True,
        timeout=PATIENCE,
    )
    sentence = f"ValueError: <stdin>, line 3, column 'b': the value is missing; {REMEDY}"
    assert run.stderr.decode().strip().splitlines()[-1] == sentence
    refused(
        f"The stream, line 3, column 'b': the value is missing; {REMEDY}",
        open_pipe(b"a,b\n1,2\n3,\n"),
    )


@pytest.mark.parametrize("kind", ["npy", "parquet", "arrow"])
def test_what_cannot_be_read_from_a_pipe(tmp_path, kind):
    data = write(tmp_path, kind, np.ones((3, 4))).read_bytes()
    what = {"npy": "A .npy file", "parquet": "Parquet", "arrow": "An Arrow file"}[kind]
    sentence = (
        f"{what} cannot be read as it comes, as from The stream; save it to a file and pass its "
        "path."
    )
    refused(sentence, io.BytesIO(data))
    refused(sentence, io.BytesIO(b"1,2\n"), format=kind)


def test_text_is_refused_where_bytes_belong():
    refused(
        "The source gives text; pass the file object of its bytes, for example sys.stdin.buffer, "
        "or open(path, 'rb').",
        io.StringIO("1,2\n"),
        error=TypeError,
    )


def test_a_pipe_that_does_not_wait_is_refused():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb", buffering=0) as pipe, open(writing, "wb"):
        refused("The source does not wait for data; make it blocking.", pipe, error=BlockingIOError)


def test_an_error_of_the_system_is_left_as_it_is():
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise ConnectionResetError(104, "Connection reset by peer")

    for format in ("csv", "arrows"):
        with pytest.raises(ConnectionResetError):
            batches(io.BufferedReader(Broken()), format=format)


# --- empty and damaged sources


@pytest.mark.parametrize("kind", [*FILES, *FRAMES])
def test_no_rows_give_no_batches(tmp_path, kind):
    read = batches(source_of(tmp_path, kind, np.ones((0, 4))))
    assert list(read) == []
    assert read.n_rows in (None, 0)


@pytest.mark.parametrize("kind", FILES)
def test_an_empty_file_is_refused(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(b"")
    refused(f"{path} is empty.", path)


def test_an_empty_pipe_is_refused():
    refused("The stream is empty.", open_pipe(b""))
    with pytest.raises(ValueError, match=r"^The stream is not an Arrow stream \(.*\)\.$"):
        batches(open_pipe(b""), format="arrows")


@pytest.mark.parametrize("kind", ["npy", "parquet", "arrow", "feather", "arrows"])
def test_damaged_files_are_refused(tmp_path, rng, kind):
    path = write(tmp_path, kind, rng.normal(size=(1000, 4)))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[: len(whole) // 5], whole[:3], b"a,b\n1,2\n"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=re.escape(str(path)) + r" is (not|damaged)[^\n]*\.$"):
            list(batches(path))


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


def test_an_npy_that_became_shorter(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.ones((1000, 3)))
    read = batches(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r" has become shorter while it was read\.$"):
        list(read)


def test_npy_of_one_dimension_is_one_column(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(5))
    assert joined(tmp_path / "x.npy", batch_rows=2).tolist() == [[0], [1], [2], [3], [4]]


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.ones((2, 2), bool), "holds values of type bool, not integers or floats."),
        (np.ones((2, 2, 2)), "has 3 dimensions; rows and columns are 2."),
        (np.ones((3, 0)), "has no column; nothing would be left."),
    ],
)
def test_arrays_that_are_not_right(tmp_path, array, sentence):
    np.save(tmp_path / "x.npy", array)
    refused(f"{tmp_path / 'x.npy'} {sentence}", tmp_path / "x.npy")
    refused(f"The array {sentence}", array)


def test_there_must_be_something_to_read(tmp_path):
    missing = tmp_path / "missing.parquet"
    refused(f"There is no file {missing}.", missing, error=FileNotFoundError)
    (tmp_path / "folder.npy").mkdir()
    folder = tmp_path / "folder.npy"
    refused(f"{folder} is a folder, not a file.", folder, error=IsADirectoryError)
    refused(
        f"The name of {tmp_path / 'x.xlsx'} must end in one of .csv, .tsv, .npy, .parquet, .arrow, "
        ".arrows, .pq, .feather, to say what it holds; or pass format=.",
        tmp_path / "x.xlsx",
    )
    refused(
        "A source of type int cannot be read; pass a path, a binary file object, an array or a "
        "frame, an iterable of those, or a function that returns one.",
        3,
        error=TypeError,
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"gaps": "fill"}, "gaps must be 'error' or 'drop', got 'fill'."),
        ({"gaps": None}, "gaps must be 'error' or 'drop', got None."),
        ({"batch_rows": 0}, "batch_rows must be at least 1, got 0."),
        ({"dtype": "int64"}, "dtype must be float32 or float64, got int64."),
        ({"format": "xml"}, "format must be one of 'csv', 'tsv', 'npy', 'parquet', 'arrow', "
         "'arrows', got 'xml'."),
    ],
)  # fmt: skip
def test_arguments_that_are_not_right(options, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        batches(np.ones((2, 2)), **options)
    with pytest.raises(TypeError):
        batches(np.ones((2, 2)), batch_rows=1.5)


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
    sentence = f"Reading {what} needs pyarrow: pip install 'fastgmm[cli]'."
    refused(sentence, path, error=ImportError)
    if kind in ("csv", "arrows"):
        refused(sentence, io.BytesIO(path.read_bytes()), error=ImportError)


def test_numpy_needs_no_pyarrow(tmp_path, monkeypatch):
    path = write(tmp_path, "npy", np.ones((3, 4)))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for source in (path, np.ones((3, 4)), [np.ones((3, 4))], pandas.DataFrame(np.ones((3, 4)))):
        assert joined(source).shape == (3, 4)


# --- memory


PEAK = """
import sys
from fastgmm.sources import batches

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + ":"))

small, large = sys.argv[1:]
options = dict(batch_rows=4096)
for rows in batches(small, **options):  # imports, and the pools of pyarrow
    pass
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins anew
before = status("VmRSS")
n_rows = sum(len(rows) for rows in batches(large, **options))
print(n_rows, status("VmHWM") - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="Linux counts the peak")
@pytest.mark.parametrize("kind", ["npy", "fortran", "parquet", "arrow", "one batch", "csv"])
def test_memory_is_bounded(tmp_path, kind):
    """96 MiB of rows, in one row group or record batch where the file has such."""
    rows = np.random.default_rng(0).integers(100, size=(1_572_864, 8)).astype(np.float64)
    paths = []
    for name, part in (("small", rows[:5000]), ("large", rows)):
        path = tmp_path / f"{name}.{kind}"
        table = arrow_table(part, tuple("abcdefgh"))
        if kind in ("npy", "fortran"):
            path = path.with_suffix(".npy")
            np.save(path, part if kind == "npy" else np.asfortranarray(part))
        elif kind == "parquet":
            # Without a dictionary and compression, of which a row group would be a small part.
            options = {"use_dictionary": False, "compression": "none"}
            parquet.write_table(table, path, row_group_size=len(part), **options)
        elif kind == "csv":
            arrow_csv.write_csv(table, path)
        else:
            path = path.with_suffix(".arrow")
            write_arrow(ipc.new_file, table, path, 10_000 if kind == "arrow" else len(part))
        paths.append(str(path))
    run = subprocess.run(
        [sys.executable, "-P", "-c", PEAK, *paths],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    n_rows, kibibytes = map(int, run.stdout.split())
    assert n_rows == len(rows)
    assert kibibytes < 48 * 1024
