"""Compressed bytes as they come, and lines of text made ready for a reader of CSV."""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from pathlib import Path
from typing import Any

from fastgmm.sources.arrow import import_pyarrow, one_line
from fastgmm.sources.streams import READ_BYTES, ByteStream

COMPRESSED_ENDINGS = (".gz", ".bz2", ".zst")
"""The names of compressed files end so; their first bytes decide."""

GZIP, ZSTD, BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", re.compile(rb"BZh[1-9]1AY&SY")
"""Compressed bytes begin so. Three letters might be a name, so that bzip2 is known by ten bytes."""
BZIP2_BYTES = 10
"""The length of the mark of bzip2."""

LONGEST_LINE = 8 * 2**20
"""A line longer than this is passed on as it is, in parts; the reader of CSV refuses it."""


def decompressed(where: Path | str, stream: ByteStream) -> ByteStream:
    """Look through the compression of a stream, where it has one.

    Parameters
    ----------
    where : path or str
        What the errors call it.
    stream : ByteStream
        At its beginning.

    Returns
    -------
    ByteStream
        `stream` itself where it is not compressed.

    Raises
    ------
    ImportError
        If it is of Zstandard and pyarrow is not installed.
    """
    if stream.starts_with(GZIP):
        return ByteStream(_Decompressor(where, "gzip", gzip.GzipFile(fileobj=stream)))
    if stream.starts_with(ZSTD):
        pyarrow = import_pyarrow("Zstandard (.zst)")
        file = pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, mode="r"), "zstd")
        return ByteStream(_Decompressor(where, "Zstandard", file))
    if stream.starts_with(b"BZh") and BZIP2.match(stream.peek(BZIP2_BYTES)):
        return ByteStream(_Decompressor(where, "bzip2", bz2.BZ2File(stream)))
    return stream


class _Decompressor:
    """A file object whose errors of content are sentences."""

    def __init__(self, where: Path | str, kind: str, file: Any) -> None:
        self._where, self._kind, self._file = where, kind, file

    def read(self, size: int) -> bytes:
        """So many bytes, decompressed: read1 would give a few thousand at a time."""
        try:
            data: bytes = self._file.read(size)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(
                f"{self._where} is damaged or cut off: it does not hold whole {self._kind} data "
                f"({one_line(error)})."
            ) from error
        return data


class TidyLines:
    """A file object that takes comments out of lines, and makes one blank of many.

    A line stays a line, so that its number is that of the source.

    Parameters
    ----------
    stream : ByteStream
    comment : str or None
        What begins a comment that goes to the end of its line, outside of quotation marks.
    squeeze : bool
        Whether any number of blanks and tabs becomes one blank, and none around a line.
    """

    def __init__(self, stream: ByteStream, comment: str | None, squeeze: bool) -> None:
        self._stream, self._carry, self._ended = stream, b"", False
        self._mark = None if squeeze or comment is None else comment.encode()
        parts = [rb'"[^"\r\n]*"']
        if comment is not None:
            parts.append(rb"(?P<comment>" + re.escape(comment.encode()) + rb"[^\r\n]*)")
        if squeeze:
            end = rb"[\r\n]|\Z" + (b"" if comment is None else b"|" + re.escape(comment.encode()))
            parts += [rb"(?P<edge>(?m:^)[ \t]+|[ \t]+(?=" + end + rb"))", rb"(?P<blank>[ \t]+)"]
        self._pattern = re.compile(b"|".join(parts))

    def read1(self, size: int) -> bytes:
        """Whole lines as they have come; of an endless one, a part."""
        while not self._ended:
            piece = self._stream.some(READ_BYTES)
            self._ended = not piece
            text = self._carry + piece
            end = len(text) if self._ended else max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
            if not end and len(text) > LONGEST_LINE:
                end = len(text)
            self._carry = text[end:]
            whole = text[:end]
            if self._mark is None or self._mark in whole:
                whole = self._pattern.sub(self._tidy, whole)
            if whole:
                return whole
        return b""

    read = read1

    @staticmethod
    def _tidy(found: re.Match[bytes]) -> bytes:
        if found.lastgroup is None:
            return found.group()
        return b" " if found.lastgroup == "blank" else b""
