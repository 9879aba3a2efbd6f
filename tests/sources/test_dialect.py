"""What a reader is told of a CSV, and what it finds out."""

import math
import re

import numpy as np
import pytest

from fastgmm.sources import batches, read_table
from fastgmm.sources.csv import CsvSource
from fastgmm.sources.dialect import COMMON_GAPS, Dialect, dialect_of
from source_support import refused, written


@pytest.mark.parametrize(
    ("text", "options", "rows"),
    [
        ("a;b\n1;2\n3;4\n", {}, [[1, 2], [3, 4]]),
        ("1;2\n3;4\n", {}, [[1, 2], [3, 4]]),
        ("1\t2\n3\t4\n", {}, [[1, 2], [3, 4]]),
        ("a|b\n1|2\n", {"delimiter": "|"}, [[1, 2]]),
        ("a b\n1 2\n", {"delimiter": " "}, [[1, 2]]),
        (" a   b \n1 \t 2\n\n  3 4", {"delimiter": "whitespace"}, [[1, 2], [3, 4]]),
        ("a;b\n1,5;2\n-,5;3e-1\n", {"decimal": ","}, [[1.5, 2], [-0.5, 0.3]]),
        ("1,5;2,5\n", {"decimal": ","}, [[1.5, 2.5]]),
        ("1,5\n2,5\n", {"decimal": ","}, [[1.5], [2.5]]),
        ("sep=;\na;b\n1;2\n", {}, [[1, 2]]),
        ('"sep=|"\r\n1|2\r\n', {}, [[1, 2]]),
        ("sep=\t\na\tb\n1\t2\n", {}, [[1, 2]]),
        ("# made by x, y\na,b\n1,2 # one\n#3,4\n5,6#", {"comment": "#"}, [[1, 2], [5, 6]]),
        ('a,"b#"\n"1",2%x\n', {"comment": "%"}, [[1, 2]]),
        ("a b # c\n1  2# d\n", {"comment": "#", "delimiter": "whitespace"}, [[1, 2]]),
    ],
)
def test_every_dialect_is_read(tmp_path, text, options, rows):
    path = written(tmp_path, text)
    assert read_table(path, **options).rows.tolist() == rows
    assert [row for batch in batches(path, **options) for row in batch.tolist()] == rows


@pytest.mark.parametrize("field", sorted(COMMON_GAPS - {""}))
@pytest.mark.parametrize("around", ["{}", " {}", "{} ", "  {}\t"])
def test_common_marks_are_gaps(tmp_path, field, around):
    path = written(tmp_path, f"a,b\n1,2\n3,{around.format(field)}\n")
    with pytest.raises(ValueError, match="line 3, column 'b': the value is missing; "):
        read_table(path)
    assert read_table(path, gaps="drop").rows.tolist() == [[1, 2]]
    assert math.isnan(read_table(path, gaps="keep").rows[1, 1])


def test_own_marks_are_gaps_as_they_are_written(tmp_path):
    path = written(tmp_path, "a,b\n1,-999\n-999.0,2\nmissing,3\n")
    options = {"gaps": "keep", "gap_marks": ["-999", "missing"]}
    rows = read_table(path, **options).rows
    assert math.isnan(rows[0, 1])
    assert rows[1].tolist() == [-999, 2]
    assert math.isnan(rows[2, 0])
    assert read_table(path, gaps="drop", gap_marks="-999", columns="b").rows.tolist() == [[2], [3]]


def test_what_pyarrow_can_read_is_not_read_slowly(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("the slow reader was asked")

    monkeypatch.setattr(CsvSource, "_read_slowly", refuse)
    path = written(tmp_path, "a;b\n1,5; 2,5\n NA;? \n-999;-\n")
    rows = read_table(path, decimal=",", gaps="keep", gap_marks="-999").rows
    assert rows[0].tolist() == [1.5, 2.5]
    assert all(math.isnan(value) for value in rows[1:].ravel())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a;b\n1,5;2\n", "line 2, column 'a': '1,5' is not a number; where a comma precedes the "
         "decimals, pass decimal=','."),
        ("a\n1,5\n", "line 2: it has 2 fields, the first line has 1."),
        ("a\n1;2\n", "line 2, column 'a': '1;2' is not a number; if ';' separates the fields, pass "
         "delimiter=';'."),
        ("a  b\n1  2\n", "line 2, column 'a  b': '1  2' is not a number; if ' ' separates the "
         "fields, pass delimiter='whitespace'."),
        ("a\n# x\n1\n", "line 2, column 'a': '# x' is not a number; if '#' begins a comment, pass "
         "comment='#'."),
        ("# x\na,b\n1,2\n", "line 2: it has 2 fields, the first line has 1; if '#' begins a "
         "comment, pass comment='#'."),
    ],
)  # fmt: skip
def test_what_is_not_read_says_how_it_would_be(tmp_path, text, sentence):
    path = written(tmp_path, text)
    refused(f"{path}, {sentence}", path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"delimiter": ";;"}, "delimiter must be one ASCII character such as ';', '\\t', ' ' or "
         "'whitespace', got ';;'."),
        ({"delimiter": "x"}, "delimiter must be one ASCII character such as ';', '\\t', ' ' or "
         "'whitespace', got 'x'."),
        ({"decimal": "x"}, "decimal must be '.' or ',', got 'x'."),
        ({"comment": ""}, "comment must be one ASCII character such as '#', got ''."),
        ({"comment": 3}, "comment must be one ASCII character such as '#', got 3."),
        ({"gap_marks": [9]}, "gap_marks must be texts, as they stand in the file, got [9]."),
        ({"delimiter": ",", "decimal": ","}, "delimiter=',' and decimal=',' must be different "
         "characters."),
    ],
)  # fmt: skip
def test_a_dialect_that_cannot_be_is_refused(options, sentence):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        dialect_of(**options)


def test_a_dialect_is_of_text_only(tmp_path):
    path = written(tmp_path, np.ones((3, 2)), "x.npy")
    sentence = f"{path} holds no text but npy, of which decimal=',' says nothing; leave it out."
    refused(sentence, path, decimal=",")
    refused(sentence.replace("decimal=','", "header=True"), path, header=True)
    sentence = (
        "The array holds no text but numbers, of which comment='#' says nothing; leave it out."
    )
    refused(sentence, np.ones((3, 2)), comment="#")


def test_numbers_are_those_of_every_script_and_no_other():
    dialect = Dialect()
    assert dialect.number(" 1e3 ") == 1000
    for word in ("1_000", "\u0663", "0x10", "1,5", "1.5.2", "one"):
        assert dialect.number(word) is None
    assert Dialect(decimal=",").number("1.5") is None
