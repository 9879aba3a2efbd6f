"""Words of the command line: what they stand for, and what is said of those that do not."""

from argparse import ArgumentTypeError

import pytest

from fastgmm.cli.readers import (
    columns,
    delimiter,
    mark,
    number_or,
    numbers,
    parts,
    positive,
    relevance,
    seconds,
    seed,
)


def test_what_words_stand_for():
    assert positive("3") == 3
    assert seed("0") == 0
    assert numbers("1,3-4,3") == [1, 3, 4]
    assert columns('c,"a, b"') == ["c", "a, b"]
    assert mark("#") == "#"
    assert [delimiter(word) for word in ("tab", "space", ";", "whitespace")] == [
        *("\t", " ", ";", "whitespace")
    ]
    read = number_or("auto", "none")
    assert (read("auto"), read("none"), read("1e-3")) == ("auto", None, 1e-3)


@pytest.mark.parametrize(
    ("read", "word"),
    [
        (positive, "0"),
        (positive, "x"),
        (seed, str(2**32)),
        (numbers, "4-2"),
        (mark, "ab"),
        (mark, "1"),
        (delimiter, "tabs"),
        (number_or("auto"), "automatic"),
    ],
)
def test_what_stands_for_nothing(read, word):
    with pytest.raises(ArgumentTypeError, match=repr(word)[1:-1]):
        read(word)


def test_what_adapt_is_told():
    assert (relevance("0"), relevance("inf"), parts("means, weights")) == (
        0.0, float("inf"), ["means", "weights"]
    )  # fmt: skip
    for text in ("-1", "nan", "few"):
        with pytest.raises(ArgumentTypeError, match=r"is not a number of rows, 0 or more"):
            relevance(text)


def test_seconds_are_not_negative():
    assert (seconds("0"), seconds("1.5")) == (0.0, 1.5)
    for text in ("-1", "nan", "inf", "soon"):
        with pytest.raises(ArgumentTypeError, match=r"is not a number of seconds, 0 or"):
            seconds(text)


@pytest.mark.parametrize("text", ["1-", "-3", "1--3", ""])
def test_a_range_has_two_ends(text):
    with pytest.raises(ArgumentTypeError, match=r"is not a whole number of at least 1"):
        numbers(text)
