"""What a fitted model shows can be looked at and not changed: a change would do nothing."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

Class = TypeVar("Class", bound=type)
"""The type of a class that a decorator returns."""
Item = TypeVar("Item")
"""The type of what a list holds."""


def fixed_copy(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """A copy of an array that refuses to be written to, in NumPy's words."""
    copy = np.array(array, dtype=dtype, order="C")
    copy.setflags(write=False)
    return copy


class FixedList(list[Item]):
    """A list that refuses to change; its copies and pickles are plain lists.

    It is a list since scikit-learn shows one, and code compares it with one.

    Examples
    --------
    >>> bounds = FixedList([-3.5, -3.25])
    >>> bounds == [-3.5, -3.25], bounds[-1]
    (True, -3.25)
    >>> bounds[0] = 0.0
    Traceback (most recent call last):
    TypeError: this list is read-only, as the model does not follow it: change a copy, list(...)
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            "this list is read-only, as the model does not follow it: change a copy, list(...)"
        )

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = extend = insert = pop = remove = clear = sort = reverse = _refuse

    def __reduce__(self) -> tuple[type, tuple[list[Item]]]:
        return list, (list(self),)


def with_fixed_attributes(kind: Class) -> Class:
    """Let the properties of a class say what to do instead when somebody sets them.

    Python's own words are that there is no setter.
    """
    for name, member in list(vars(kind).items()):
        if isinstance(member, property) and member.fset is None and not name.startswith("_"):
            setattr(kind, name, member.setter(_refusal(name)))
    return kind


def _refusal(name: str) -> Callable[[Any, object], None]:
    def refuse(self: Any, value: object) -> None:
        raise AttributeError(
            f"{name} of a {type(self).__name__} is read-only: make a model of known parameters by "
            "from_parameters(weights, means, covariances), or put the components of this one in "
            "another order by reorder(order)"
        )

    return refuse
