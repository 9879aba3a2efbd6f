"""Whether a first line holds names: no row is lost or won in silence."""

import io

import pytest

from fastgmm.sources import batches, read_table
from source_support import refused, written

YES_OR_NO = "; pass header=True if they are names and header=False if they are a row."


@pytest.mark.parametrize(
    ("text", "words", "number"),
    [
        ("x,1990\n5,6\n", "x", "1990"),
        ("1O,2\n3,4\n", "1O", "2"),
        ("name,2019,2020\na,1,2\n", "name", "2019"),
        ("country,1960\nAruba,54211\n", "country", "1960"),
    ],
)
def test_words_and_numbers_that_may_be_names_are_refused(tmp_path, text, words, number):
    path = written(tmp_path, text)
    refused(f"{path}, line 1: it holds words such as {words!r} and numbers such as {number!r}"
            + YES_OR_NO, path)  # fmt: skip
    n_rows = text.count("\n")
    assert len(read_table(path, columns=[1], header=True)) == n_rows - 1
    assert len(read_table(path, columns=[1], header=False)) == n_rows


@pytest.mark.parametrize(
    "text",
    ["?,3.0\n1,2\n", "-,3\n1,2\n", "n.a.,3\n1,2\n", ",3\n1,2\n", "None,0\n1,2\n", "?,?\n1,2\n"],
)
def test_a_line_with_a_gap_and_no_word_is_a_row(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match="line 1, column 0: the value is missing; "):
        read_table(path)
    assert read_table(path, gaps="drop").rows.tolist() == [[1, 2]]


def test_a_word_beside_which_words_follow_makes_no_header(tmp_path):
    path = written(tmp_path, "setosa,5.1\nsetosa,4.9\n")
    assert read_table(path, columns=[1]).rows.tolist() == [[5.1], [4.9]]
    years = written(tmp_path, "a,1999\nb,2001\n", "years.csv")
    assert read_table(years, columns=[1]).rows.tolist() == [[1999], [2001]]


R_TABLES = [
    ('"a" "b"\n"1" 1 2\n"2" 3 4\n', " "),
    ("a b\none 1 2\ntwo 3 4\n", " "),
    ("a b\n1 1 2\n2 3 4\n", "whitespace"),
    ('"a","b"\n"1",1,2\n"2",3,4\n', None),
    ("a\tb\none\t1\t2\ntwo\t3\t4\n", None),
]


@pytest.mark.parametrize(("text", "delimiter"), R_TABLES)
def test_names_of_rows_are_left_out(tmp_path, text, delimiter):
    """R's write.table leaves no name for them, so that the first line is shorter."""
    table = read_table(written(tmp_path, text), delimiter=delimiter)
    assert table.columns == ("a", "b")
    assert table.rows.tolist() == [[1, 2], [3, 4]]
    if text.startswith('"') or delimiter:
        read = batches(io.BytesIO(text.encode()), delimiter=delimiter)
        assert read.columns == ("a", "b")


def test_a_line_that_is_too_long_names_no_row(tmp_path):
    for text in ("a,b\n1,2,3\n", "a,b\n1,2,\n"):
        path = written(tmp_path, text)
        refused(f"{path}, line 2: it has 3 fields, the first line has 2.", path)


def test_a_long_field_in_another_column_does_not_matter(tmp_path):
    path = written(tmp_path, "a,text\n1," + 200_000 * "x" + "\n2,y\n")
    assert read_table(path, columns="a").rows.tolist() == [[1], [2]]


def test_bytes_that_are_no_text_are_called_so(tmp_path):
    path = written(tmp_path, b"a\0b,c\n1,2\n")
    refused(f"{path} is not text: its first line holds a zero byte.", path)
