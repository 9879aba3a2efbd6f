"""Columns by name or by number."""

import re

import pytest

from fastgmm.tables.columns import advice, column_list, positions


def refused(sentence, *arguments):
    with pytest.raises(ValueError, match="^" + re.escape(sentence) + "$"):
        positions("The table", *arguments)


def test_columns_go_by_name_or_number():
    assert positions("The table", ("a", "b", "c"), 3, ["c", 0, "1"]) == [2, 0, 1]
    assert positions("The table", None, 3, [2, "0"]) == [2, 0]
    assert positions("The table", ("a", "b"), 2, None) == [0, 1]


def test_a_name_of_digits_comes_before_a_number():
    assert positions("The table", ("1", "0"), 2, ["0"]) == [1]
    assert positions("The table", ("1", "0"), 2, [0]) == [0]


def test_one_column_may_stand_without_a_list():
    assert column_list(None) is None
    assert column_list("a") == ["a"]
    assert column_list(2) == [2]
    assert column_list(("a", 2)) == ["a", 2]


@pytest.mark.parametrize(
    ("names", "columns", "sentence"),
    [
        (("a", "b"), [], "No column of The table is chosen; choose at least one."),
        (("a", "b"), ["b", "1"], "Column '1' of The table is chosen twice."),
        (("a", "a"), ["a"], "The table has 2 columns named 'a'; choose by number."),
        (("a", "b"), ["c"], "The table has no column 'c'; it has 'a', 'b'."),
        (("a", "b"), [2], "The table has no column number 2; the numbers are 0 to 1."),
        (("a", "b"), [-1], "The table has no column number -1; the numbers are 0 to 1."),
        (None, ["a"], "The table has no column names, so 'a' is not one; choose by "
         "number, 0 to 1."),
        (None, ["\u0663"], "The table has no column names, so '\u0663' is not one; choose by "
         "number, 0 to 1."),
        (("", "a"), None, "The table, column 0: it has no name, like the index that pandas and R "
         "write; choose columns of numbers with columns=['a']."),
    ],
)  # fmt: skip
def test_columns_that_are_not_right(names, columns, sentence):
    refused(sentence, names, 2, columns)


def test_a_column_number_is_whole():
    with pytest.raises(TypeError):
        positions("The table", None, 3, [1.5])


def test_many_names_are_not_all_listed():
    names = [f"c{i}" for i in range(20)]
    shown = ", ".join(map(repr, names[:12]))
    refused(f"The table has no column 'x'; it has {shown} and 8 more.", names, 20, ["x"])
    refused(f"The table has no column 'x'; it has {shown}.", names[:12], 12, ["x"])


def test_advice_lists_six_columns():
    assert advice([]) == "no column holds numbers"
    assert advice(list("abcdef")).endswith(", 'e', 'f']")
    assert advice(list("abcdefg")).endswith(", 'e', 'f', ...]")


@pytest.mark.parametrize("column", ["x" * 10_000, "9" * 10_000])
@pytest.mark.parametrize("names", [None, ("a", "b")])
def test_sentences_about_long_names_are_short(names, column):
    with pytest.raises(ValueError, match=r"^The table has no column") as caught:
        positions("The table", names, 2, [column])
    assert len(str(caught.value)) < 700
