"""Headers of arrays that say more than their files hold are refused before there is room for it."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fastgmm.sources import batches, read_table
from fastgmm.sources.npy import MOST_HEADER, check_header

LARGE = 2**32


def array_bytes(shape: tuple[int, ...], *, version: int = 1, size: int | None = None) -> bytes:
    """An array of two numbers whose header says that it has this shape, or is so long."""
    header = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode() + b"\n"
    n = (len(header) if size is None else size).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes((version, 0)) + n + header + np.ones(2).tobytes()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_header_is_read_up_to_the_numbers(version: int) -> None:
    file = io.BytesIO(array_bytes((1, 2), version=version))
    check_header(file, 16)
    assert np.frombuffer(file.read()).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="has 16 bytes, and the file 15"):
        check_header(io.BytesIO(array_bytes((1, 2), version=version)), 15)


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(ValueError, match="does not begin with the mark"):
        check_header(io.BytesIO(b"PK"), 2)
    for n in range(6, 12):
        with pytest.raises(ValueError, match=r"\w+"):
            check_header(io.BytesIO(array_bytes((1, 2))[:n]), n)
    # No size is below zero, and one of zero hides another that has no end.
    with pytest.raises(ValueError, match="has 0 bytes, and the file 99"):
        check_header(io.BytesIO(array_bytes((0, LARGE))), 99)


def written(folder: Path, content: bytes, kind: str) -> Path:
    """An array, an archive of it, or an array under the name of an archive."""
    path = folder / f"x.{kind.partition(' ')[0]}"
    if kind.startswith("npz archive"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("X.npy", content)
    else:
        path.write_bytes(content)
    if kind == "npz archive that lies":
        # The archive says that the array is as large as its header does.
        data, size = bytearray(path.read_bytes()), len(content).to_bytes(4, "little")
        at = data.rindex(b"PK\x01\x02") + 24
        assert data[at : at + 4] == size
        data[at : at + 4] = (LARGE - 1).to_bytes(4, "little")
        path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("kind", ["npy", "npz", "npz archive", "npz archive that lies"])
@pytest.mark.parametrize(
    "content",
    [
        array_bytes((LARGE // 2**8, 1)),
        array_bytes((LARGE, 2**10), version=3),
        array_bytes((2, 1), version=2, size=10**8),
        array_bytes((2, 1), version=2, size=MOST_HEADER + 1),
    ],
    ids=["128 MB", "32 TB", "long header", "header a byte too long"],
)
def test_nothing_is_allocated_for_a_header(tmp_path: Path, kind: str, content: bytes) -> None:
    path = written(tmp_path, content, kind)
    tracemalloc.start()
    try:
        for read in (read_table, lambda path: list(batches(path))):
            with pytest.raises(ValueError, match=r"is not a whole \.np[yz]"):
                read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**23


@pytest.mark.parametrize("kind", ["npy", "npz", "npz archive"])
def test_good_files_are_read(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, array_bytes((1, 2), version=3), kind)
    assert read_table(path).rows.tolist() == [[1.0, 1.0]]


def test_an_archive_of_other_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("notes.txt", "these are no numbers")
    with pytest.raises(ValueError, match=r"x\.npz is not a whole \.npz archive of numbers"):
        read_table(tmp_path / "x.npz")


def test_a_whole_array_of_integers_is_not_rounded(tmp_path: Path) -> None:
    """Batches of the file were refused, and the whole table was rounded."""
    np.save(tmp_path / "x.npy", np.array([[1, 2**53 + 1]]))
    for read in (read_table, lambda path: list(batches(path))):
        with pytest.raises(ValueError, match="column 1 holds the integer 9007199254740993"):
            read(tmp_path / "x.npy")
