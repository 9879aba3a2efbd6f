"""The bytes of a file that may be a container."""

import os

from fastgmm.archive.container import MAGIC


def content_of(path: "str | os.PathLike[str]") -> bytes:
    """All bytes of a file of ours; of another file, which may have no end, only the first few.

    Raises
    ------
    OSError
        When it cannot be read; it names the file.
    """
    try:
        with open(path, "rb") as file:
            begin = file.peek(len(MAGIC))[: len(MAGIC)]
            return file.read() if begin == MAGIC else begin
    except OSError as error:
        error.filename = os.fspath(path)  # `read` and `close` give no name
        raise
