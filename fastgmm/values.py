"""Dataclasses whose methods are not compiled one by one when a module is imported.

The standard decorator writes and compiles six methods for each frozen class. That takes 0.9 ms a
class, and was half of what importing fastgmm took. Here all but one are shared by all classes, and
`__init__` is compiled when it is first asked for. The rest is the standard library's: `fields`,
`field`, `replace`, `is_dataclass` and pattern matching work on these classes as on any.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Type checkers know the standard decorator by its name.
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool, eq: bool = True) -> Callable[[type], type]:
        """As `dataclasses.dataclass(frozen=frozen, eq=eq)`."""

        def decorate(cls: type) -> type:
            cls = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
            if "__init__" not in cls.__dict__:
                cls.__init__ = _Init(cls)
            if frozen:
                cls.__setattr__ = _refuse_to_set
                cls.__delattr__ = _refuse_to_delete
            if "__repr__" not in cls.__dict__:
                cls.__repr__ = _shown
            if eq and "__eq__" not in cls.__dict__:
                names = [one.name for one in dataclasses.fields(cls) if one.compare]
                cls._compared = staticmethod(attrgetter(*names))
                cls.__eq__, cls.__hash__ = _equal, _hashed if frozen else None
            return cls

        return decorate


class _Init:
    """The `__init__` of a class, compiled when it is first called or looked at."""

    def __init__(self, owner: type):
        self.owner = owner

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        made = _compiled_init(self.owner)
        self.owner.__init__ = made  # type: ignore[misc]
        return made if instance is None else made.__get__(instance, owner)


def _compiled_init(cls: type) -> Any:
    """An `__init__` with one parameter for each field, in the order of the standard decorator."""
    fields = [one for one in dataclasses.fields(cls) if one.init]
    names: dict[str, Any] = {"_set": object.__setattr__, "_missing": dataclasses.MISSING}
    ordered = [one for one in fields if not one.kw_only]
    by_name = [one for one in fields if one.kw_only]
    heads = [_head(one, names) for one in ordered]
    heads += ["*"] * bool(by_name) + [_head(one, names) for one in by_name]
    body = [_assignment(one, names) for one in dataclasses.fields(cls)]
    body.append("self.__post_init__()" if hasattr(cls, "__post_init__") else "")
    source = f"def __init__(self, {', '.join(heads)}):\n " + "\n ".join(filter(None, body))
    exec(source, names)
    made = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    made.__annotations__ = {one.name: one.type for one in fields} | {"return": None}
    return made


def _head(field: dataclasses.Field[Any], names: dict[str, Any]) -> str:
    """A field as a parameter, with its default by a name."""
    if field.default_factory is not dataclasses.MISSING:
        return f"{field.name}=_missing"
    if field.default is not dataclasses.MISSING:
        names[f"_default_{field.name}"] = field.default
        return f"{field.name}=_default_{field.name}"
    return field.name


def _assignment(field: dataclasses.Field[Any], names: dict[str, Any]) -> str:
    """The line that sets a field; nothing for one whose default stands on the class."""
    name = field.name
    if field.default_factory is not dataclasses.MISSING:
        names[f"_make_{name}"] = field.default_factory
        made = f"_make_{name}()"
        value = f"{made} if {name} is _missing else {name}" if field.init else made
        return f"_set(self, {name!r}, {value})"
    if not field.init:
        return ""
    return f"_set(self, {name!r}, {name})"


def _refuse_to_set(self: Any, name: str, value: Any) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _shown(self: Any) -> str:
    shown = [
        f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr
    ]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return self._compared(self) == self._compared(other)


def _hashed(self: Any) -> int:
    return hash(self._compared(self))
