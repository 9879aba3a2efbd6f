"""The parser of a command line, whose errors are one sentence."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn

from fastgmm.cli.usage import meant


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
        self.error(f"unrecognized arguments: {word}{meant(word.partition('=')[0], known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is none of the choices, and say which it may have meant."""
        if action.choices is not None and value not in action.choices:
            known = list(map(str, action.choices))
            raise argparse.ArgumentError(
                action,
                f"invalid choice: {value!r}{meant(str(value), known)} "
                f"(choose from {', '.join(map(repr, known))})",
            )

    @property
    def options(self) -> list[argparse.Action]:
        """The options, in the order in which help has them."""
        return [action for action in self._actions if action.option_strings]

    @property
    def words(self) -> list[str]:
        """What may stand where no option does, if not anything may."""
        free = (action for action in self._actions if not action.option_strings)
        return [str(word) for action in free for word in action.choices or ()]
