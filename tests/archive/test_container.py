"""Arrays and facts in checked bytes: they come back as they were, or not at all."""

import hashlib
import json
import tracemalloc
from typing import Any

import numpy as np
import pytest

from fastgmm.archive.container import MAGIC, NEWER, pack, unpack
from fastgmm.errors import FileFormatError

N_DAMAGES = 300
FACTS = {"text": "größe\n", "number": 3, "none": None, "list": [1, [True, 0.5]], "empty": {}}


def arrays_of(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "matrix": rng.standard_normal((3, 4)),
        "transposed": rng.standard_normal((4, 3)).T,
        "strided": rng.standard_normal(12)[::3],
        "single": rng.standard_normal((2, 1, 3)).astype(np.float32),
        "big-endian": rng.standard_normal(5).astype(">f8"),
        "whole": rng.integers(-5, 5, 7),
        "scalar": np.array(1 / 3),
        "none": np.empty((0, 4)),
        "special": np.array([np.nan, -np.inf, -0.0, 5e-324]),
    }


def test_what_was_packed_comes_back(seed: int) -> None:
    arrays = arrays_of(seed)
    facts, back = unpack(pack("thing", FACTS, arrays), "thing", "it")
    assert facts == FACTS
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype.newbyteorder("=")
        assert back[name].shape == array.shape
        native = np.ascontiguousarray(array).astype(back[name].dtype)
        assert back[name].tobytes() == native.tobytes(), name


def test_bytes_are_the_same_on_every_machine() -> None:
    """Written down here by hand, from the layout that the module promises."""
    header = json.dumps(
        {"kind": "thing", "facts": {"a": 1}, "arrays": [["x", "<f8", [2]], ["n", "<i4", []]]}
    ).encode()
    body = b"\x93FASTGMM" + b"\x01\x00" + len(header).to_bytes(4, "little") + header
    body += bytes.fromhex("000000000000f03f 00000000000000c0 07000000")
    arrays = {"x": np.array([1.0, -2.0], dtype=">f8"), "n": np.array(7, dtype=np.int32)}
    assert pack("thing", {"a": 1}, arrays) == body + hashlib.sha256(body).digest()


def damage(content: bytes, seed: int) -> bytes:
    """Change, cut off, append, swap, repeat or blank some bytes."""
    rng = np.random.default_rng(seed)
    at = int(rng.integers(len(content)))
    size = int(rng.integers(1, 64))
    kind = seed % 6
    if kind == 0:
        changed = bytearray(content)
        changed[at] ^= 1 << int(rng.integers(8))
        return bytes(changed)
    if kind == 1:
        return content[:at]
    if kind == 2:
        return content + rng.bytes(size)
    if kind == 3:
        return content[:at] + rng.bytes(size) + content[at:]
    if kind == 4:
        return content[:at] + content[at + size :]
    return (
        content[:at] + bytes(byte ^ 0xFF for byte in content[at : at + size]) + content[at + size :]
    )


@pytest.fixture(scope="module")
def packed() -> bytes:
    return pack("thing", FACTS, arrays_of(0))


def refusal(content: bytes) -> str:
    with pytest.raises(FileFormatError) as caught:
        unpack(content, "thing", "the file")
    return str(caught.value)


@pytest.mark.parametrize("kind", range(6))
def test_damage_is_seen(kind: int, packed: bytes) -> None:
    for seed in range(kind, N_DAMAGES, 6):
        sentence = refusal(damage(packed, seed))
        assert sentence.startswith("the file is ")
        assert len(sentence) > 30
        assert "\n" not in sentence


def test_every_cut_is_seen(packed: bytes) -> None:
    for length in range(len(packed)):
        assert refusal(packed[:length]).startswith(("the file is not a fastgmm", "the file is dam"))


def sealed(content: bytes) -> bytes:
    """Return bytes with the checksum that belongs to them: nothing but their meaning is wrong."""
    return content + hashlib.sha256(content).digest()


def body_of(header: Any, version: int = 1) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MAGIC + version.to_bytes(2, "little") + len(text).to_bytes(4, "little") + text


def test_another_kind_is_told_by_name() -> None:
    sentence = refusal(pack("statistics", {}, {}))
    assert sentence == (
        "the file holds a fastgmm statistics, not a thing: read it with "
        "fastgmm.SufficientStatistics.from_bytes"
    )


def test_a_newer_version_asks_for_a_newer_library() -> None:
    sentence = refusal(sealed(body_of({}, version=3)))
    assert sentence == (
        "the file has format version 3, and this fastgmm reads version 2: upgrade fastgmm"
    )


@pytest.mark.parametrize(
    "header",
    [
        b"no JSON",
        b"\xff\xfe",
        [],
        {"facts": {}, "arrays": []},
        {"kind": "thing", "arrays": []},
        {"kind": "thing", "facts": {}},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8"]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "no dtype", [1]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8", [10**9]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8", ["a"]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "|O", [1]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8", [-1, -3]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8", [0, 2**60 - 1]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8", [2**63, 2]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8", [True]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "<f8", [0]], ["x", "<f8", [0]]]},
        {"kind": "thing", "facts": {}, "arrays": [["x", "f8,f8", [0]]]},
        {"kind": "thing", "facts": [], "arrays": []},
        {"kind": "thing", "facts": {}, "arrays": [], "more": 1},
        {"kind": ["thing"], "facts": {}, "arrays": []},
        b'{"kind": "thing", "kind": "thing", "facts": {}, "arrays": []}',
        b'{"kind": "thing", "facts": {"a": NaN}, "arrays": []}',
        b'{"kind": "thing", "facts": {"a": -Infinity}, "arrays": []}',
        b'{"kind": "thing", "facts": {"a": ' + b"[" * 40 + b"]" * 40 + b'}, "arrays": []}',
        b'{"kind": "thing", "facts": ' + b'{"a":' * 100_000 + b"0" + b"}" * 100_000 + b"}",
    ],
)
def test_contents_that_fastgmm_never_wrote_are_refused(header: Any) -> None:
    sentence = refusal(sealed(body_of(header)))
    assert sentence == "the file cannot be read: its contents are not a thing's"


def test_bytes_behind_the_arrays_are_refused(packed: bytes) -> None:
    body = packed[: -hashlib.sha256().digest_size]
    assert unpack(sealed(body), "thing", "it")[0] == FACTS
    assert "cannot be read" in refusal(sealed(body + b"\0"))
    assert "cannot be read" in refusal(sealed(body[:-1]))


@pytest.mark.parametrize("item", [b"[],", b"{},", b'"a",', b'0,"b",', b'{"a":[]},'])
def test_facts_may_not_take_more_memory_than_their_file_allows(item: bytes) -> None:
    """Small lists take thirty times their text; a string may hold as many brackets as it likes."""
    for escaped in (b"", b'"' + b'\\"[{\\\\' * 300_000 + b'",'):
        facts = b'{"a": [' + escaped + item * (1_600_000 // len(item)) + b"0]}"
        content = sealed(body_of(b'{"kind": "thing", "facts": ' + facts + b', "arrays": []}'))
        tracemalloc.start()
        assert "cannot be read" in refusal(content)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * len(content) + (1 << 24)


def test_brackets_in_strings_are_no_depth() -> None:
    """A backslash stands before each quote, at every place where a chunk may end."""
    for n in range(4):
        facts = {"x" * n: ('\\"[{' * 300_000) + "\\" * 2}
        assert unpack(pack("thing", facts, {}), "thing", "it")[0] == facts


def test_what_could_not_be_read_is_not_written() -> None:
    for facts in ({"a": float("nan")}, {"a": [[]] * 500_000}):
        with pytest.raises(ValueError, match=r"JSON|too many"):
            pack("thing", facts, {})
    for array in (np.array(["a"]), np.array([1j]), np.array([None])):
        with pytest.raises(TypeError, match=r"the array x is of .*, which no file can hold"):
            pack("thing", {}, {"x": array})


def test_the_bytes_may_not_run_out_in_the_header(packed: bytes) -> None:
    long = MAGIC + (1).to_bytes(2, "little") + (10**9).to_bytes(4, "little") + b"{}"
    assert "cannot be read" in refusal(sealed(long))


def test_a_kind_whose_contents_have_changed_has_a_newer_version() -> None:
    """What an older version wrote of it is read; what a newer one may write is refused."""
    written = pack("model", {"a": 1}, {})
    assert int.from_bytes(written[len(MAGIC) : len(MAGIC) + 2], "little") == NEWER["model"] == 2
    body = written[: -hashlib.sha256().digest_size]
    for version in (1, 2, 3):
        other = sealed(MAGIC + version.to_bytes(2, "little") + body[len(MAGIC) + 2 :])
        if version <= NEWER["model"]:
            assert unpack(other, "model", "it")[0] == {"a": 1}
        else:
            with pytest.raises(FileFormatError, match=r"format version 3.* reads version 2"):
                unpack(other, "model", "it")
