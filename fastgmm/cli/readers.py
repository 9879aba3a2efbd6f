"""Readers of words: what a word of the command line stands for, or why it stands for nothing."""

from __future__ import annotations

import argparse
import contextlib
import csv
import math
import sys
from typing import Any

from fastgmm.cli.usage import meant
from fastgmm.typing import PARTS


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    return _whole(text, 1, sys.maxsize)


def decimals(text: str) -> int:
    """Read how many decimals numbers keep; float64 has 17 digits at the most."""
    return _whole(text, 0, 17)


def seed(text: str) -> int:
    """Read a seed that NumPy's old and new generators take: 32 bits."""
    return _whole(text, 0, 2**32 - 1)


def seconds(text: str) -> float:
    """Read how long to wait: a finite number that is not negative."""
    with contextlib.suppress(ValueError):
        if 0.0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")


def relevance(text: str) -> float:
    """Read how many rows a component stands for: 0 or more, and infinity as well."""
    with contextlib.suppress(ValueError):
        if float(text) >= 0.0:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows, 0 or more")


def parts(text: str) -> list[str]:
    """Read parts of a mixture between commas."""
    found = columns(text)
    for part in found:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(
                f"{part!r} is not one of {', '.join(PARTS)}{meant(part, PARTS)}"
            )
    return found


def _whole(text: str, least: int, most: int) -> int:
    with contextlib.suppress(ValueError):
        if least <= int(text) <= most:
            return int(text)
    limit = "" if most == sys.maxsize else f" and at most {most}"
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}{limit}")


def number_or(*words: str) -> Any:
    """Make a reader of a number or one of these words; "none" is None."""

    def read(text: str) -> Any:
        if text in words:
            return None if text == "none" else text
        try:
            return float(text)
        except ValueError:
            wanted = " or ".join(["a number", *map(repr, words)])
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None

    return read


def numbers(text: str) -> list[int]:
    """Read "2", "1-9" or "1,2,4-6".

    Examples
    --------
    >>> numbers("1,2,4-6")
    [1, 2, 4, 5, 6]
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        least = positive(first)
        most = positive(last) if dash else least
        if most < least:
            raise argparse.ArgumentTypeError(f"{part!r} is an empty range: write {most}-{least}")
        found += range(least, most + 1)
    return list(dict.fromkeys(found))


def columns(text: str) -> list[str]:
    """Read the names of columns; as in a CSV, one that holds a comma stands in quotation marks.

    Examples
    --------
    >>> columns('c,"a, b"')
    ['c', 'a, b']
    """
    return [name.strip() for name in next(csv.reader([text]))]


def mark(text: str) -> str:
    """Read one character that no number holds."""
    if len(text) == 1 and text.isascii() and not text.isalnum() and text not in ' \t\n\r"+-.':
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not one character such as '#'")


def delimiter(text: str) -> str:
    r"""Read what separates fields, by one of its words or as it stands.

    Examples
    --------
    >>> delimiter("tab"), delimiter(";")
    ('\t', ';')
    """
    words = {
        "tab": "\t",
        "\\t": "\t",
        "\t": "\t",
        "space": " ",
        " ": " ",
        "whitespace": "whitespace",
    }
    return words.get(text) or mark(text)
