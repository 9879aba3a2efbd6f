"""What a user gave where one thing is wanted: each test of a value ends in an answer."""

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from fastgmm.limits.scalars import (
    LONGEST,
    as_array,
    as_flag,
    as_float,
    as_numbers,
    as_path,
    clipped,
    is_iterable,
    is_word,
    shown,
)


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        raise RuntimeError("no")


def test_what_is_shown_is_short() -> None:
    assert shown([1, "a"]) == "[1, 'a']"
    assert shown(10**5000) == "an int of 16610 bits"
    assert len(shown("x" * 10**6)) == LONGEST + 3
    assert shown(Rude()) == "an object of the type Rude"


def test_texts_are_clipped() -> None:
    assert clipped("ab") == "ab"
    assert clipped("x" * LONGEST) == "x" * LONGEST
    assert clipped("x" * 10**6) == "x" * LONGEST + "..."


def test_arrays_of_anything_but_ragged_lists() -> None:
    given = np.array(["a", "b"])
    assert as_array(given, "labels") is given
    assert as_array([[1, 2]], "labels").shape == (1, 2)
    with pytest.raises(ValueError, match=r"^labels must be one array, got \[\[1\], \[2"):
        as_array([[1], [2, 3]], "labels")


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), Fraction(2)])
def test_numbers(value: Any) -> None:
    assert as_float(value) == 2.0
    assert type(as_float(value)) is float


@pytest.mark.parametrize("value", [True, np.True_, "2", None, 2j, 10**400, Decimal(2), np.ones(2)])
def test_what_is_no_number(value: Any) -> None:
    assert math.isnan(as_float(value))


def test_words() -> None:
    assert is_word(np.str_("a"), ("a", "b"))
    for value in ("c", None, 1, np.array(["a"]), np.void(b"a"), ["a"]):
        assert not is_word(value, ("a", "b"))


def test_iterables() -> None:
    assert is_iterable("ab")
    assert is_iterable(iter(()))
    assert is_iterable(memoryview(b"ab"))
    for value in (1, None, np.array(1.0), object(), memoryview(np.ones((2, 2)))):
        assert not is_iterable(value)


def test_flags() -> None:
    assert as_flag(1, "shuffle")
    assert not as_flag(None, "shuffle")
    for value in (np.zeros(2), Rude()):
        with pytest.raises(TypeError, match=r"^shuffle must be True or False, got"):
            as_flag(value, "shuffle")


def test_paths() -> None:
    for value in ("a/b", b"a/b", Path("a/b")):
        assert as_path(value, "path") == "a/b"
    for value in (0, None, 1.5, [], np.array("a")):
        with pytest.raises(TypeError, match=r"^path must be the path of a file"):
            as_path(value, "path")
    with pytest.raises(ValueError, match="no file has a null character"):
        as_path("a\0b", "path")
    with pytest.raises(ValueError, match="which this system cannot encode"):
        as_path("\ud800", "path")


def test_arrays_of_numbers() -> None:
    held = np.ones(2)
    assert as_numbers(held, "x") is held
    assert as_numbers([True, Fraction(1, 2)], "x").tolist() == [1.0, 0.5]
    for value in ("x", [1, "x"], {}, [[1], [2, 3]], np.zeros(2, "M8[s]"), 1j):
        with pytest.raises(TypeError, match=r"^x must be numbers, got"):
            as_numbers(value, "x")
    with pytest.raises(ValueError, match=r"^x has numbers beyond float64: "):
        as_numbers([10**400], "x")


def test_tables_are_shown_by_their_shape() -> None:
    frame = pandas.DataFrame(np.zeros((150, 4)), columns=list("abcd"))
    assert shown(frame) == "an object of the type DataFrame and the shape (150, 4)"
    assert shown(np.eye(4)) == "an object of the type ndarray and the shape (4, 4)"
    assert shown(np.eye(2)) == repr(np.eye(2))
    assert shown(np.arange(3)) == "array([0, 1, 2])"
