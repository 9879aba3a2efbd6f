"""CSV of any style to rows, and every sentence for one that is not right."""

import re
import subprocess
import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import csv as arrow_csv

from fastgmm.sources import batches, csv, read_table, streams
from source_support import REMEDY, csv_text, joined, refused, refused_whole, written

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


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,b\n1,2\n3,4\n5,six\n", {}, "{}, line 4, column 'b': 'six' is not a number; choose "
         "columns of numbers with columns=['a']."),
        ("1,2\n\n3,4,5\n", {}, "{}, line 3: it has 3 fields, the first line has 2."),
        ("a,b\n1,2\n3\n", {"gaps": "drop"}, "{}, line 3: it has 1 fields, the first line has 2."),
        ("a,b\n1,\n3,x\n", {"gaps": "drop"}, "{}, line 3, column 'b': 'x' is not a number; choose "
         "columns of numbers with columns=['a']."),
        (b"\xe9,b\n1,2\n", {}, "{} is not UTF-8 text; save it as UTF-8."),
        ("a,b\n1,2\n".encode("utf-16"), {}, "{} is UTF-16 text; save it as UTF-8."),
        (b"a,b\n1,2\n5,\xe9\n", {}, "{}, line 3, column 'b': '\ufffd' is not a number; choose "
         "columns of numbers with columns=['a']."),
        ("", {}, "{} is empty."),
        ("\n\r\n", {}, "{} is empty."),
        (",a\n0,1\n", {}, "{}, column 0: it has no name, like the index that pandas and R write; "
         "choose columns of numbers with columns=['a']."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [3, 10**6])
def test_csv_that_is_not_right(tmp_path, monkeypatch, text, options, sentence, size):
    monkeypatch.setattr(streams, "READ_BYTES", size)
    path = tmp_path / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(sentence.format(path), path, **options)


@pytest.mark.parametrize("read", [joined, lambda path: read_table(path).rows])
def test_what_pyarrow_refuses_and_is_right_is_read(tmp_path, read):
    """Blanks around what stands for no number, which pyarrow takes for a part of it."""
    path = written(tmp_path, "a,b\n1,2\n3,   ?\t\n5,6\n")
    with pytest.raises(ValueError, match=r", line 3, column 'b': the value is missing; "):
        read(path)
    assert joined(path, gaps="drop").tolist() == [[1, 2], [5, 6]]
    assert read_table(path, gaps="drop").rows.tolist() == [[1, 2], [5, 6]]
    digit = written(tmp_path, "a\n1\n\u0663\n")  # a digit of another script
    with pytest.raises(ValueError, match=r", line 3, column 'a': '\u0663' is not a number; "):
        read(digit)


def test_what_stands_in_other_columns_does_not_matter(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b,c\n1,,"text\nin two lines"\n2,NA,\xe9\n')
    assert joined(path, columns=["a"]).tolist() == [[1.0], [2.0]]


IRIS = "length,species,width\n5.1,setosa,3.5\n4.9,setosa,3.0\n"


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,b\n1,2\n3,\n", {}, "{}, line 3, column 'b': the value is missing; "
         "leave out or fill in rows with gaps (gaps='drop' leaves them out)."),
        ("1,2\n3,NaN\n", {}, "{}, line 2, column 1: the value is missing; "
         "leave out or fill in rows with gaps (gaps='drop' leaves them out)."),
        ("1,2\n\n3,-inf\n", {}, "{}, line 3, column 1: -inf is not a finite number; " + REMEDY),
        ("1,2\n3,1e400\n", {}, "{}, line 2, column 1: inf is not a finite number; " + REMEDY),
        ("1,2\n3,1e39\n", {"dtype": "float32"}, "{}, line 2, column 1: 1e+39 is too large for "
         "float32; read it as float64."),
        ("1,2\n3,4,5\n", {}, "{}, line 2: it has 3 fields, the first line has 2."),
        ("a,b\n1,2\n3\n", {}, "{}, line 3: it has 1 fields, the first line has 2."),
        (IRIS, {}, "{}, line 2, column 'species': 'setosa' is not a number; choose columns of "
         "numbers with columns=['length', 'width']."),
        ("1,x\n2,y\n", {}, "{}, line 1, column 1: 'x' is not a number; choose columns of "
         "numbers with columns=['0']."),
        ("a,b\n1,2\n3,4\n5,six\n", {"columns": ["b"]}, "{}, line 4, column 'b': 'six' is not a "
         "number; choose columns of numbers with columns=['a']."),
        ("x;y,z\n1;2,b\n", {}, "{}, line 2, column 'x;y': '1;2' is not a number; if ';' separates "
         "the fields, pass delimiter=';'."),
        ("x\na\n", {}, "{}, line 2, column 'x': 'a' is not a number; the fields are taken to be "
         "separated by ','; pass delimiter= if not."),
        ("a,b,c,d,e,f,g,h\n1,2,3,4,5,6,7,true\n", {}, "{}, line 2, column 'h': 'true' is not a "
         "number; choose columns of numbers with columns=['a', 'b', 'c', 'd', 'e', 'f', ...]."),
        ('a\n1\n"2\n' + 50 * "3\n", {}, "{}, line 53, column 'a': "
         + repr("2\n" + 19 * "3\n" + "...") + " is not a number; the fields are taken to be "
         "separated by ','; pass delimiter= if not."),
        ("a,b\n", {}, "{} holds a line of column names but no rows."),
        ("\n\n", {}, "{} is empty."),
        ("", {}, "{} is empty."),
        (",a\n0,1\n", {}, "{}, column 0: it has no name, like the index that pandas and R write; "
         "choose columns of numbers with columns=['a']."),
        (",\n1,2\n", {"header": True}, "{}, column 0: it has no name, like the index that pandas "
         "and R write; no column holds numbers."),
        ("a,a\n1,2\n", {"columns": ["a"]}, "{} has 2 columns named 'a'; choose by number."),
        ("a,b\n1,2\n", {"columns": ["c"]}, "{} has no column 'c'; it has 'a', 'b'."),
        ("a,b\n1,2\n", {"columns": [2]}, "{} has no column number 2; the numbers are 0 to 1."),
        ("a,b\n1,2\n", {"columns": [-1]}, "{} has no column number -1; the numbers are 0 to 1."),
        ("1,2\n", {"columns": ["a"]}, "{} has no column names, so 'a' is not one; choose by "
         "number, 0 to 1."),
        ("a,b\n1,2\n", {"columns": ["b", 0, "1"]}, "Column '1' of {} is chosen twice."),
        ("a,b\n1,2\n", {"columns": []}, "No column of {} is chosen; choose at least one."),
        ("a,b\n1,2\n", {"dtype": "int64"}, "dtype must be float32 or float64, got int64."),
        (b"a,b\n1,2\n3,4\n5,\xe9\n", {}, "{}, line 4, column 'b': '\ufffd' is not a number; choose "
         "columns of numbers with columns=['a']."),
        (b"\xe9,b\n1,2\n", {}, "{} is not UTF-8 text; save it as UTF-8."),
        (b"1,\xe9\n1,2\n", {}, "{} is not UTF-8 text; save it as UTF-8."),
        ("a,b\n1,2\n".encode("utf-16"), {}, "{} is UTF-16 text; save it as UTF-8."),
        ("a," + 200_000 * "b" + "\n1,2\n", {}, "{} is not a table of text (field larger than "
         "field limit (131072))."),
        ("a,b\n1,2\n" + 200_000 * "3" + ",x\n", {}, "{}, line 3: it is unreadable (field larger "
         "than field limit (131072))."),
    ],
)  # fmt: skip
def test_csv_errors_name_the_place(tmp_path, text, options, sentence):
    path = written(tmp_path, text)
    refused_whole(path, sentence.format(path), **options)


MISTAKES = {
    "a gap": ("a,b\n1,2\n,4\n5,six\n7\n", "line 3, column 'a': the value is missing; "),
    "a word": ("a,b\n1,2\n3,four\n,6\n7\n", "line 3, column 'b': 'four' is not a number; "),
    "fields": ("a,b\n1,2\n3\n,6\n7,eight\n", "line 3: it has 1 fields, "),
    "a gap left of a word": ("a,b\n1,2\n,four\n", "line 3, column 'a': the value is missing; "),
    "a gap right of a word": ("a,b\n1,2\nx,\n", "line 3, column 'a': 'x' is not a number; "),
    "too large": ("a,b\n1,2\n3,1e39\n5,six\n", "line 3, column 'b': 1e+39 is too large for "),
    "unreadable": ("a,b\n1,2\n" + 200_000 * "3" + ",x\n,y\n", "line 3: it is unreadable "),
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("read", [read_table, joined])
def test_the_first_mistake_of_the_file_is_told(tmp_path, text, sentence, read):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match="^" + re.escape(f"{path}, {sentence}")):
        read(path, dtype=np.float32)


def test_gaps_that_are_dropped_do_not_hide_a_word(tmp_path):
    path = written(tmp_path, "a,b\n1,2\n,4\n5,six\n")
    with pytest.raises(ValueError, match=r"line 4, column 'b': 'six' is not a number; "):
        joined(path, gaps="drop")


@pytest.mark.parametrize("text", ["a,b\n", "a,b", "a,b\n\n\n", "\ufeffa,b\r\n"])
def test_a_line_of_names_alone_holds_no_rows(tmp_path, text):
    path = written(tmp_path, text)
    refused_whole(path, f"{path} holds a line of column names but no rows.", header=True)
    assert list(batches(path, header=True)) == []


def test_one_piece_and_many_give_the_same_rows(tmp_path, rng, monkeypatch):
    rows = rng.normal(size=(2000, 4))
    path = written(tmp_path, csv_text(rows))
    monkeypatch.setattr(streams, "READ_BYTES", 1000)
    monkeypatch.setattr(csv, "CSV_BLOCK_BYTES", 5000)
    np.testing.assert_array_equal(read_table(path).rows, rows)
    np.testing.assert_array_equal(joined(path), rows)


def test_what_stands_in_other_columns_does_not_matter_of_a_whole_file(tmp_path):
    path = written(tmp_path, b'a,b,c\n1,,"text\nin two lines"\n2,NA,\xe9\n')
    assert read_table(path, columns=["a"]).rows.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("before", ["1,2\n", "a,b\n", "a,b\n1,2\n", "\ufeff"])
def test_a_mark_of_utf_8_between_lines_is_refused_by_all(tmp_path, before):
    """pyarrow takes it away where a piece begins, and a file cut elsewhere was refused."""
    path = tmp_path / "x.csv"
    path.write_bytes(before.encode() + b"\xef\xbb\xbf1,5")
    for read in (read_table, lambda path: list(batches(path)), lambda path: of_stream(path)):
        with pytest.raises(ValueError, match="ufeff"):
            read(path)


def of_stream(path):
    with path.open("rb") as file:
        return read_table(file)


def test_a_short_file_takes_little_memory(tmp_path):
    """Blocks of 8 MiB were allocated for files of three lines."""
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    code = (
        "import sys, pyarrow, fastgmm.sources as s; print(s.read_table(sys.argv[1]).rows.sum(), "
        "pyarrow.default_memory_pool().max_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    total, peak = map(float, done.stdout.split())
    assert total == 10.0
    assert peak < 2**20
