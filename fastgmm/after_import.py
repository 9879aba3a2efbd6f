"""What is done once another package is imported, by whomever: we do not import it ourselves."""

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

Use = Callable[[ModuleType], object]
"""A function that is called with the module that was waited for."""


def after_import(name: str, use: Use) -> None:
    """Call a function with the module of this name: now if it is loaded, else when it is.

    Until then the import system asks one more finder, which compares names.  A loader that takes no
    attribute, as some programs frozen to one file may have, is left alone: nothing is called then.

    Parameters
    ----------
    name : str
        The full name of a module.
    use : callable
        It is called once, after the module's own code has run.
    """
    if name in sys.modules:
        # Another thread may be in the middle of it, and this waits for its end.
        use(importlib.import_module(name))
    else:
        sys.meta_path.insert(0, _Finder(name, use))


class _Finder:
    """A finder of modules that finds what the others do, and watches one of them being loaded."""

    def __init__(self, name: str, use: Use) -> None:
        self._name, self._use = name, use

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """The spec of the module as the other finders know it; None for all other modules."""
        if name != self._name:
            return None
        # Whoever waits for the same module stands behind this one, and watches as well.
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        for finder in others:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader = spec.loader
        run = getattr(loader, "exec_module", None)
        if loader is None or run is None or not hasattr(loader, "__dict__"):
            return

        def exec_module(module: ModuleType) -> None:
            run(module)
            # The loader is what it was, and an import that has failed would be watched again.
            vars(loader).pop("exec_module", None)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                self._use(module)

        vars(loader)["exec_module"] = exec_module
