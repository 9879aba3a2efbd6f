"""Words of the command line: what they stand for, and what is said of those that do not."""

from argparse import ArgumentTypeError

import pytest

from fastgmm.cli.readers import columns, delimiter, mark, number_or, numbers, positive, seed


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
