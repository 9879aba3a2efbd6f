"""Dataclasses of `fastgmm.values` do what those of the standard library do."""

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from typing import Any

import pytest

from fastgmm.values import dataclass


def made(decorator: Any, *, eq: bool = True) -> type:
    """A class of each kind of field, decorated."""

    @decorator(frozen=True, eq=eq)
    class Point:
        """A point."""

        x: float
        y: float = 2.0
        tags: list[str] = field(default_factory=list)
        hidden: int = field(default=3, repr=False, compare=False)
        later: Any = field(default=None, init=False)
        cache: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)
        scale: float = field(default=1.0, kw_only=True)

    return Point


@dataclass(frozen=True)
class Parent:
    """What a child is made from."""

    a: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", abs(self.a))


@dataclass(frozen=True)
class Child(Parent):
    """It has one field more."""

    b: int = 5


@dataclass(frozen=True, eq=False)
class Alone:
    """Two objects of it are never equal."""

    a: int


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1.0,), {}),
    ((1.0, 3.0, ["a"]), {"hidden": 4, "scale": 2.0}),
    ((), {"x": 0.5, "tags": ["b"]}),
]
"""Arguments that make a point."""


@pytest.mark.parametrize(("args", "kwargs"), CALLS)
def test_objects_are_those_of_the_standard_decorator(args: Any, kwargs: Any) -> None:
    ours, theirs = (made(one)(*args, **kwargs) for one in (dataclass, dataclasses.dataclass))
    assert ours.__dict__ == theirs.__dict__
    assert repr(ours) == repr(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, [], 4, 5), {}), ((1,), {"later": 2})]
)
def test_wrong_arguments_are_refused_in_the_same_words(args: Any, kwargs: Any) -> None:
    said = []
    for one in (dataclass, dataclasses.dataclass):
        with pytest.raises(TypeError) as caught:
            made(one)(*args, **kwargs)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_signature_and_match_arguments_are_the_standard_ones() -> None:
    ours, theirs = made(dataclass), made(dataclasses.dataclass)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    assert ours.__match_args__ == theirs.__match_args__  # type: ignore[attr-defined]


def test_nothing_can_be_set_or_deleted() -> None:
    point = made(dataclass)(1.0)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x


def test_each_object_has_its_own_default_list() -> None:
    kind = made(dataclass)
    first, second = kind(1.0), kind(1.0)
    assert first.tags is not second.tags
    assert first == second


def test_equality_looks_at_compared_fields_and_the_class() -> None:
    kind = made(dataclass)
    assert kind(1.0, hidden=1) == kind(1.0, hidden=2)
    assert kind(1.0) != kind(2.0)
    assert Parent(1) != Child(1)
    assert hash(Child(1, 2)) == hash(Child(1, 2))
    assert Alone(1) != Alone(1)


def test_children_have_the_fields_of_their_parents() -> None:
    assert Child(-3) == Child(3, 5)
    assert Parent(-3).a == 3
    assert repr(Child(1)) == "Child(a=1, b=5)"


def test_values_can_be_copied_replaced_and_pickled() -> None:
    child = Child(1, 2)
    for same in (copy.deepcopy(child), pickle.loads(pickle.dumps(child))):
        assert same == child
    assert dataclasses.replace(child, b=7) == Child(1, 7)


def test_the_initializer_is_compiled_when_it_is_asked_for() -> None:
    kind = made(dataclass)
    blank = kind.__new__(kind)  # A pickle makes its object so, without `__init__`.
    blank.__dict__.update(x=1.0)
    assert dataclasses.is_dataclass(blank)
    assert not inspect.isfunction(kind.__dict__["__init__"])
    kind(1.0)
    assert inspect.isfunction(kind.__dict__["__init__"])


def test_a_class_that_is_not_frozen_can_be_set_and_is_no_key() -> None:
    @dataclass(frozen=False)
    class Count:
        n: int = 0

    count = Count()
    count.n += 1
    assert count == Count(1)
    assert repr(count).endswith("Count(n=1)")
    with pytest.raises(TypeError, match="unhashable"):
        hash(count)
