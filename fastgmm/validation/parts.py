"""Parts of a mixture and how far it is to go, as arguments of methods."""

from __future__ import annotations

from typing import Any

from fastgmm.limits.scalars import as_float, is_iterable, shown
from fastgmm.typing import PARTS


def as_parts(parts: Any, method: str) -> tuple[str, ...]:
    """Which parts of a mixture a method is about, in the order of `PARTS`.

    Raises
    ------
    ValueError
        When there is none, or one is no part.

    Examples
    --------
    >>> as_parts(["means", "weights"], "adapt")
    ('weights', 'means')
    >>> as_parts("mean", "adapt")
    Traceback (most recent call last):
    ValueError: the parts of adapt must be some of 'weights', 'means', 'covariances', got 'mean'.
    """
    names = [parts] if isinstance(parts, str) else parts
    known = list(names) if is_iterable(names) else []
    if not known or not all(isinstance(one, str) and one in PARTS for one in known):
        words = ", ".join(map(repr, PARTS))
        raise ValueError(f"the parts of {method} must be some of {words}, got {shown(parts)}.")
    return tuple(one for one in PARTS if one in known)


def as_relevance(relevance: Any) -> float:
    """For how many rows a component stands: a number from 0 to infinity.

    Raises
    ------
    ValueError
        When it is none.

    Examples
    --------
    >>> as_relevance(-1)
    Traceback (most recent call last):
    ValueError: relevance must be a number of rows, 0 or more, and may be infinite, got -1.
    """
    number = as_float(relevance)
    if not number >= 0.0:
        raise ValueError(
            "relevance must be a number of rows, 0 or more, and may be infinite, got "
            f"{shown(relevance)}."
        )
    return number
