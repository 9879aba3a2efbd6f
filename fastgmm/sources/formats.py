"""What a file or a stream of bytes holds, by its name, its first bytes or by the user's word."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from fastgmm.sources.arrow import ArrowFileSource, ArrowStreamSource, ParquetSource
from fastgmm.sources.blocks import Source
from fastgmm.sources.csv import CsvSource
from fastgmm.sources.csv_text import CsvText
from fastgmm.sources.memory import NpySource
from fastgmm.sources.streams import ByteStream

Format: TypeAlias = Literal["csv", "tsv", "npy", "parquet", "arrow", "arrows"]
"""A format is called by one of these words."""
FORMATS: tuple[str, ...] = get_args(Format)
"""The words that `format=` of `fastgmm.sources.batches` takes."""
FORMAT_OF_ENDING = {f".{name}": name for name in FORMATS} | {".pq": "parquet", ".feather": "arrow"}
"""The ending of a file's name stands for this format."""
DELIMITERS = {"csv": ",", "tsv": "\t"}
"""Each format of text has this delimiter between its fields."""

ARROW_FILE, ARROW_STREAM = b"ARROW1", b"\xff\xff\xff\xff"
"""Arrow files begin with the first of these marks, Arrow streams with the second."""
MARKS = {ARROW_FILE: "arrow", b"PAR1": "parquet", b"\x93NUMPY": "npy", ARROW_STREAM: "arrows"}
"""What begins with these bytes has this format."""

NO_STREAMS = {"arrow": "An Arrow file", "npy": "A .npy file", "parquet": "Parquet"}
"""These formats are read from several places, or their length must be known."""


def check_format(format: str | None) -> None:
    """Refuse an unknown format.

    Parameters
    ----------
    format : str or None

    Raises
    ------
    ValueError
        If it is neither None nor one of `FORMATS`.
    """
    if format is not None and format not in FORMATS:
        known = ", ".join(map(repr, FORMATS))
        raise ValueError(f"format must be one of {known}, got {format!r}.")


def source_of_bytes(source: Any, format: str | None, header: bool | None) -> Source | None:
    """Make a source of a path or a file object.

    Parameters
    ----------
    source : object
    format, header
        As for `fastgmm.sources.batches`.

    Returns
    -------
    Source or None
        None if `source` is neither.

    Raises
    ------
    OSError, ValueError, ImportError
        As for `fastgmm.sources.batches`.
    TypeError
        If it is a file object that gives text.
    """
    if isinstance(source, str | os.PathLike):
        return file_source(Path(source), format, header)
    if isinstance(source, io.TextIOBase):
        raise TypeError(
            "The source gives text; pass the file object of its bytes, for example "
            "sys.stdin.buffer, or open(path, 'rb')."
        )
    if not (hasattr(source, "read1") or hasattr(source, "readinto")):
        return None
    name = getattr(source, "name", None)
    where = name if isinstance(name, str) else "The stream"
    return _stream_source(where, ByteStream(source), format, header)


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Find out early that there is no file to read.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no file there.
    ValueError
        If it is empty.
    """
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder, not a file.")
    if not file.exists():
        raise FileNotFoundError(f"There is no file {file}.")
    if file.is_file() and file.stat().st_size == 0:
        raise ValueError(f"{file} is empty.")
    return file


def file_source(path: Path, format: str | None, header: bool | None) -> Source:
    """Make a source of a file or a named pipe.

    Parameters
    ----------
    path : path
    format, header
        As for `fastgmm.sources.batches`.

    Returns
    -------
    Source

    Raises
    ------
    OSError, ValueError, ImportError
        As for `fastgmm.sources.batches`.
    """
    format = format or FORMAT_OF_ENDING.get(path.suffix.lower())
    if path.exists() and not path.is_file() and not path.is_dir():
        file = open(path, "rb", buffering=0)  # noqa: SIM115 -- the stream closes it
        return _stream_source(str(path), ByteStream(file, owned=True), format, header)
    if format is None:
        known = ", ".join(FORMAT_OF_ENDING)
        raise ValueError(
            f"The name of {path} must end in one of {known}, to say what it holds; or pass format=."
        )
    existing_file(path)
    if format == "npy":
        return NpySource(path)
    if format == "parquet":
        return ParquetSource(path)
    if format in DELIMITERS:
        delimiter = DELIMITERS[format]
        opened = partial(_csv_text, path, delimiter, header)
        return CsvSource(path, opened, delimiter, again=True)
    # Both kinds of Arrow files go by both endings.
    with _stream_of(path) as stream:
        whole = stream.starts_with(ARROW_FILE)
    if whole:
        return ArrowFileSource(path)
    return ArrowStreamSource(path, partial(_buffered_stream_of, path), again=True)


def _stream_source(
    where: str, stream: ByteStream, format: str | None, header: bool | None
) -> Source:
    if format is None:
        found = [name for mark, name in MARKS.items() if stream.starts_with(mark)]
        format = found[0] if found else "csv"
    if format in NO_STREAMS:
        raise ValueError(
            f"{NO_STREAMS[format]} cannot be read as it comes, as from {where}; save it to a file "
            "and pass its path."
        )
    if format == "arrows":
        buffered = io.BufferedReader(stream)
        return ArrowStreamSource(where, lambda: contextlib.nullcontext(buffered), again=False)
    delimiter = DELIMITERS[format]
    text = CsvText(where, stream, delimiter, header)
    return CsvSource(where, lambda: contextlib.nullcontext(text), delimiter, again=False)


@contextlib.contextmanager
def _stream_of(path: Path) -> Iterator[ByteStream]:
    with open(path, "rb", buffering=0) as file:
        yield ByteStream(file)


@contextlib.contextmanager
def _buffered_stream_of(path: Path) -> Iterator[io.BufferedReader]:
    with _stream_of(path) as stream:
        yield io.BufferedReader(stream)


@contextlib.contextmanager
def _csv_text(path: Path, delimiter: str, header: bool | None) -> Iterator[CsvText]:
    with _stream_of(path) as stream:
        yield CsvText(path, stream, delimiter, header)
