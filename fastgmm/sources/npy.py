"""The header of an array in NumPy's format, looked at before NumPy makes room for what it says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO

from numpy.lib import format as npy_format

MARK = b"\x93NUMPY"
"""Arrays in NumPy's format begin so."""
MOST_HEADER = 10_000
"""NumPy takes no longer header (`max_header_size` of `numpy.load`), but reads it first."""


def check_file(path: Path) -> None:
    """Refuse a file that is an array larger than itself, as `check_header`; others are let by."""
    with open(path, "rb") as file:
        if file.peek(len(MARK)).startswith(MARK):
            check_header(file, path.stat().st_size)


def check_header(file: IO[bytes], n_bytes: int) -> None:
    """Refuse an array that is larger than the bytes it is made from.

    Parameters
    ----------
    file : file object
        At the mark of an array; it has been read up to the numbers in the end.
    n_bytes : int
        The size of what the file holds.

    Raises
    ------
    ValueError
        If the header is longer than any, or the array than the file; and whatever NumPy says of a
        header that is no text of Python.
    """
    begin = file.tell()
    head = file.read(len(MARK) + 6)
    if not head.startswith(MARK):
        raise ValueError("it does not begin with the mark of a NumPy array")
    first = head[len(MARK) : len(MARK) + 1] == b"\x01"
    n_header = int.from_bytes(head[len(MARK) + 2 :][: 2 if first else 4], "little")
    if n_header > MOST_HEADER:
        raise ValueError(f"its header has {n_header} bytes, and none has more than {MOST_HEADER}")
    file.seek(begin)
    npy_format.read_magic(file)
    # Versions 2 and 3 differ in how the names of fields are written, which no numbers have.
    read = npy_format.read_array_header_1_0 if first else npy_format.read_array_header_2_0
    shape, _, dtype = read(file)
    size = math.prod(shape) * dtype.itemsize
    if size > n_bytes or any(one > n_bytes for one in shape):
        raise ValueError(f"an array of shape {shape} has {size} bytes, and the file {n_bytes}")
