"""CSV in many dialects, changed anywhere: finite rows, the same in every way, or none."""

import bz2
import gzip
import io
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from good_files import CORPUS
from havoc import changed
from limits import Broken, memory, quickly

from fastgmm.sources import batches, column_names, read_table
from random_csv import random_csv

TOKENS = (
    *(b",", b";", b"\t", b"|", b'"', b'""', b"\r", b"\n", b"\r\n", b" ", b"#", b"\\", b"'", b"%"),
    *(b"NaN", b"inf", b"-inf", b"1e999", b"-1e-999", b"1_000", b"0x10", b"1,5", b"NA", b"?", b"+"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\xc3\x28", b"9" * 400, b"sep=;\n", b'"\n"', b"true"),
    *(
        b"1" + b",1" * 300,
        b"\n" * 60,
        b'"' * 31,
        b"2024-01-01",
        "\uff11".encode(),
        b"1e",
        b"--1",
        b"d" * 70,
    ),
)
PACKED = (b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd")
"""The first bytes of what is taken for compressed."""


def made(case: int) -> tuple[str, bytes, dict[str, Any]]:
    """The ending of a name, the bytes of the file, and the options to read it with."""
    rng = np.random.default_rng([13, case])
    files = sorted((CORPUS / "texts").iterdir())
    if rng.random() < 0.2 and files:
        content = files[int(rng.integers(len(files)))].read_bytes()
        options: dict[str, Any] = {}
    else:
        one = random_csv(int(rng.integers(3000)))
        content, options = one.text, dict(one.options)
        for name in list(options):
            if rng.random() < 0.1:
                del options[name]
    text = changed(rng, content, TOKENS, 2) if rng.random() < 0.95 else content
    if rng.random() < 0.7:
        options["gaps"] = str(rng.choice(["keep", "drop"]))
    way = rng.random()
    if way < 0.8:
        return ".csv", text, options
    if way < 0.85:
        return ".tsv", text, options
    pack = bz2.compress if way > 0.95 else lambda data: gzip.compress(data, 1)
    packed = pack(text)
    if rng.random() < 0.4:
        packed = changed(rng, packed, TOKENS)
    return ".csv.bz2" if way > 0.95 else ".csv.gz", packed, options


def tried(case: int) -> tuple[str, str]:
    """What has come of the file of this number, read in one piece, in batches and from a stream."""
    ending, content, options = made(case)
    _first_read()
    with tempfile.TemporaryDirectory(dir=_FOLDER) as folder, quickly():
        path = Path(folder) / f"file{ending}"
        path.write_bytes(content)
        packed = content.startswith(PACKED)
        # What is compressed may have become a thousand times as long.
        size = 1000 * len(content) if packed else len(content)
        with memory(size):
            whole = rows_of(lambda: read_table(path, **options).rows)
            parts = rows_of(lambda: _joined(batches(path, batch_rows=7, **options)))
            _names(path)
            if case % 4 == 0:
                of = "tsv" if ending == ".tsv" else "csv"
                stream = rows_of(lambda: read_table(io.BytesIO(content), format=of, **options).rows)
                # A stream does not wait for a second line, which tells that rows have names.
                if stream is not None or whole is None:
                    _same(whole, stream)
        _same(whole, parts)
        finite = whole is None or np.isfinite(whole).all() or options.get("gaps") == "keep"
        if whole is not None and (whole.ndim != 2 or not finite):
            raise Broken(f"the rows are {whole}")
    return ending, "refused" if whole is None else "valid"


_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Many thousand files need no disk."""


@cache
def _first_read() -> None:
    """Load what pyarrow loads with the first file: no file asks for that memory."""
    read_table(CORPUS / "texts" / "mark.csv")


def _joined(parts: Any) -> np.ndarray:
    return np.concatenate(list(parts))


def _names(path: Path) -> None:
    """Ask for the names of the columns, which other options would find elsewhere."""
    with suppress(ValueError):
        column_names(path)


def rows_of(read: Any) -> np.ndarray | None:
    """The rows that are read; None where they are refused with a sentence."""
    try:
        rows: np.ndarray = read()
    except ValueError as error:
        if type(error) is not ValueError or len(str(error)) < 10:
            raise Broken(f"it was refused by {type(error).__name__}: {error}") from error
        return None
    return rows


def _same(one: np.ndarray | None, other: np.ndarray | None) -> None:
    if (one is None) != (other is None):
        raise Broken("one way of reading takes what another refuses")
    if one is not None and not np.array_equal(one, other, equal_nan=True):
        raise Broken(f"two ways of reading give {one} and {other}")
