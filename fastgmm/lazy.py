"""Attributes that are computed when they are first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class lazy(Generic[Value]):
    """`functools.cached_property` without a lock.

    Before Python 3.12 that one has a lock which all objects of the class share.  A fork while
    another thread holds it leaves it locked in the child for ever, and fits side by side would wait
    for each other.  Without a lock two threads may both compute the value; it is the same then.

    Parameters
    ----------
    compute : callable
        The method whose result becomes the attribute.

    Examples
    --------
    >>> class Square:
    ...     side = 3.0
    ...
    ...     @lazy
    ...     def area(self) -> float:
    ...         print("computed")
    ...         return self.side**2
    >>> square = Square()
    >>> square.area + square.area
    computed
    18.0
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: Any = None) -> "lazy[Value]": ...

    @overload
    def __get__(self, instance: object, owner: Any = None) -> Value: ...

    def __get__(self, instance: object | None, owner: Any = None) -> "lazy[Value] | Value":
        if instance is None:
            return self
        # From now on the object's own attribute is found before this descriptor.
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
