"""Errors that are raised on purpose, at a chosen line of the package, and what they may change."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import fastgmm

PACKAGE = str(Path(fastgmm.__file__).parent)


class Lines:
    """Count the lines of the package that a block runs, and raise an error before one of them.

    Parameters
    ----------
    error : BaseException, optional
        What is raised, once; None: the lines are counted only.
    at : int
        How many lines are run before it.
    """

    def __init__(self, error: BaseException | None = None, at: int = -1) -> None:
        self.error, self.at = error, at
        self.n = 0
        self.where = ""

    def _called(self, frame: FrameType, event: str, arg: object) -> Any:
        # Class bodies and modules are run once, with the first use: a failed import is not ours.
        inside = frame.f_code.co_filename.startswith(PACKAGE)
        return self._line if inside and frame.f_code.co_name != "<module>" else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line":
            self.n += 1
            if self.n > self.at >= 0 and self.error is not None:
                error, self.error = self.error, None
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise error
        return self._line

    @contextmanager
    def watched(self) -> Iterator["Lines"]:
        """Watch the lines of this block, on this thread."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield self
        finally:
            sys.settrace(before)


def n_lines(call: Callable[[], object]) -> int:
    """Return the number of lines of the package that a call runs."""
    with Lines().watched() as lines:
        call()
    return lines.n


def failed_at(call: Callable[[], object], at: int, error: BaseException) -> str:
    """Call with an error before a line; return where it was raised, "" if the call went through."""
    lines = Lines(error, at)
    try:
        with lines.watched():
            call()
    except type(error):
        return lines.where
    # What an iterator's end or a destructor swallows has no effect on the call.
    return ""
