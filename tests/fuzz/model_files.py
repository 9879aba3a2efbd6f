"""Files that someone has changed with care: their checksums are right and their contents are not.

`mutated` makes such a file of a number, always the same one.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from good_files import Base, base, names

from fastgmm.archive.container import MAGIC

NUMBERS = (0, 1, -1, 2, 7, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400, 0.5, -0.0)
HEXES = ("nan", "inf", "-inf", "0x0p+0", "-0x1p+0", "0x1p-1074", "0x1p+1023", "0x1p+99999", "0x1")
TEXTS = (
    "",
    "full",
    "diag",
    "covered",
    "float16",
    "object",
    "state/mixture/means",
    "\ud800",
    "\x00",
)
RAW = (np.nan, np.inf, -np.inf, -1.0, 0.0, 5e-324, 1e-310, 1e308, -1e308, 1e154, 1e-154, 1e20, 0.5)
DTYPES = (
    "<f4",
    "<f8",
    ">f8",
    "<i8",
    "|O",
    "<U4",
    "<c16",
    "|V8",
    "<M8[s]",
    "|b1",
    "<f2",
    "f8,f8",
    "",
)
SIZES = (0, 1, 2, 3, 5, 1000, -1, 2**31, 2**60 - 1, 2**63, 10**30, True, 1.0, None, "1")


class File(NamedTuple):
    """A file, apart: its version, its header as JSON values, and the bytes of its arrays."""

    version: int
    header: dict[str, Any]
    body: bytes

    @classmethod
    def of(cls, content: bytes) -> "File":
        begin = len(MAGIC) + 6
        end = begin + int.from_bytes(content[begin - 4 : begin], "little")
        version = int.from_bytes(content[len(MAGIC) : len(MAGIC) + 2], "little")
        return cls(version, json.loads(content[begin:end]), content[end:-32])

    def content(self, text: bytes | None = None) -> bytes:
        """The file with a checksum that is right; `text` stands in place of the header."""
        text = json.dumps(self.header).encode() if text is None else text
        head = MAGIC + self.version.to_bytes(2, "little") + len(text).to_bytes(4, "little")
        body = head + text + self.body
        return body + hashlib.sha256(body).digest()


# ---------------------------------------------------------------------- mutations


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all values in JSON, each as the keys and indices that lead there."""
    inside: Any = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    return [at, *(place for key, one in inside for place in _places(one, (*at, key)))]


def _chosen(rng: np.random.Generator, facts: Any) -> tuple[Any, Any]:
    """A container in JSON and a key or an index in it."""
    places = [place for place in _places(facts) if place]
    *way, last = places[rng.integers(len(places))]
    for key in way:
        facts = facts[key]
    return facts, last


def _one(rng: np.random.Generator, of: Any) -> Any:
    return of[rng.integers(len(of))]


def delete(rng: np.random.Generator, file: File, other: File) -> bytes:
    container, key = _chosen(rng, file.header)
    del container[key]
    return file.content()


def swap_type(rng: np.random.Generator, file: File, other: File) -> bytes:
    container, key = _chosen(rng, file.header["facts"])
    container[key] = _one(rng, (None, True, 0, "x", [], {}, [[]], {"a": 1}, 1.5, ["a", 2]))
    return file.content()


def number(rng: np.random.Generator, file: File, other: File) -> bytes:
    for _ in range(20):
        container, key = _chosen(rng, file.header["facts"])
        if type(container[key]) is int:
            container[key] = _one(rng, NUMBERS)
            break
        if isinstance(container[key], str) and container[key].lstrip("-")[:2] in ("0x", "in"):
            container[key] = _one(rng, HEXES)
            break
    return file.content()


def text(rng: np.random.Generator, file: File, other: File) -> bytes:
    container, key = _chosen(rng, file.header["facts"])
    container[key] = _one(rng, (*TEXTS, *HEXES, *(name for name, *_ in file.header["arrays"])))
    return file.content()


def depth(rng: np.random.Generator, file: File, other: File) -> bytes:
    container, key = _chosen(rng, file.header)
    container[key] = "deep"
    deep, bracket = int(_one(rng, (5, 31, 200, 2000, 100_000))), _one(rng, ("[]", '{"a":}'))
    nested = bracket[:-1] * deep + ("0" if len(bracket) > 2 else "") + bracket[-1] * deep
    return file.content(json.dumps(file.header).replace('"deep"', nested).encode())


def constant(rng: np.random.Generator, file: File, other: File) -> bytes:
    container, key = _chosen(rng, file.header)
    container[key] = _one(rng, (np.nan, np.inf, -np.inf, 1e308))
    return file.content()


def twice(rng: np.random.Generator, file: File, other: File) -> bytes:
    header = json.dumps(file.header)
    key = _one(rng, [key for key in file.header["facts"]] + ["kind", "arrays"])
    return file.content(header.replace(f'"{key}": ', f'"{key}": 0, "{key}": ', 1).encode())


def many(rng: np.random.Generator, file: File, other: File) -> bytes:
    container, key = _chosen(rng, file.header["facts"])
    container[key] = [_one(rng, ([], {}, 0, "a", "0x1p+0"))] * int(
        _one(rng, (50, 500, 500, 500, 500, 500, 500, 500, 10_000, 250_000))
    )
    return file.content()


def table(rng: np.random.Generator, file: File, other: File) -> bytes:
    """Another shape, dtype, name, order or number of arrays."""
    arrays = file.header["arrays"]
    row, kind = _one(rng, arrays), rng.integers(7)
    if kind < 2 and row[2]:
        row[2][rng.integers(len(row[2]))] = _one(rng, SIZES)
    elif kind == 2:
        row[2] = _one(
            rng, ([], [0], [0, 2**60 - 1], [1, *row[2]], row[2][1:], row[2][::-1], 3, "a")
        )
    elif kind == 3:
        row[1] = _one(rng, DTYPES)
    elif kind == 4:
        rng.shuffle(arrays)
    elif kind == 5:
        row[0] = _one(rng, [name for name, *_ in arrays])
    else:
        arrays.append(list(row)) if rng.integers(2) else arrays.remove(row)
    return file.content()


def nothing(rng: np.random.Generator, file: File, other: File) -> bytes:
    """All arrays, or those of a mixture, without a number in them and of endless sizes."""
    for row in file.header["arrays"]:
        row[2] = [0] * len(row[2])
        if row[2] and rng.integers(2):
            row[2][-1] = _one(rng, (1, 2**60 - 1, 2**31))
    return file._replace(body=b"").content()


def raw(rng: np.random.Generator, file: File, other: File) -> bytes:
    """Other numbers in an array: not finite, negative, tiny, huge, swapped, or all the same."""
    at, chosen = 0, rng.integers(len(file.header["arrays"]))
    body = bytearray(file.body)
    for index, (_, dtype, shape) in enumerate(file.header["arrays"]):
        array = np.frombuffer(body, dtype, int(np.prod(shape)), at)
        at += array.nbytes
        if index == chosen and array.size:
            with np.errstate(all="ignore"):
                few = rng.integers(array.size, size=rng.integers(1, 4))
                kind = rng.integers(4)
                if kind == 0:
                    array[few] = array[few[::-1]] * _one(rng, (-1, 2, 1e-3, 1.0000001, 1e9))
                elif kind == 1:
                    array[:] = _one(rng, RAW)
                elif kind == 2:
                    array[:] = rng.permutation(array)
                else:
                    array[few] = np.asarray(_one(rng, RAW)).astype(dtype)
    return file._replace(body=bytes(body)).content()


def scaled(rng: np.random.Generator, file: File, other: File) -> bytes:
    """Numbers that still fit each other: an array times a number, or plus one."""
    at, body = 0, bytearray(file.body)
    factor, chosen = _one(rng, (0.0, 1e-200, 1e-20, 1e20, 1e150, -1.0)), rng.integers(4)
    for _, dtype, shape in file.header["arrays"]:
        array = np.frombuffer(body, dtype, int(np.prod(shape)), at)
        at += array.nbytes
        with np.errstate(all="ignore"):
            if chosen == 0 or rng.integers(chosen + 1) == 0:
                array[:] = array * factor
    return file._replace(body=bytes(body)).content()


def conditioned(rng: np.random.Generator, file: File, other: File) -> bytes:
    """Covariances whose factors belong to them, of any scale and nearly singular."""
    body, arrays = bytearray(file.body), _views(file)
    for name, factors in arrays.items():
        if not name.endswith("/factors") or factors.ndim < 2 or factors.dtype != np.float64:
            continue
        d = factors.shape[-1]
        if d != factors.shape[-2]:
            continue
        lower = np.tril(rng.normal(size=factors.shape)) * 10.0 ** rng.uniform(-9, 9)
        pivots = 10.0 ** rng.uniform(-_one(rng, (1, 8, 40, 150)), 3, size=factors.shape[:-1])
        lower[..., range(d), range(d)] = pivots
        with np.errstate(all="ignore"):
            squares = lower @ np.swapaxes(lower, -1, -2)
            inverse = np.tril(np.linalg.inv(lower))
        begin = name[: -len("factors")]
        for which, made in (("covariances", squares), ("inverse_factors", inverse)):
            _overwrite(file, body, begin + which, made)
        _overwrite(file, body, name, lower)
    return file._replace(body=bytes(body)).content()


def shares(rng: np.random.Generator, file: File, other: File) -> bytes:
    """Weights that sum to nearly one, with one that is zero, less than zero or more than one."""
    body = bytearray(file.body)
    for name, weights in _views(file).items():
        if name.endswith("weights") and weights.ndim == 1 and len(weights):
            made = rng.dirichlet(np.ones(len(weights))) * (1.0 + _one(rng, (0, 1e-6, 1e-5, 1e-4)))
            made[0] += (less := _one(rng, (0.0, -1e-300, -0.1, 1.0)))
            made[-1] -= less
            _overwrite(file, body, name, made)
    return file._replace(body=bytes(body)).content()


def _views(file: File) -> dict[str, np.ndarray]:
    """The arrays of a file by name."""
    found, at = {}, 0
    for name, dtype, shape in file.header["arrays"]:
        found[name] = np.frombuffer(file.body, dtype, int(np.prod(shape)), at).reshape(shape)
        at += found[name].nbytes
    return found


def _overwrite(file: File, body: bytearray, name: str, made: np.ndarray) -> None:
    """Put other numbers of the same shape in the place of an array."""
    at = 0
    for one, array in _views(file).items():
        if one == name and array.shape == made.shape:
            body[at : at + array.nbytes] = made.astype(array.dtype).tobytes()
        at += array.nbytes


def truncated(rng: np.random.Generator, file: File, other: File) -> bytes:
    return file._replace(body=file.body[: rng.integers(len(file.body) + 1)]).content()


def longer(rng: np.random.Generator, file: File, other: File) -> bytes:
    return file._replace(body=file.body + rng.bytes(int(rng.integers(1, 40)))).content()


def bent(rng: np.random.Generator, file: File, other: File) -> bytes:
    """Some bytes of the header changed, its length, the version, or bytes of the arrays."""
    content = bytearray(file.content()[:-32])
    end = len(content) - len(file.body)
    low, high = ((len(MAGIC), end), (len(MAGIC), len(MAGIC) + 6), (end, len(content)))[
        rng.integers(3 if file.body else 2)
    ]
    for at in rng.integers(low, high, size=rng.integers(1, 4)):
        content[at] = rng.integers(256)
    return bytes(content) + hashlib.sha256(content).digest()


def spliced(rng: np.random.Generator, file: File, other: File) -> bytes:
    """Parts of two files: facts, tables, bodies, or single facts of one in the other."""
    kind = rng.integers(4)
    if kind == 0:
        return file._replace(
            body=other.body, header=file.header | {"arrays": other.header["arrays"]}
        ).content()
    if kind == 1:
        return file._replace(header=file.header | {"facts": other.header["facts"]}).content()
    if kind == 2:
        return file._replace(version=other.version, body=other.body).content()
    into, key = _chosen(rng, file.header["facts"])
    of, its = _chosen(rng, other.header["facts"])
    into[key] = of[its]
    return file.content()


MUTATIONS: tuple[Callable[[np.random.Generator, File, File], bytes], ...] = (
    delete, swap_type, number, number, text, depth, constant, twice, many, table, table, nothing,
    raw, raw, raw, scaled, conditioned, conditioned, shares, truncated, longer, bent, spliced,
)  # fmt: skip


def mutated(case: int, of: tuple[str, ...] | None = None) -> tuple[str, Base, bytes]:
    """The kind of mutation, the good file, and the file that was made of it, of this number.

    `of` names the good files; None: all.
    """
    rng = np.random.default_rng([11, case])
    good, other = (base(_one(rng, of or names())) for _ in range(2))
    mutate, content = MUTATIONS[case % len(MUTATIONS)], good.content
    for _ in range(1 if mutate is depth or mutate is many else 1 + int(rng.integers(5) == 0)):
        try:
            content = mutate(rng, File.of(content), File.of(other.content))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
            break  # the first mutation has left nothing that the second could be made of
    return mutate.__name__, good, content
