"""How much memory there is, and what takes more than that: it is refused before it is allocated."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.errors import NotEnoughMemoryError, not_enough_memory_error

NUMBER = 8
"""Parameters, statistics and samples are float64, whatever the rows."""
SMALL = 1 << 28
"""What takes less than this, 256 MB, is not held against what there is: to ask takes time."""
CGROUPS = "/sys/fs/cgroup"
UNLIMITED = 1 << 60
"""A limit from here on is none: version 1 of cgroups writes the largest number that it knows."""


def check_room(n_bytes: int, what: str, remedy: str) -> None:
    """Refuse a result that is larger than the memory that can be had.

    Parameters
    ----------
    n_bytes : int
        What it takes at its peak.
    what : str
        It begins the sentence.
    remedy : str
        What takes less, without a full stop.

    Raises
    ------
    NotEnoughMemoryError
        Before anything is allocated.
    """
    if n_bytes < SMALL:
        return
    available = bytes_available()
    if available is not None and n_bytes > available:
        raise not_enough_memory_error(n_bytes, available, remedy, what)


def check_result(shape: tuple[int, ...], dtype: DTypeLike) -> None:
    """Refuse the result of many rows where it is larger than the memory that can be had.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype_like

    Raises
    ------
    NotEnoughMemoryError
        Before anything is allocated.
    """
    n_bytes = prod(shape) * np.dtype(dtype).itemsize
    check_room(n_bytes, f"A result of the shape {shape}", "pass fewer rows at a time")


@contextmanager
def copying(values: Any, what: str) -> Generator[None]:
    """While it lasts values are copied: where there is no memory, the error says what it was for.

    Parameters
    ----------
    values : object
        An array, or something else whose size is not known.
    what : str
        What the user calls them.

    Raises
    ------
    NotEnoughMemoryError
    """
    size = getattr(values, "size", 0)
    n_bytes = 8 * size if isinstance(size, int) else 0
    remedy = "pass fewer rows at a time, or contiguous rows of float32 or float64"
    if n_bytes >= SMALL:
        check_room(n_bytes, f"A copy of {what} as float64", remedy)
    try:
        yield
    except NotEnoughMemoryError:
        raise
    except MemoryError as error:
        available = bytes_available() or 0
        raise not_enough_memory_error(n_bytes, available, remedy, f"A copy of {what}") from error


def bytes_available() -> int | None:
    """The bytes that this process may still take: the least of all limits; None if none is known.

    It knows the limit of the address space, those of control groups on Linux, and what the system
    has free without swapping; where the system does not tell that, the size of physical memory.
    """
    limits = [*_of_process(), *_of_control_groups(), *_of_system()]
    return max(0, min(limits)) if limits else None


def _of_process() -> Iterator[int]:
    """What RLIMIT_AS leaves, where there are such limits."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        yield limit - _address_space()


def _address_space() -> int:
    """The bytes of addresses that the process has; 0 where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return int(_read("/proc/self/statm").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _of_control_groups() -> Iterator[int]:
    """What is left to each control group that the process is in, of both versions of them."""
    for line in _lines("/proc/self/cgroup"):
        number, controllers, place = [*line.split(":", 2), "", ""][:3]
        if number == "0":
            yield from _left(f"{CGROUPS}", place, ("memory.max", "memory.current"))
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
            yield from _left(f"{CGROUPS}/memory", place, names)


def _left(root: str, place: str, names: tuple[str, str]) -> Iterator[int]:
    """What is left to a group and to all above it; in a container, its own group is the root."""
    folders = [one for one in place.split("/") if one]
    for n in range(len(folders), -1, -1):
        group = "/".join([root, *folders[:n]])
        with suppress(OSError, ValueError):  # no such file, or "max"
            limit, used = (int(_read(f"{group}/{name}")) for name in names)
            if limit < UNLIMITED:
                yield limit - used + _file_pages(group)


def _file_pages(group: str) -> int:
    """The bytes of files that a group holds and can give back."""
    for line in _lines(f"{group}/memory.stat"):
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _of_system() -> Iterator[int]:
    """What the machine has free, or has at all."""
    for line in _lines("/proc/meminfo"):
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            yield 1024 * int(value.split()[0])
            return
    with suppress(OSError, ValueError, AttributeError):
        pages = os.sysconf("SC_PHYS_PAGES")
        if pages > 0:
            yield pages * os.sysconf("SC_PAGE_SIZE")


def _lines(path: str) -> list[str]:
    """The lines of a file of the system; none where there is no such file."""
    with suppress(OSError):
        return _read(path).splitlines()
    return []


def _read(path: str) -> str:
    # pathlib would take 4 ms of the import.
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
