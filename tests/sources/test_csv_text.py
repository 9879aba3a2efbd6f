"""The header of a CSV, and where its records end."""

import os
import threading

import numpy as np
import pytest
from pyarrow import csv as arrow_csv

from fastgmm.sources import batches, column_names, dialect, read_table, streams
from fastgmm.sources.csv_text import records_end
from source_support import PATIENCE, Pieces, joined, refused, refused_whole, written


@pytest.mark.parametrize(
    ("text", "names", "n_rows"),
    [
        ("a,b\n1,2\n", ("a", "b"), 1),
        ("1,2\n3,4\n", None, 2),
        ("1,2", None, 1),
        (" a , b\r\n1, 2\r\n", ("a", "b"), 1),
        ("\ufeffa,b\n1,2\n", ("a", "b"), 1),
        ("\n\r\na,b\n\n1,2\n\n3,4\n\n", ("a", "b"), 2),
        ("\n\n1,2\n\n3,4\n", None, 2),
        ('"a, with a comma","b\nbelow"\n1,2\n', ("a, with a comma", "b\nbelow"), 1),
        ("NA,b\n1,2\n", ("NA", "b"), 1),
        ("a;b\n1;2\n", ("a", "b"), 1),
        ("a\tb\n1\t2\n", ("a", "b"), 1),
        ("sep=;\na;b\n1;2\n", ("a", "b"), 1),
        ("\nsep=|\n\n1|2\n3|4\n", None, 2),
        ('"1","2"\n"3","4"\n', None, 2),
        ("a,a\n1,2\n", ("a", "a"), 1),
        ("x\n1\n\n2\n", ("x",), 2),
    ],
)
def test_the_header_is_found(tmp_path, text, names, n_rows):
    table = read_table(written(tmp_path, text))
    assert table.columns == names
    assert len(table) == n_rows


def test_the_header_can_be_told(tmp_path):
    path = written(tmp_path, "0,1\n5,6\n")
    assert read_table(path).rows.tolist() == [[0.0, 1.0], [5.0, 6.0]]
    assert read_table(path, header=True).columns == ("0", "1")
    assert column_names(path, header=True) == ("0", "1")
    words = written(tmp_path, "a,b\n1,2\n", "words.csv")
    refused_whole(
        words,
        f"{words}, line 1, column 0: 'a' is not a number; the fields are taken to be separated by "
        "','; pass delimiter= if not.",
        header=False,
    )


def test_a_headerless_line_that_begins_with_a_word_is_data(tmp_path):
    path = written(tmp_path, "setosa,5.1\nsetosa,4.9\n")
    assert read_table(path, columns=[1]).rows.tolist() == [[5.1], [4.9]]


def test_header_can_be_told(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("0,1\n5,6\n")
    assert joined(path, format="csv").tolist() == [[0.0, 1.0], [5.0, 6.0]]
    read = batches(path, header=True, format="csv")
    assert read.columns == ("0", "1")
    assert [batch.tolist() for batch in read] == [[[5.0, 6.0]]]


def test_what_pyarrow_takes_for_gaps_is_one():
    assert set(arrow_csv.ConvertOptions().null_values) < dialect.COMMON_GAPS


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


def test_long_lines_are_read(tmp_path):
    n_columns = 100_000  # 2 MB in a line
    text = ",".join(["1.2345678901234567"] * n_columns) + "\n"
    assert read_table(written(tmp_path, 2 * text), columns=[0, 99_999]).rows.shape == (2, 2)


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


@pytest.mark.parametrize("first", [b"a,b\n", b"1,2\n", b"\n\na,?\n0,"])
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
