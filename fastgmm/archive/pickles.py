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
"""These are modules of 0.1.0, each with the classes in it that are public now."""
INTERNAL = {
    "online": ("Learner", "Pace", "Recent", "Rows"),
    "parameters": ("Parameters",),
    "regularization": ("Prior", "Regularization"),
}
"""These are modules of 0.1.0, each with the classes in it that only pickled estimators hold: an
object of them becomes a `Record`."""


class Record:
    """The attributes of an object whose class is no more."""


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
