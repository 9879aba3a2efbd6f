"""What can be fuzzed: each target makes an input of a number, tries it, and says what came of it.

A target is a function of a number that returns the kind of the input and "refused" or "valid".  It
raises `limits.Broken`, or any other error, where the input has done what none may do.
"""

import importlib
from collections.abc import Callable

SHARES = {"models": 11, "headers": 40, "texts": 6, "arrays": 8, "calls": 35}
"""Of so many inputs in a hundred each target makes these."""
_MODULES = {
    "models": "model_outcomes",
    "headers": "headers",
    "texts": "texts",
    "arrays": "array_files",
    "calls": "calls",
}


def target_of(name: str) -> Callable[[int], tuple[str, str]]:
    """The function of a target; its module is loaded with the first of its inputs."""
    tried: Callable[[int], tuple[str, str]] = importlib.import_module(_MODULES[name]).tried
    return tried
