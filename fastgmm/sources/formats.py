"""What a file or a stream of bytes holds, by its name, its first bytes or by the user's word."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from fastgmm.limits.scalars import is_word, shown
from fastgmm.sources import remote
from fastgmm.sources.arrow import ArrowFileSource, ArrowStreamSource, ParquetSource
from fastgmm.sources.blocks import Source
from fastgmm.sources.compressed import COMPRESSED_ENDINGS, decompressed
from fastgmm.sources.csv import CsvSource
from fastgmm.sources.csv_text import CsvText
from fastgmm.sources.dialect import Dialect
from fastgmm.sources.memory import NpySource
from fastgmm.sources.npz import in_archive, npz_source
from fastgmm.sources.paths import existing_file
from fastgmm.sources.places import Place
from fastgmm.sources.streams import ByteStream

Format: TypeAlias = Literal["csv", "tsv", "npy", "npz", "parquet", "arrow", "arrows"]
"""A format is called by one of these words."""
FORMATS: tuple[str, ...] = get_args(Format)
"""The words that `format=` of `fastgmm.sources.batches` takes."""
FORMAT_OF_ENDING = {f".{name}": name for name in FORMATS} | {".pq": "parquet", ".feather": "arrow"}
"""The ending of a file's name stands for this format."""
DELIMITERS = {"csv": None, "tsv": "\t"}
"""Each format of text has this delimiter between its fields; None finds it out."""

ARROW_FILE, ARROW_STREAM = b"ARROW1", b"\xff\xff\xff\xff"
"""Arrow files begin with the first of these marks, Arrow streams with the second."""
MARKS = {
    ARROW_FILE: "arrow",
    b"PAR1": "parquet",
    b"\x93NUMPY": "npy",
    b"PK\x03\x04": "npz",
    ARROW_STREAM: "arrows",
}
"""What begins with these bytes has this format."""

NO_STREAMS = {
    "arrow": "An Arrow file",
    "npy": "A .npy file",
    "npz": "An .npz or other zip archive",
    "parquet": "Parquet",
}
"""These formats are read from several places, or their length must be known."""
FOUND = {
    "arrow": "an Arrow file; pass format='arrow'",
    "arrows": "an Arrow stream; pass format='arrows'",
    "npy": "a .npy array; pass format='npy'",
    "npz": "a zip archive, as .xlsx and .npz are; save its table as CSV, or unpack it",
    "parquet": "Parquet; pass format='parquet'",
}
"""What is said of a file whose name promises text."""


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
    if format is not None and not is_word(format, FORMATS):
        known = ", ".join(map(repr, FORMATS))
        raise ValueError(f"format must be one of {known}, got {shown(format)}.")


def stream_source(source: Any, format: str | None, dialect: Dialect) -> Source | None:
    """Make a source of a file object.

    Parameters
    ----------
    source : object
    format : str or None
        As for `fastgmm.sources.batches`.
    dialect : Dialect

    Returns
    -------
    Source or None
        None if `source` is no file object.

    Raises
    ------
    OSError, ValueError, ImportError
        As for `fastgmm.sources.batches`.
    TypeError
        If it is a file object that gives text.
    """
    if isinstance(source, io.TextIOBase):
        raise TypeError(
            "The source gives text; pass the file object of its bytes, for example "
            "sys.stdin.buffer, or open(path, 'rb')."
        )
    if not (hasattr(source, "read1") or hasattr(source, "readinto")):
        return None
    name = getattr(source, "name", None)
    where = name if isinstance(name, str) else "The stream"
    if where == "<stdin>":
        where = "Standard input"
    return _stream_source(where, ByteStream(source), format, dialect)


def file_source(path: Place, format: str | None, dialect: Dialect) -> Source:
    """Make a source of a file or a named pipe.

    Parameters
    ----------
    path : path or remote file
    format : str or None
        As for `fastgmm.sources.batches`.
    dialect : Dialect

    Returns
    -------
    Source

    Raises
    ------
    OSError, ValueError, ImportError
        As for `fastgmm.sources.batches`.
    """
    if isinstance(path, Path) and in_archive(path):
        refuse_dialect(path, "npz", dialect)
        return npz_source(path)
    name = path if isinstance(path, Path) else path.file_name
    packed = name.suffix.lower() in COMPRESSED_ENDINGS
    said = format is not None
    ending = (name.with_suffix("") if packed else name).suffix.lower()
    format = format or FORMAT_OF_ENDING.get(ending)
    if isinstance(path, Path) and path.exists() and not path.is_file() and not path.is_dir():
        file = open(path, "rb", buffering=0)  # noqa: SIM115 -- the stream closes it
        return _stream_source(str(path), ByteStream(file, owned=True), format, dialect)
    if format is None:
        known = ", ".join(FORMAT_OF_ENDING)
        raise ValueError(
            f"The name of {path} must end in one of {known}, to say what it holds; or pass format=."
        )
    if isinstance(path, Path):
        existing_file(path)
    if format in NO_STREAMS and packed:
        raise ValueError(
            f"{path} is compressed, and only CSV and Arrow streams are read so; unpack it first."
        )
    if format not in DELIMITERS:
        refuse_dialect(path, format, dialect)
        if not isinstance(path, Path):
            return remote.binary_source(path, format, ARROW_FILE)
        return _binary_source(path, format)
    if not isinstance(path, Path):
        with remote.stream_of(path) as stream:
            _refuse_binary(path, stream, said=said)
        return remote.text_source(path, _of_format(dialect, format))
    return _text_source(path, format, dialect, said=said)


def _binary_source(path: Path, format: str) -> Source:
    if format == "npy":
        return NpySource(path)
    if format == "npz":
        return npz_source(path)
    if format == "parquet":
        return ParquetSource(path)
    # Both kinds of Arrow files go by both endings.
    with _stream_of(path) as stream:
        whole = stream.starts_with(ARROW_FILE)
    if whole:
        return ArrowFileSource(path)
    return ArrowStreamSource(path, partial(_buffered_stream_of, path), again=True)


def _text_source(path: Path, format: str, dialect: Dialect, *, said: bool) -> Source:
    with open(path, "rb", buffering=0) as file:
        raw = ByteStream(file)
        stream = decompressed(path, raw)
        _refuse_binary(path, stream, said=said)
    plain = stream is raw and not dialect.edits_lines
    opened = partial(_csv_text, path, _of_format(dialect, format))
    return CsvSource(path, opened, again=True, plain=plain)


def _refuse_binary(path: Place, stream: ByteStream, *, said: bool) -> None:
    for mark, found in MARKS.items():
        if not said and stream.starts_with(mark):
            raise ValueError(f"{path} does not hold text but {FOUND[found]}.")


def _stream_source(where: str, stream: ByteStream, format: str | None, dialect: Dialect) -> Source:
    stream = decompressed(where, stream)
    if format is None:
        found = [name for mark, name in MARKS.items() if stream.starts_with(mark)]
        format = found[0] if found else "csv"
    if format in NO_STREAMS:
        raise ValueError(
            f"{NO_STREAMS[format]} cannot be read as it comes, as from {where}; save it to a file "
            "and pass its path."
        )
    if format == "arrows":
        refuse_dialect(where, format, dialect)
        buffered = io.BufferedReader(stream)
        return ArrowStreamSource(where, lambda: contextlib.nullcontext(buffered), again=False)
    text = CsvText(where, stream, _of_format(dialect, format), patient=False)
    return CsvSource(where, lambda: contextlib.nullcontext(text), again=False, plain=False)


def _of_format(dialect: Dialect, format: str) -> Dialect:
    delimiter = dialect.delimiter or DELIMITERS[format]
    return dataclasses.replace(dialect, delimiter=delimiter)


def refuse_dialect(where: Place | str, holds: str, dialect: Dialect) -> None:
    """Refuse what was said of text where there is none.

    Parameters
    ----------
    where : path or str
        What the error calls the source.
    holds : str
        What it holds instead.
    dialect : Dialect

    Raises
    ------
    ValueError
        If anything was said.
    """
    for name in dialect.given():
        value = getattr(dialect, name)
        raise ValueError(
            f"{where} holds no text but {holds}, of which "
            f"{name}={list(value) if isinstance(value, tuple) else value!r} says nothing; leave it "
            "out."
        )


@contextlib.contextmanager
def _stream_of(path: Path) -> Iterator[ByteStream]:
    with open(path, "rb", buffering=0) as file:
        yield decompressed(path, ByteStream(file))


@contextlib.contextmanager
def _buffered_stream_of(path: Path) -> Iterator[io.BufferedReader]:
    with _stream_of(path) as stream:
        yield io.BufferedReader(stream)


@contextlib.contextmanager
def _csv_text(path: Path, dialect: Dialect) -> Iterator[CsvText]:
    with _stream_of(path) as stream:
        yield CsvText(path, stream, dialect, patient=True)
