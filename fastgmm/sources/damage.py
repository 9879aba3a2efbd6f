"""What NumPy and the modules that it reads with raise for a damaged file."""

from __future__ import annotations

import contextlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from fastgmm.sources.arrow import one_line

DAMAGE = (
    *(ValueError, TypeError, OverflowError, EOFError, OSError, KeyError, NotImplementedError),
    *(RuntimeError, SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""The header of an array is a text of Python, which NumPy parses, and an archive is any zip file:
each of these has been seen of files with a few wrong bytes."""


@contextlib.contextmanager
def refusing_damage(path: Path | str, trouble: str, *, because: bool = True) -> Iterator[None]:
    """Turn the errors of NumPy for a damaged file into one sentence.

    Parameters
    ----------
    path : path or str
    trouble : str
        The predicate of the sentence.
    because : bool, default=True
        Whether NumPy's own words follow it.

    Raises
    ------
    ValueError
        Instead of NumPy's own errors; those of the system that name a file stay.
    """
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        words = f" ({one_line(error)})" if because else ""
        raise ValueError(f"{path} {trouble}{words}.") from error
