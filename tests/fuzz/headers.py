"""Containers whose bytes are changed anywhere, most of them with a checksum made right again."""

import hashlib

import numpy as np
from good_files import base, names
from havoc import changed
from limits import Broken, memory, quickly
from model_outcomes import outcome

from fastgmm.archive import container
from fastgmm.errors import FileFormatError

TOKENS = (
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"null", b"true", b"1e999", b"-0", b"NaN"),
    *(
        b'"<f8"',
        b'"|O"',
        b"[0, 99999999999]",
        b'"facts": {',
        b"\\ud800",
        b"\xff",
        b"\x00",
        b"9" * 40,
    ),
    *(b"[" * 40, b'{"a":' * 40, b'"kind": "model"', b"\\u0000", b" " * 300, b"[[]]", b"0x1p+0"),
)
KINDS = {"checkpoint": "model", "stream": "model"}
"""The kinds of the corpus that are models in a file's own words."""


def made(case: int) -> tuple[str, str, bytes]:
    """The name of a good file, what was done to its bytes, and the bytes, of this number."""
    rng = np.random.default_rng([12, case])
    good = names()[int(rng.integers(len(names())))]
    content = base(good).content
    begin = len(container.MAGIC) + 6
    end = begin + int.from_bytes(content[begin - 4 : begin], "little")
    way = int(rng.integers(10))
    if way == 0:
        return good, "wrong checksum", changed(rng, content, TOKENS)
    if way < 8:
        # The length of the header is made right again as well, so that it is read at all.
        header = changed(rng, content[begin:end], TOKENS)
        size = len(header).to_bytes(4, "little")
        body = content[: begin - 4] + size + header + content[end:-32]
        kind = "header"
    elif way == 8:
        body, kind = content[:end] + changed(rng, content[end:-32], TOKENS), "arrays"
    else:
        body, kind = content[:9] + changed(rng, content[9:-32], TOKENS), "anything"
    return good, kind, body + hashlib.sha256(body).digest()


def tried(case: int) -> tuple[str, str]:
    """What has come of the container of this number; what can be unpacked is read to the end."""
    good, kind, content = made(case)
    of = base(good)
    with quickly():
        try:
            with memory(len(content)):
                container.unpack(content, KINDS.get(of.kind, of.kind), "a file")
        except FileFormatError:
            return kind, "refused"
    if kind == "wrong checksum" and content != of.content:
        raise Broken("a file with a wrong checksum was read")
    return kind, outcome(of, content)
