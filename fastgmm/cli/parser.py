"""The parser of a command line, whose errors are one sentence."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence, and where the options are explained."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Before Python 3.14 a value such as -1e9 is taken for an option.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        """Say it on standard error, and end with code 2."""
        line = f"fastgmm: error: {message}; see '{self.prog} --help'.\n"
        self.exit(2, line if sys.stderr is not None else None)

    def refuse(self, word: str) -> NoReturn:
        """Say that a word is none of the options, and which it may have meant."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        near = difflib.get_close_matches(word.partition("=")[0], known, n=1, cutoff=0.7)
        meant = f", did you mean {near[0]}?" if near else ""
        self.error(f"unrecognized arguments: {word}{meant}")

    @property
    def options(self) -> list[argparse.Action]:
        """The options, in the order in which help has them."""
        return [action for action in self._actions if action.option_strings]

    @property
    def words(self) -> list[str]:
        """What may stand where no option does, if not anything may."""
        free = (action for action in self._actions if not action.option_strings)
        return [str(word) for action in free for word in action.choices or ()]
