"""Frozen dataclasses become facts and arrays and come back, for everything that goes into a file.

Facts are JSON values.  A float becomes its hexadecimal form, so that every bit comes back; an array
goes to the table of arrays, and its place in the facts holds its name there.  An array that stands
in several places is written once.
"""

import types
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import (
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

Value = TypeVar("Value")
"""The type of a dataclass that is described and restored."""
Facts = dict[str, Any]
"""Facts are JSON values by the names of fields."""
Arrays = dict[str, np.ndarray]
"""Arrays have the names that stand for them in the facts."""
MOST = 1 << 63
"""Integers are smaller than this, up or down: none is larger that counts anything."""


def describe(value: Any) -> tuple[Facts, Arrays]:
    """Facts and arrays that describe a dataclass; `restore` gives the value back.

    Parameters
    ----------
    value : dataclass
        Its fields hold numbers, text, None, arrays, dtypes, dataclasses, and tuples or lists of
        these.

    Returns
    -------
    facts : dict
        The fields as JSON values.
    arrays : dict of str to ndarray
        The arrays, by the names that stand for them in the facts.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Point:
    ...     at: np.ndarray
    ...     weight: float
    >>> facts, arrays = describe(Point(np.zeros(2), 0.1))
    >>> facts
    {'at': 'at', 'weight': '0x1.999999999999ap-4'}
    >>> restore(Point, facts, arrays)
    Point(at=array([0., 0.]), weight=0.1)
    """
    writer = _Writer()
    facts: Facts = writer.fields(value, "")
    return facts, writer.arrays


def restore(kind: type[Value], facts: Facts, arrays: Arrays) -> Value:
    """The dataclass of this kind that `describe` has described.

    Each dataclass in it that has a method `check` is checked by it.

    Raises
    ------
    ValueError, LookupError, TypeError, ArithmeticError
        When facts and arrays are not those of such a value.
    """
    value: Value = _dataclass(kind, facts, arrays)
    return value


def checked(value: Value) -> Value:
    """The value as a file of it would give it back, which checks all that is in it.

    Raises
    ------
    ValueError, LookupError, TypeError, ArithmeticError
        As `restore`.
    """
    return restore(type(value), *describe(value))


class _Writer:
    """It writes one description, and holds its arrays so far."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}
        # Names are found by the identity of arrays, which `arrays` keeps alive.
        self._names: dict[int, str] = {}

    def fields(self, value: Any, path: str) -> Facts:
        """The facts of a dataclass whose place in the description is `path`."""
        kind: Any = type(value)
        facts = {}
        for one in _fields(kind):
            found = getattr(value, one.name)
            if one.may_be_float and type(found) is int:
                found = float(found)
            elif one.is_array:
                found = np.asarray(found)  # NumPy makes a scalar of an array of no dimension
            facts[one.name] = self.fact(found, f"{path}{one.name}")
        return facts

    def fact(self, value: Any, path: str) -> Any:
        """The JSON value that stands for the value at a path."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.bool_):
            return bool(value)
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, float | np.floating):
            return float(value).hex()
        if isinstance(value, np.dtype):
            return value.name
        if isinstance(value, np.ndarray):
            return value.tolist() if value.dtype == object else self._named(value, path)
        if is_dataclass(value):
            return self.fields(value, f"{path}/")
        if isinstance(value, tuple | list):
            if value and all(isinstance(one, float) for one in value):
                return self._named(np.array(value, dtype=np.float64), path)
            return [self.fact(one, f"{path}/{i}") for i, one in enumerate(value)]
        raise TypeError(f"{path} is a {type(value).__name__}, which no file can hold")

    def _named(self, array: np.ndarray, path: str) -> str:
        name = self._names.setdefault(id(array), path)
        self.arrays.setdefault(name, array)
        return name


class _Field(NamedTuple):
    """What is known of one field of a dataclass."""

    name: str
    hint: Any
    needed: bool
    may_be_float: bool
    is_array: bool


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    """The fields that a dataclass is made of."""
    hints, known = get_type_hints(kind), []
    for one in fields(kind):
        if one.init:
            hint = hints[one.name]
            needed = one.default is MISSING and one.default_factory is MISSING
            may_be_float = float in (hint, *get_args(hint))
            known.append(_Field(one.name, hint, needed, may_be_float, _is_array(hint)))
    return tuple(known)


@cache
def _plain(hint: Any) -> Any:
    """The type that a name stands for: from NumPy 2.5 on `NDArray` is such a name."""
    name = get_origin(hint) or hint
    if not hasattr(name, "__value__"):
        return hint
    within = get_args(hint)
    return _plain(name.__value__[within] if within else name.__value__)


@cache
def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(_plain(hint)), get_args(_plain(hint))


def _is_array(hint: Any) -> bool:
    return np.ndarray in (_plain(hint), _parts(hint)[0])


def _dataclass(kind: Any, facts: Any, arrays: Arrays) -> Any:
    if not isinstance(facts, dict):
        raise TypeError(f"{kind.__name__} is described by {type(facts).__name__}")
    known, given = _fields(kind), {}
    for one in known:
        if one.name in facts:
            given[one.name] = _value(one.hint, facts[one.name], arrays)
        elif one.needed:
            raise KeyError(one.name)
    if len(given) < len(facts):
        unknown = facts.keys() - {one.name for one in known}
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    value = kind(**given)
    if (check := getattr(value, "check", None)) is not None:
        check()
    return value


def _value(hint: Any, fact: Any, arrays: Arrays) -> Any:
    """The value of this type that a fact stands for."""
    origin, within = _parts(hint)
    if origin in (Union, types.UnionType):
        if fact is None and type(None) in within:
            return None
        (hint,) = (one for one in within if one is not type(None))
        return _value(hint, fact, arrays)
    if origin in (tuple, list):
        return origin(_items(within[0], fact, arrays))
    if _is_array(hint):
        return _array(hint, fact, arrays)
    if hint is np.dtype or origin is np.dtype:
        return np.dtype(_one_of(("float32", "float64"), fact))
    if is_dataclass(hint):
        return _dataclass(hint, fact, arrays)
    if hint is float:
        return float.fromhex(_checked(fact, str))
    if hint is int:
        if not -MOST <= _checked(fact, int) < MOST:
            raise ValueError(f"{str(fact)[:20]}... is too large a number")
        return fact
    if origin is Literal:
        return _one_of(within, fact)
    return _checked(fact, hint if hint is bool else str)


def _array(hint: Any, fact: Any, arrays: Arrays) -> np.ndarray:
    """An array of the table of arrays; an array of texts stands in the facts itself."""
    if isinstance(fact, list):
        array = np.array([_checked(one, str) for one in fact], dtype=object)
    else:
        array = arrays[_checked(fact, str)]
    if _wants_float64(hint) and array.dtype != np.float64:
        raise TypeError(f"an array of float64 numbers is described by one of {array.dtype}")
    return array


@cache
def _wants_float64(hint: Any) -> bool:
    return any(np.float64 in _parts(one)[1] for one in _parts(hint)[1])


def _one_of(words: tuple[str, ...], fact: Any) -> Any:
    if _checked(fact, str) not in words:
        raise ValueError(f"one of {', '.join(words)} is described by {fact!r}")
    return fact


def _items(hint: Any, fact: Any, arrays: Arrays) -> Iterable[Any]:
    if isinstance(fact, str) and hint is float:
        numbers = arrays[fact]
        if numbers.ndim != 1 or numbers.dtype != np.float64:
            raise TypeError(f"numbers are described by {numbers.dtype} of {numbers.shape}")
        return numbers.tolist()  # type: ignore[no-any-return]
    return [_value(hint, one, arrays) for one in _checked(fact, list)]


def _checked(fact: Any, kind: type) -> Any:
    if type(fact) is not kind:
        raise TypeError(f"a {kind.__name__} is described by {fact!r}")
    return fact
