"""Dataclasses to facts and arrays: every bit comes back, and what is not such a value does not."""

import json
import math
import types
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_origin

import numpy as np
import pytest

from fastgmm.archive.codec import describe, restore

SPECIAL = (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308, 0.1 + 0.2, 1 / 3)


@dataclass(frozen=True, eq=False)
class Leaf:
    at: np.ndarray
    label: str | None = None
    made: float = field(default=7.0, init=False)


@dataclass(frozen=True, eq=False)
class Tree:
    number: float
    count: int
    yes: bool
    kind: Literal["full", "diag"]
    dtype: np.dtype
    leaf: Leaf
    bounds: tuple[float, ...] = ()
    trace: list[float] = field(default_factory=list)
    leaves: tuple[Leaf, ...] = ()
    names: np.ndarray | None = None
    maybe: Leaf | None = None
    wish: float | None = None


def tree(rng: np.random.Generator, **changes: Any) -> Tree:
    """Return a value with something in every field."""
    values = {
        "number": float(rng.standard_normal()),
        "count": int(rng.integers(2**62)),
        "yes": True,
        "kind": "full",
        "dtype": np.dtype(np.float32),
        "leaf": Leaf(rng.standard_normal((2, 3)), "größe\n"),
        "bounds": tuple(rng.standard_normal(5).tolist()),
        "trace": list(SPECIAL),
        "leaves": (Leaf(rng.integers(9, size=4)), Leaf(np.array(list(SPECIAL)), "x")),
        "names": np.array(["a", "ü", ""], dtype=object),
        "maybe": None,
        "wish": 0.5,
    }
    return Tree(**(values | changes))


def there_and_back(value: Any) -> Any:
    """Return what a file that holds the value would give: facts go through JSON."""
    facts, arrays = describe(value)
    return restore(type(value), json.loads(json.dumps(facts)), arrays)


def bits(value: Any) -> bytes:
    return np.asarray(value, dtype=np.float64).tobytes()


def test_everything_comes_back(rng: np.random.Generator) -> None:
    given = tree(rng, maybe=Leaf(np.float32([[np.nan, -0.0]])))
    back = there_and_back(given)
    for name in ("number", "count", "yes", "kind", "dtype", "bounds", "wish"):
        one, other = getattr(back, name), getattr(given, name)
        assert (type(one), one) == (type(other), other), name
    assert type(back.trace) is list
    assert bits(back.trace) == bits(given.trace)
    leaves = [(of.leaf, of.maybe, *of.leaves) for of in (back, given)]
    for one, other in zip(*leaves, strict=True):
        assert (type(one), one.label, one.made) == (Leaf, other.label, 7.0)
        assert (one.at.dtype, one.at.shape) == (other.at.dtype, other.at.shape)
        assert one.at.tobytes() == other.at.tobytes()
    assert back.names.dtype == object
    assert back.names.tolist() == ["a", "ü", ""]


@pytest.mark.parametrize("number", SPECIAL)
def test_every_bit_of_a_number(number: float, rng: np.random.Generator) -> None:
    back = there_and_back(tree(rng, number=number, wish=number, bounds=(number,)))
    assert bits([back.number, back.wish, *back.bounds]) == bits([number] * 3)
    assert {type(one) for one in (back.number, back.wish, *back.bounds)} == {float}


def test_empty_and_missing(rng: np.random.Generator) -> None:
    empty = {"bounds": (), "trace": [], "leaves": (), "names": None, "maybe": None, "wish": None}
    back = there_and_back(tree(rng, **empty))
    assert {name: getattr(back, name) for name in empty} == empty
    facts, arrays = describe(tree(rng))
    for name in empty:
        del facts[name]
    back = restore(Tree, facts, arrays)  # a field with a default may be missing
    assert {name: getattr(back, name) for name in empty} == empty


def test_numpy_scalars_become_plain_numbers(rng: np.random.Generator) -> None:
    changes = {
        "number": np.float32(0.1),
        "count": np.int64(3),
        "yes": np.bool_(False),
        "wish": 2,  # a whole number where a float belongs
        "bounds": (np.float64(1 / 3), 2.0),
    }
    back = there_and_back(tree(rng, **changes))
    assert (back.number, back.count, back.yes) == (float(np.float32(0.1)), 3, False)
    assert (back.wish, back.bounds) == (2.0, (1 / 3, 2.0))
    assert [type(one) for one in (back.count, back.yes, back.wish)] == [int, bool, float]


def test_an_array_without_dimensions_stays_one(rng: np.random.Generator) -> None:
    back = there_and_back(Leaf(np.float64(1 / 3)))  # type: ignore[arg-type] -- NumPy makes those
    assert type(back.at) is np.ndarray
    assert back.at.shape == ()
    assert back.at == 1 / 3


def test_an_array_in_several_places_is_written_once(rng: np.random.Generator) -> None:
    shared = rng.standard_normal(4)
    value = tree(rng, leaf=Leaf(shared), leaves=(Leaf(shared), Leaf(shared.copy())), trace=[])
    facts, arrays = describe(value)
    written = [name for name, array in arrays.items() if array is shared]
    assert written == ["leaf/at"] == [facts["leaf"]["at"]] == [facts["leaves"][0]["at"]]
    assert sorted(arrays) == ["bounds", "leaf/at", "leaves/1/at"]
    assert restore(Tree, facts, arrays).leaves[0].at is restore(Tree, facts, arrays).leaf.at


WRONG: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "a bool for an int": ({"count": True}, TypeError),
    "a float for an int": ({"count": 1.0}, TypeError),
    "an int for a bool": ({"yes": 1}, TypeError),
    "a number that is no text": ({"number": 0.5}, TypeError),
    "text that is no number": ({"number": "half"}, ValueError),
    "no text for a word": ({"kind": 3}, TypeError),
    "an unknown dtype": ({"dtype": "float31"}, ValueError),
    "a dtype of no rows": ({"dtype": "object"}, ValueError),
    "an unknown word": ({"kind": "covered"}, ValueError),
    "a count that has no end": ({"count": 2**63}, ValueError),
    "a number beyond all numbers": ({"number": "0x1p+99999"}, OverflowError),
    "names that are no texts": ({"names": ["a", 1]}, TypeError),
    "names within names": ({"names": [["a"]]}, TypeError),
    "None where something must be": ({"leaf": None}, TypeError),
    "a list for a dataclass": ({"leaf": [1]}, TypeError),
    "text for a list": ({"leaves": "leaf"}, TypeError),
    "an array that is not there": ({"bounds": "none"}, KeyError),
    "an array within that is not there": ({"leaf": {"at": "none"}}, KeyError),
    "an unknown field": ({"more": 1}, ValueError),
    "an unknown field within": ({"leaf": {"at": "leaf/at", "made": "0x1p+0"}}, ValueError),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_facts_are_refused(what: str) -> None:
    change, kind = WRONG[what]
    facts, arrays = describe(tree(np.random.default_rng(0)))
    restore(Tree, facts, arrays)
    with pytest.raises(kind):
        restore(Tree, facts | change, arrays)


@pytest.mark.parametrize("name", ["number", "count", "yes", "kind", "dtype", "leaf"])
def test_what_is_missing_is_named(name: str) -> None:
    facts, arrays = describe(tree(np.random.default_rng(0)))
    del facts[name]
    with pytest.raises(KeyError, match=f"^'{name}'$"):
        restore(Tree, facts, arrays)


def test_unknown_fields_are_named() -> None:
    facts, arrays = describe(Leaf(np.zeros(1)))
    with pytest.raises(ValueError, match=r"^Leaf has no a, b$"):
        restore(Leaf, facts | {"b": 1, "a": 2}, arrays)


@pytest.mark.parametrize("value", [{1}, 1j, b"bytes", {"a": 1}, object()])
def test_what_no_file_can_hold(value: Any) -> None:
    name = type(value).__name__
    given = tree(np.random.default_rng(0), leaves=(Leaf(np.zeros(1), value),))
    with pytest.raises(TypeError, match=f"^leaves/0/label is a {name}, which no file can hold$"):
        describe(given)


class NamedArray:
    """What the statement `type NamedArray[Scalar] = ndarray[Any, dtype[Scalar]]` would make."""

    __value__ = np.ndarray[Any, np.dtype[TypeVar("Scalar", bound=np.generic)]]

    def __class_getitem__(cls, within: Any) -> Any:
        return types.GenericAlias(cls, within)


def test_a_name_of_a_type_is_what_it_stands_for() -> None:
    """From NumPy 2.5 on `NDArray` is a name, of which `get_origin` says nothing."""
    hint: Any = NamedArray[np.float64]
    assert get_origin(hint) is NamedArray

    @dataclass(frozen=True, eq=False)
    class Held:
        at: np.ndarray
        maybe: np.ndarray | None = None

    Held.__annotations__.update(at=hint, maybe=hint | None)
    facts, arrays = describe(Held(np.arange(3.0), np.ones(2)))
    again = restore(Held, facts, arrays)
    assert again.at.tolist() == [0.0, 1.0, 2.0]
    assert again.maybe.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="float64"):
        restore(Held, facts, {name: a.astype(np.float32) for name, a in arrays.items()})
