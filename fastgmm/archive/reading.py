"""The bytes of a file that may be a container."""

import os

from fastgmm.archive.container import MAGIC
from fastgmm.errors import not_enough_memory_error
from fastgmm.limits.room import bytes_available
from fastgmm.limits.scalars import as_path


def content_of(path: "str | os.PathLike[str]") -> bytes:
    """All bytes of a file of ours; of another file, which may have no end, only the first few.

    Raises
    ------
    OSError
        When it cannot be read; it names the file.
    """
    path = as_path(path, "path")
    try:
        with open(path, "rb") as file:
            begin = file.peek(len(MAGIC))[: len(MAGIC)]
            return file.read() if begin == MAGIC else begin
    except MemoryError as error:
        size = os.path.getsize(path)
        available = bytes_available() or 0
        remedy = "a process with more memory can read it"
        raise not_enough_memory_error(size, available, remedy, f"The file {path}") from error
    except OSError as error:
        error.filename = path  # `read` and `close` give no name
        raise
