"""Arrays as users may pass them: of any layout, type and content, and objects that lie.

Each comes with the plain array that it stands for, where it stands for one: whatever is computed
of both must be the same, bit for bit.
"""

import array
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Generator = np.random.Generator


class LiarError(Exception):
    """What an object of the user's raises; it may come through."""


class Given(NamedTuple):
    """What is passed, and the array that it stands for, or None."""

    kind: str
    value: Any
    plain: np.ndarray | None


# ---------------------------------------------------------------------- layouts of good numbers


def _unaligned(rows: np.ndarray) -> np.ndarray:
    content = b"\0" + rows.tobytes()
    return np.ndarray(rows.shape, rows.dtype, content, offset=1)


def _stepped(rows: np.ndarray) -> np.ndarray:
    if not rows.ndim:
        return rows
    wide = np.zeros((2 * rows.shape[0], *(3 * n for n in rows.shape[1:])), rows.dtype)
    place = wide[tuple(slice(None, None, 2 if i == 0 else 3) for i in range(rows.ndim))]
    place[...] = rows
    return place


def _backwards(rows: np.ndarray) -> np.ndarray:
    flip = (slice(None, None, -1),) * rows.ndim
    return np.array(rows[flip])[flip]


def _read_only(rows: np.ndarray) -> np.ndarray:
    copy = rows.copy()
    copy.flags.writeable = False
    return copy


class Subclass(np.ndarray):
    """An array whose operators and attributes lie."""

    def __add__(self, other: Any) -> Any:
        return "sum"

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise LiarError("no ufunc")

    def __len__(self) -> int:
        return 10**9


def _records(rows: np.ndarray) -> np.ndarray:
    held = np.zeros(rows.shape, [("a", "i1"), ("x", rows.dtype)])
    held["x"] = rows
    return held["x"]


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "C": np.copy,
    "F": np.asfortranarray,
    "transposed": lambda rows: np.ascontiguousarray(rows.T).T,
    "unaligned": _unaligned,
    "stepped": _stepped,
    "backwards": _backwards,
    "read-only": _read_only,
    "swapped bytes": lambda rows: rows.astype(rows.dtype.newbyteorder()),
    "field of records": _records,
    "subclass": lambda rows: rows.view(Subclass),
    "masked": lambda rows: np.ma.MaskedArray(rows),
    "lists": lambda rows: rows.astype(float).tolist(),
    "objects": lambda rows: rows.astype(float).astype(object),
    "memoryview": lambda rows: memoryview(np.ascontiguousarray(rows)),
    "longdouble": lambda rows: rows.astype(np.longdouble),
    "tuple of rows": tuple,
}


def _overlapping(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Rows that lie over each other in memory, or are all the same one."""
    line = rng.normal(size=max(1, sum(shape)))
    strides = [8 * int(rng.integers(0, 2)) for _ in shape]
    return np.lib.stride_tricks.as_strided(line, shape, strides)


# ---------------------------------------------------------------------- numbers


def numbers(rng: Generator, shape: tuple[int, ...]) -> tuple[str, np.ndarray]:
    """Numbers of all kinds, most of them good."""
    rows = rng.normal(size=shape)
    if shape and rng.random() < 0.7:
        rows[::2] += 4.0
    kind = rng.integers(12)
    if kind == 0 and rows.size:
        places = rng.integers(rows.size, size=int(rng.integers(1, 4)))
        special = (np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e200, 1e-200, -0.0, 1e39)
        rows.flat[places] = rng.choice(special, size=len(places))
        return "special", rows
    if kind == 1:
        with np.errstate(over="ignore"):
            return "scaled", rows * 10.0 ** rng.uniform(-320, 308)
    if kind == 2:
        return "one value", np.full(shape, rng.choice((0.0, 1.0, np.nan, -5.0, 1e300)))
    if kind == 3:
        name = str(rng.choice(["int8", "uint8", "int64", "bool", "float16", "uint64", "int32"]))
        return name, np.abs(rows * 3).astype(name)
    if kind == 4:
        large = rng.integers(-(2**62), 2**62, size=shape)
        return "large integers", large
    if kind == 5:
        return "float32", rows.astype(np.float32)
    return "numbers", rows


# ---------------------------------------------------------------------- lies


class Gives:
    """An object whose `__array__` gives anything."""

    def __init__(self, *values: Any) -> None:
        self.values, self.n = values, 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.n += 1
        value = self.values[min(self.n, len(self.values)) - 1]
        if isinstance(value, Exception):
            raise value
        return value


class Sequence:
    """A sequence whose length is another than it says."""

    def __init__(self, items: list[Any], length: Any) -> None:
        self.items, self.length = items, length

    def __len__(self) -> Any:
        if isinstance(self.length, Exception):
            raise self.length
        return self.length

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]


class Store:
    """What says that it is an array elsewhere, and gives other slices than its shape."""

    def __init__(self, shape: Any, part: Any) -> None:
        self.shape, self.dtype, self.part = shape, np.dtype(float), part

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.part, Exception):
            raise self.part
        return self.part


class Number:
    """What becomes a number, or does not, and changes the list that it stands in meanwhile."""

    def __init__(self, value: Any, inside: list[Any] | None = None) -> None:
        self.value, self.inside = value, inside

    def __float__(self) -> Any:
        if self.inside is not None:
            self.inside.clear()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Interface:
    """An `__array_interface__` of nonsense; NumPy trusts one that has fewer bytes than it says."""

    def __init__(self, interface: Any) -> None:
        self.__array_interface__ = interface


def _lie(rng: Generator, rows: np.ndarray) -> Any:
    lists = rows.astype(float).tolist()
    shape = rows.shape
    clearing: list[Any] = [1.0, 2.0]
    clearing[0] = Number(1.0, clearing)
    lies: tuple[Callable[[], Any], ...] = (
        lambda: Gives(rows[:-1], rows),
        lambda: Gives(rows, rows[..., :-1], np.zeros((3, 99))),
        lambda: Gives("text"),
        lambda: Gives(None),
        lambda: Gives(LiarError("it gives no array at all")),
        lambda: Gives(TypeError("it gives no array at all")),
        lambda: Gives(np.array(["a"])),
        lambda: Gives(Gives(rows)),
        lambda: Sequence(lists if isinstance(lists, list) else [lists], 10**6),
        lambda: Sequence(lists if isinstance(lists, list) else [lists], 0),
        lambda: Sequence([], 3),
        lambda: Sequence([1.0], LiarError("it has no length at all")),
        lambda: Sequence([1.0], -1),
        lambda: Sequence([1.0], "x"),
        lambda: Store(shape, rows[..., :-1]),
        lambda: Store(shape, "x"),
        lambda: Store((10**12, 10**12), rows),
        lambda: Store(("a", None), rows),
        lambda: Store(shape, LiarError("no slice")),
        lambda: [[Number(1.0), 2.0], [3.0, Number(LiarError("no number"))]],
        lambda: np.array([[Number(np.nan), Number("x")]], dtype=object),
        lambda: [clearing, [1.0, 2.0]],
        lambda: Interface({"shape": (2, -3), "typestr": "<f8", "data": b"1" * 99, "version": 3}),
        lambda: Interface({"shape": "x"}),
        lambda: Interface(None),
    )
    return lies[int(rng.integers(len(lies)))]()


def _strange(rng: Generator, rows: np.ndarray) -> Any:
    """What is no array of real numbers."""
    made: tuple[Callable[[], Any], ...] = (
        lambda: rows.astype(complex),
        lambda: rows.astype(str),
        lambda: rows.astype("S9"),
        lambda: np.zeros(rows.shape, "M8[s]"),
        lambda: np.zeros(rows.shape, "m8[s]"),
        lambda: np.zeros(rows.shape, [("a", float), ("b", int)]),
        lambda: np.zeros(rows.shape, "V3"),
        lambda: np.asmatrix(np.atleast_2d(rows)) if rows.ndim <= 2 else rows,
        lambda: np.ma.MaskedArray(rows, rng.random(rows.shape) < 0.3),
        lambda: [[1.0, 2.0], [3.0]],
        lambda: [[], [1.0]],
        lambda: [[10**400, 1]],
        lambda: [[None, True], [1, "1"]],
        lambda: [[[[[1.0]]]]],
        lambda: {"a": rows},
        lambda: {1.0, 2.0},
        lambda: (one for one in rows),
        lambda: iter([rows]),
        lambda: None,
        lambda: rng,
        lambda: "rows.csv",
        lambda: b"rows",
        lambda: np.float64(3.0),
        lambda: 1j,
        lambda: np.nan,
        lambda: 2**80,
        lambda: array.array("d", rows.astype(float).ravel()),
        lambda: array.array("b", b"ab"),
        lambda: bytearray(rows.tobytes()),
        lambda: memoryview(b"abcdef"),
        lambda: np.empty((0,) * max(1, rows.ndim)),
        lambda: np.empty((0, 2**40)),
        lambda: np.broadcast_to(np.nan, (2**40, 2)),
        lambda: np.random,
        lambda: print,
        lambda: float,
        lambda: slice(None),
        lambda: ...,
        lambda: np.array(None),
        lambda: np.array([], dtype=object),
    )
    return made[int(rng.integers(len(made)))]()


def _near(rng: Generator, near: np.ndarray) -> tuple[str, np.ndarray]:
    """The same numbers, or some of them changed, in other types."""
    kind = rng.integers(8)
    if kind == 3:
        names = ["float32", "float64", "int8", "uint64", "float16", "bool", "int32"]
        with np.errstate(all="ignore"):
            return "near", np.asarray(near).astype(names[int(rng.integers(len(names)))])
    made = np.array(near, dtype=float) if kind < 3 else np.array(near)
    if kind < 3 and made.size:
        for at in rng.integers(made.size, size=int(rng.integers(1, 3))):
            changes = (0, -1, 1e-9, 1e9, np.nan, np.inf, 2, 1 + 1e-7, 2.0**62)
            with np.errstate(all="ignore"):
                made.flat[at] = made.flat[at] * changes[int(rng.integers(len(changes)))]
    return "near", made


def given(rng: Generator, shape: tuple[int, ...], near: np.ndarray | None = None) -> Given:
    """An argument of this shape, or of another one; one like `near`, where it is given."""
    way = rng.random()
    if way < 0.12 and near is None and shape:
        sizes = list(shape)
        sizes[int(rng.integers(len(sizes)))] = int(rng.integers(0, 7))
        other = (tuple(sizes), (*shape, 2), shape[1:], (0, *shape[1:]))
        shape = other[int(rng.integers(len(other)))]
    _, rows = numbers(rng, shape) if near is None else _near(rng, near)
    if way < 0.7:
        layouts = list(LAYOUTS)
        layout = layouts[int(rng.integers(len(layouts)))]
        if layout == "tuple of rows" and rows.ndim == 0:
            layout = "C"
        try:
            return Given(f"{layout}", LAYOUTS[layout](rows), _plain(layout, rows))
        except (TypeError, ValueError):
            return Given("C", rows.copy(), rows)
    if way < 0.76:
        # Lists and objects of the plain array are float64, whatever the numbers were.
        overlapping = _overlapping(rng, shape)
        return Given("overlapping", overlapping, np.array(overlapping))
    if way < 0.88:
        value = _strange(rng, rows)
        complex_numbers = isinstance(value, complex)
        complex_numbers |= getattr(getattr(value, "dtype", None), "kind", "") == "c"
        return Given("complex" if complex_numbers else "strange", value, None)
    return Given("lie", _lie(rng, rows), None)


def _plain(layout: str, rows: np.ndarray) -> np.ndarray | None:
    if not rows.ndim or not rows.size:
        # An empty list has one dimension, whatever was in it.
        return None  # a number may be taken where an array of no dimension is not
    if layout in ("lists", "objects", "longdouble"):
        return None if rows.dtype.kind in "iub" else rows.astype(np.float64)
    return None if layout in ("tuple of rows", "memoryview") else rows.copy()
