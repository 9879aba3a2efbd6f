"""Pickles of 0.1.0: where the classes stand now that they name by modules which are no more."""

import sys
from types import ModuleType
from typing import Any

PUBLIC = {
    "collapse": ("Repair",),
    "estimator": ("GaussianMixture",),
    "fitting": ("Initialization",),
    "priors": ("NormalInverseWishart",),
    "selection": ("Candidate", "Selection"),
    "statistics": ("SufficientStatistics",),
    "streaming": ("Snapshot", "Stream"),
}
"""Modules of 0.1.0, and what was in them that is public now."""
INTERNAL = {
    "online": ("Learner", "Pace", "Recent", "Rows"),
    "parameters": ("Parameters",),
    "regularization": ("Prior", "Regularization"),
}
"""Modules of 0.1.0, and what was in them that only pickled estimators hold: each is a `Record`."""


class Record:
    """An object of a class that is no more: its attributes."""


class OldModule(ModuleType):
    """A module of 0.1.0, as far as its pickles need it."""

    def __getattr__(self, name: str) -> Any:
        package, _, module = self.__name__.partition(".")
        if name in PUBLIC.get(module, ()):
            return getattr(sys.modules[package], name)
        if name in INTERNAL.get(module, ()):
            return Record
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def install(package: str) -> None:
    """Let `pickle` find the modules of 0.1.0 in a package."""
    for module in (*PUBLIC, *INTERNAL):
        name = f"{package}.{module}"
        sys.modules.setdefault(name, OldModule(name))
