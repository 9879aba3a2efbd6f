"""Wrong command lines: those that only the work itself finds out, and what a wrong word meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """An option that cannot be, or does not go with another one: the command ends with code 2."""


def meant(word: str, known: Iterable[str]) -> str:
    """What a wrong word probably stands for, as the end of a sentence; "" where nothing is near.

    Examples
    --------
    >>> meant("scroe", ["fit", "score"]), meant("draw", ["fit", "score"])
    (', did you mean score?', '')
    """
    known = list(known)
    # "vee" is near to nothing but VEE, which is found whatever the case.
    lower = {one.lower(): one for one in reversed(known)}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.7)
    return f", did you mean {lower[near[0]]}?" if near else ""
