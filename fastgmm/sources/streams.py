"""Bytes as they come out of pipes, sockets and files."""

import io
from collections.abc import Callable
from typing import Any

READ_BYTES = 2**20
"""A stream asks for this much at a time; a pipe gives what it has, 64 KiB at most on Linux."""


class ByteStream(io.RawIOBase):
    """A binary file object whose first bytes can be seen, and which waits for one byte at most.

    Parameters
    ----------
    file : file object
    owned : bool, default=False
        Whether to close it at its end.
    """

    def __init__(self, file: Any, *, owned: bool = False) -> None:
        self._file, self._owned, self._ended = file, owned, False
        # read() of a buffered object waits until all has come; that of a raw one does not.
        self._read: Callable[[int], bytes | None] = getattr(file, "read1", file.read)
        self._kept = b""

    def starts_with(self, mark: bytes) -> bool:
        """Whether the stream begins so; waits for no byte behind the first that differs."""
        while len(self._kept) < len(mark) and mark.startswith(self._kept):
            piece = self._fetch(READ_BYTES)
            if not piece:
                break
            self._kept += piece
        return self._kept.startswith(mark)

    def peek(self, n_bytes: int) -> bytes:
        """The first bytes, which stay in the stream; waits until so many have come, or its end."""
        while len(self._kept) < n_bytes:
            piece = self._fetch(READ_BYTES)
            if not piece:
                break
            self._kept += piece
        return self._kept[:n_bytes]

    def some(self, most: int | None = None) -> bytes:
        """What has come, at most so many bytes; none only at the end."""
        most = READ_BYTES if most is None else most
        if not self._kept:
            return self._fetch(most)
        piece, self._kept = self._kept[:most], self._kept[most:]
        return piece

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what has come, for `io.BufferedReader` and with it pyarrow."""
        piece = self.some(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def readable(self) -> bool:
        """True: it can be read."""
        return True

    def _fetch(self, most: int) -> bytes:
        # A terminal can give more behind its end, so the end is asked for once.
        piece = b"" if self._ended else self._read(most)
        if piece is None:
            raise BlockingIOError("The source does not wait for data; make it blocking.")
        if not piece:
            self._ended = True
            if self._owned:
                self._file.close()
        return piece
