"""With scikit-learn loaded, our estimators are its estimators, whoever imports it and when."""

from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

from fastgmm.after_import import after_import

Class = TypeVar("Class", bound=type)
"""The type of a class that a decorator returns."""


def sklearn_estimator(mixin: str) -> Callable[[Class], Class]:
    """Make a class derive from scikit-learn's ``BaseEstimator`` and a mixin once that is loaded.

    ``isinstance`` and ``issubclass`` look at real bases only, as scikit-learn's classes have no
    metaclass that could be asked.  Theirs stand behind ours, so that a method of theirs is found
    only where we have none: metadata requests, and the diagram of notebooks.

    Parameters
    ----------
    mixin : str
        The name of a class in ``sklearn.base``.
    """

    def decorate(kind: Class) -> Class:
        after_import("sklearn.base", lambda base: _adopt(kind, base, mixin))
        return kind

    return decorate


def _adopt(kind: type, base: ModuleType, mixin: str) -> None:
    kind.__bases__ = (*kind.__bases__, getattr(base, mixin), base.BaseEstimator)
    _make_requests(kind, base.BaseEstimator.__init_subclass__.__func__)


def _make_requests(kind: type, make: Callable[[type], None]) -> None:
    """Give a class and its subclasses what they would have had if they had been made only now.

    These are the methods ``set_fit_request`` and its kin.
    """
    make(kind)
    one: type
    for one in kind.__subclasses__():
        _make_requests(one, make)
