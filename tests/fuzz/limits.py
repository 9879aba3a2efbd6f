"""What no input may do: take long, take memory, or end in an error of another type."""

import sys
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

SPARE_MEMORY = 1 << 24
"""Reading a file may take twice its size and this much memory."""
LONGEST = 1.0
"""What is done with one input may take so many seconds of processor time."""


class Broken(AssertionError):
    """What must not come of any input."""


def arrow_peak() -> int:
    """The most bytes that pyarrow has held at once, which `tracemalloc` does not see."""
    pyarrow = sys.modules.get("pyarrow")
    return 0 if pyarrow is None else pyarrow.default_memory_pool().max_memory() or 0


@contextmanager
def memory(n_bytes: int) -> Iterator[None]:
    """Hold what reads so many bytes to twice as much memory, and some."""
    most, arrow = 2 * n_bytes + SPARE_MEMORY, arrow_peak()
    tracemalloc.start()
    try:
        yield
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    if (now := arrow_peak()) > arrow:
        peak += now
    if peak > most:
        raise Broken(f"reading {n_bytes} bytes took {peak} bytes of memory")


@contextmanager
def quickly() -> Iterator[None]:
    """Hold what is done with one input to a second; warnings are no errors here."""
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    if (took := time.process_time() - begin) > LONGEST:
        raise Broken(f"it took {took:.1f} seconds")
