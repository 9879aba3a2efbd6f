"""EM itself: E-step, M-step, the loop, its end, steps ahead of it, collapse, regularisation."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Find what pickles of 0.1.0 look for in a module of this name."""
    if name == "Iteration":
        # A package that imports its own files loads them all with any one of them.
        from fastgmm.em.loop import Iteration

        return Iteration
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
