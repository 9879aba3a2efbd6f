"""Arrays and their description in one checked run of bytes.

No pickle, versioned, the same on every machine.  Layout: the magic bytes, a format version
(2 bytes), the header's length (4 bytes), the header (JSON: kind, facts, and name, dtype and shape
of each array), the arrays' bytes in that order, and the SHA-256 digest of all that stands before
it.  All numbers are little-endian.
"""

import hashlib
import json
import math
from typing import Any

import numpy as np

from fastgmm.errors import FileFormatError

MAGIC = b"\x93FASTGMM"
"""All files and bytes of fastgmm begin with this mark."""
NEWER = {"model": 2}
"""Kinds whose contents have changed, and the format version that is written of them now.

All others have version 1.  Older versions can be read.
"""
READERS = {
    "model": "fastgmm.load",
    "posterior": "fastgmm.BayesianGaussianMixture.load",
    "statistics": "fastgmm.SufficientStatistics.from_bytes",
}
"""What reads which kind, for whoever has asked something else to."""
UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Python says so of contents that fastgmm never wrote; whoever reads them makes a `FileFormatError`
of it, since a right checksum does not say who has computed it."""
DTYPES = frozenset(np.dtype(code).newbyteorder("<").str for code in "bBhHiIqQfd")
"""Arrays hold whole numbers or floats, as little-endian bytes."""
MOST_DEPTH = 32
"""Facts are nested at most this deep."""
BYTES_PER_ITEM = 112
"""The value of a comma, colon or opening bracket of JSON takes at most about this much memory."""
SPARE_BYTES = 1 << 24
"""The facts may take as much memory as the arrays of their file, and this much more."""
CHUNK = 1 << 20
"""So many bytes of a header are looked through at a time."""
_DEPTHS = np.zeros(256, dtype=np.int8)
"""Each opening bracket of JSON leads one step deeper, and each closing one back."""
_DEPTHS[list(b"[{")], _DEPTHS[list(b"]}")] = 1, -1
_ITEMS = np.zeros(256, dtype=bool)
"""These signs of JSON each stand before a value."""
_ITEMS[list(b"[{,:")] = True
_DIGEST_SIZE = 32
"""A SHA-256 digest has this many bytes."""
_PREFIX_SIZE = len(MAGIC) + 6
"""The mark, the version and the header's length take this many bytes together."""


def pack(kind: str, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes that `unpack` turns back into the same facts (JSON values) and arrays.

    Raises
    ------
    ValueError, TypeError
        When `unpack` would refuse them.
    """
    little = {
        name: np.asarray(a, order="C").astype(a.dtype.newbyteorder("<"), copy=False)
        for name, a in arrays.items()
    }
    for name, a in little.items():
        if a.dtype.str not in DTYPES:
            raise TypeError(f"the array {name} is of {a.dtype}, which no file can hold")
    table = [[name, a.dtype.str, list(a.shape)] for name, a in little.items()]
    written = {"kind": kind, "facts": facts, "arrays": table}
    header = json.dumps(written, allow_nan=False).encode()
    _check_header(memoryview(header), sum(a.nbytes for a in little.values()))
    body = b"".join(
        (
            MAGIC,
            NEWER.get(kind, 1).to_bytes(2, "little"),
            len(header).to_bytes(4, "little"),
            header,
            *(a.tobytes() for a in little.values()),
        )
    )
    return body + hashlib.sha256(body).digest()


def unpack(content: bytes, kind: str, source: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The facts and arrays of the bytes that `pack` made; `source` names them in errors.

    Raises
    ------
    FileFormatError
        When the bytes are of another format, kind or version, cut off, or changed.
    """
    if not content.startswith(MAGIC):
        raise FileFormatError(
            f"{source} is not a fastgmm {kind}: it does not begin with fastgmm's mark"
        )
    version = int.from_bytes(content[len(MAGIC) : len(MAGIC) + 2], "little")
    # A view: the content of a file may be most of what memory can hold.
    if hashlib.sha256(memoryview(content)[:-_DIGEST_SIZE]).digest() != content[-_DIGEST_SIZE:]:
        raise FileFormatError(
            f"{source} is damaged (its checksum does not match): restore it from a copy"
        )
    _check_version(version, max(NEWER.values()), source)
    try:
        contents = _read_body(content, kind, source)
    except FileFormatError:
        raise
    except UNREADABLE as error:
        # The checksum is right, so whoever wrote this was not fastgmm.
        raise FileFormatError(
            f"{source} cannot be read: its contents are not a {kind}'s"
        ) from error
    _check_version(version, NEWER.get(kind, 1), source)
    return contents


def _check_version(version: int, newest: int, source: str) -> None:
    if not 1 <= version <= newest:
        raise FileFormatError(
            f"{source} has format version {version}, and this fastgmm reads version {newest}: "
            "upgrade fastgmm"
        )


def _read_body(
    content: bytes, kind: str, source: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays; no array is made before the content is known to be long enough for it."""
    end = len(content) - _DIGEST_SIZE
    begin = _PREFIX_SIZE + int.from_bytes(content[_PREFIX_SIZE - 4 : _PREFIX_SIZE], "little")
    if begin > end:
        raise ValueError("the header ends behind the contents")
    header = memoryview(content)[_PREFIX_SIZE:begin]
    _check_header(header, end - begin)
    known = json.loads(str(header, "ascii"), parse_constant=_refuse, object_pairs_hook=_once)
    found, facts, table = known["kind"], known["facts"], known["arrays"]
    if not isinstance(found, str) or not isinstance(facts, dict) or len(known) != 3:
        raise TypeError("the header has other entries")
    if found != kind:
        way = f": read it with {READERS[found]}" if found in READERS else ""
        other = FileFormatError(f"{source} holds a fastgmm {found[:40]}, not a {kind}{way}")
        other.kind = found
        raise other
    arrays: dict[str, np.ndarray] = {}
    for name, dtype, shape in table:
        if not isinstance(name, str) or name in arrays or dtype not in DTYPES:
            raise ValueError("an array has no name of its own, or no dtype")
        # A size of zero must not hide another that has no end.
        if not all(type(size) is int and 0 <= size <= end for size in shape):
            raise ValueError("the sizes of an array are beyond the contents")
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        if n_bytes > end - begin:
            raise ValueError("an array is larger than the contents")
        little = np.frombuffer(content, dtype, math.prod(shape), begin).reshape(shape)
        arrays[name] = little.astype(little.dtype.newbyteorder("="))
        begin += n_bytes
    if begin != end:
        raise ValueError("the contents go on behind the arrays")
    return facts, arrays


def _check_header(header: memoryview, n_bytes: int) -> None:
    """Refuse a header whose values are too many or nested too deep, before they are made.

    `n_bytes` is the size of the arrays.  Brackets and commas within strings do not count.
    """
    n_items = depth = inside = 0
    kept = b""
    for begin in range(0, len(header), CHUNK):
        chunk = kept + header[begin : begin + CHUNK]
        # A backslash at the end belongs to the first sign of the next chunk, unless it is one.
        kept = b"\\" if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 else b""
        chunk = chunk[: len(chunk) - len(kept)].replace(b"\\\\", b"").replace(b'\\"', b"")
        signs = np.frombuffer(chunk, np.uint8)
        within = np.bitwise_xor.accumulate((signs == ord('"')).astype(np.uint8)) ^ inside
        inside = int(within[-1]) if len(within) else inside
        signs = signs[within == 0]
        n_items += int(np.count_nonzero(_ITEMS[signs]))
        steps = _DEPTHS[signs]
        depths = np.cumsum(steps[steps != 0], dtype=np.int32) + depth
        if depths.max(initial=0) > MOST_DEPTH:
            raise ValueError("the facts are nested too deep")
        depth = int(depths[-1]) if len(depths) else depth
    if n_items * BYTES_PER_ITEM > SPARE_BYTES + n_bytes:
        raise ValueError("the facts are too many for a file of this size")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The dict of these pairs, in which no name may stand twice."""
    known = dict(pairs)
    if len(known) < len(pairs):
        raise ValueError("a name stands twice")
    return known
