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
_DIGEST_SIZE = 32
"""A SHA-256 digest has this many bytes."""
_PREFIX_SIZE = len(MAGIC) + 6
"""The mark, the version and the header's length take this many bytes together."""


def pack(kind: str, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes that `unpack` turns back into the same facts (JSON values) and arrays."""
    little = {
        name: np.asarray(a, order="C").astype(a.dtype.newbyteorder("<"), copy=False)
        for name, a in arrays.items()
    }
    table = [[name, a.dtype.str, list(a.shape)] for name, a in little.items()]
    header = json.dumps({"kind": kind, "facts": facts, "arrays": table}).encode()
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
    if hashlib.sha256(content[:-_DIGEST_SIZE]).digest() != content[-_DIGEST_SIZE:]:
        raise FileFormatError(
            f"{source} is damaged (its checksum does not match): restore it from a copy"
        )
    _check_version(version, max(NEWER.values()), source)
    try:
        contents = _read_body(content, kind, source)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, FileFormatError):
            raise
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
    end = _PREFIX_SIZE + int.from_bytes(content[_PREFIX_SIZE - 4 : _PREFIX_SIZE], "little")
    header = json.loads(content[_PREFIX_SIZE:end])
    if header["kind"] != kind:
        raise FileFormatError(f"{source} holds a fastgmm {header['kind']}, not a {kind}")
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        little = np.frombuffer(content, dtype, math.prod(shape), end).reshape(shape)
        arrays[name] = little.astype(little.dtype.newbyteorder("="))
        end += little.nbytes
    return header["facts"], arrays
