"""Arrays in `.npy` and `.npz` files whose headers say anything, and whose bytes end anywhere."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from havoc import changed
from limits import Broken, memory, quickly
from texts import rows_of

from fastgmm.sources import batches, column_names, read_table

DTYPES = (
    *("<f8", "<f8", "<f8", "<f4", "<f2", ">f8", "<i8", "|u1", "|b1", "<f16", "<i4", ">i2"),
    *("|O", "<c16", "<U4", "|S3", "<M8[s]", "|V8", "<f3", "f8,f8", "", "<f8\x00", "('<f8', (2,))"),
)
SIZES = (0, 1, 2, 3, 7, 10**6, 2**31, 2**40, 2**62, 2**63, 10**30, -1, -(2**63))
TOKENS = (
    *(b"'descr'", b"'shape'", b"(", b")", b",", b"{", b"}", b"True", b"None", b"'<f8'", b"\n"),
    *(b"9" * 30, b"__import__('os')", b"(" * 300, b"-" * 90, b"1e9", b"0x7fffffffffffffff", b"1j"),
    *(
        b"\x93NUMPY",
        b"\x01\x00",
        b"\xff\xff",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x00" * 9,
        b"{}*9**9",
    ),
)


def _one(rng: np.random.Generator, of: Any) -> Any:
    return of[int(rng.integers(len(of)))]


def npy(rng: np.random.Generator) -> bytes:
    """One array as `numpy.save` writes it, with a header that may lie."""
    shape = tuple(int(n) for n in rng.integers(1, 6, size=_one(rng, (1, 2, 2, 2, 2, 3))))
    array = rng.normal(size=shape) * 10.0 ** rng.uniform(-3, 3)
    dtype = str(_one(rng, DTYPES)) if rng.random() < 0.5 else "<f8"
    try:
        body = array.astype(dtype).tobytes() if dtype != "|O" else array.tobytes()
    except (TypeError, ValueError, SyntaxError):
        body = array.tobytes()
    said: Any = shape
    if rng.random() < 0.4:
        sizes = list(shape)
        sizes[int(rng.integers(len(sizes)))] = _one(rng, SIZES)
        said = _one(rng, (tuple(sizes), tuple(sizes), (), shape[0], list(shape), "x", (True, 2)))
    facts: dict[str, Any] = {"descr": dtype, "fortran_order": bool(rng.integers(2)), "shape": said}
    if rng.random() < 0.1:
        facts[str(_one(rng, ("shape", "descr", "more")))] = _one(rng, (None, [], "x", {}, 1.5))
    if rng.random() < 0.05:
        del facts[str(_one(rng, ("shape", "descr", "fortran_order")))]
    header = repr(facts).encode() + b" " * int(rng.integers(60)) + b"\n"
    version = _one(rng, (1, 1, 1, 2, 3, 4, 0))
    size = len(header).to_bytes(4 if version in (2, 3) else 2, "little")
    if rng.random() < 0.3:
        body = changed(rng, body, TOKENS)
    content = b"\x93NUMPY" + bytes((version, 0)) + size + header + body
    return changed(rng, content, TOKENS, 2) if rng.random() < 0.3 else content


def npz(rng: np.random.Generator) -> bytes:
    """An archive of some arrays, which may be none."""
    file = io.BytesIO()
    packing = _one(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name in ("X.npy", "y.npy", "../z.npy", "a")[: int(rng.integers(1, 5))]:
            archive.writestr(name, npy(rng))
    content = file.getvalue()
    return changed(rng, content, TOKENS, 2) if rng.random() < 0.4 else content


def made(case: int) -> tuple[str, bytes]:
    """The name of the file of this number, and its bytes."""
    rng = np.random.default_rng([14, case])
    way = rng.random()
    if way < 0.6:
        return "x.npy", npy(rng)
    if way < 0.65:
        return "x.npz", npy(rng)
    return ("x.npy" if way < 0.7 else "x.npz"), npz(rng)


def tried(case: int) -> tuple[str, str]:
    """What has come of the file of this number, read whole and in batches."""
    name, content = made(case)
    with tempfile.TemporaryDirectory(dir=_FOLDER) as folder, quickly():
        path = Path(folder) / name
        path.write_bytes(content)
        with memory(len(content)):
            whole = rows_of(lambda: read_table(path, gaps="keep").rows)
            parts = rows_of(lambda: np.concatenate(list(batches(path, gaps="keep"))))
            if whole is not None:
                column_names(path)
                rows_of(lambda: read_table(path / "X").rows)
        if whole is not None:
            if whole.ndim != 2 or whole.dtype != np.float64:
                raise Broken(f"the rows are {whole.dtype} of {whole.shape}")
            if parts is None or not np.array_equal(whole, parts, equal_nan=True):
                raise Broken(f"two ways of reading give {whole} and {parts}")
    return name, "refused" if whole is None else "valid"


_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Many thousand files need no disk."""
