"""What the command says and writes: results, notes, warnings and errors."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import IO

from fastgmm.archive.replacement import replacing
from fastgmm.cli.usage import UsageError
from fastgmm.cli.words import in_options
from fastgmm.errors import InvalidParameterError

STANDARD_OUTPUT = "standard output"
"""What errors call it."""


def say(text: str) -> None:
    """Write one line for the user to standard error.

    Parameters
    ----------
    text : str
        What follows ``fastgmm:``.
    """
    if sys.stderr is not None:  # print would turn to standard output
        print(f"fastgmm: {text}", file=sys.stderr, flush=True)


def sentence(error: BaseException) -> str:
    """What went wrong, in one line.

    Parameters
    ----------
    error : BaseException
        What the operating system, the library or the reader of a file has raised.

    Returns
    -------
    str
        The error's own words, on one line and in those of the command; those of the system begin
        with the file.
    """
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return _one_line(error) or type(error).__name__


def _one_line(message: object) -> str:
    return in_options(" ".join(str(message).split()))


@contextlib.contextmanager
def about(name: str) -> Iterator[None]:
    """Let errors name the data that they are about, where they do not.

    Parameters
    ----------
    name : str
        What the errors call the data.
    """
    try:
        yield
    except ValueError as error:
        if isinstance(error, (InvalidParameterError, UsageError)) or name in str(error):
            raise
        raise ValueError(f"{name}: {error}") from error


@contextlib.contextmanager
def naming(place: str) -> Iterator[None]:
    """Let errors of the system name what was written to, where they do not.

    Parameters
    ----------
    place : str
        A path, or what errors call the stream.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, place) from error


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Print names and values, the values under each other.

    Parameters
    ----------
    pairs : mapping of str to str
        Each name with the text of its value; at least one.
    """
    width = max(map(len, pairs))
    for name, value in pairs.items():
        print(f"{name:<{width}}  {value}")


@contextlib.contextmanager
def warnings_in_one_line() -> Iterator[list[warnings.WarningMessage]]:
    """Collect warnings and say each once at the end, without the line of code.

    Yields
    ------
    list of WarningMessage
        Those that there are by now.
    """
    with warnings.catch_warnings(record=True) as caught:
        try:
            yield caught
        finally:
            for line in dict.fromkeys(_one_line(one.message) for one in caught):
                say(f"warning: {line}")


def written_whole(path: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    """Open a file that is there when all is written, as models are; a pipe or device as it is."""
    if path.startswith(("/dev/", "/proc/")):
        # What stands behind /dev/stdout may be a file, and is written to from where it is.
        return open(path, "wb")
    return replacing(path)


@contextlib.contextmanager
def open_results(path: str | None, *, comes: bool = False) -> Iterator[IO[str]]:
    """Open a file for results, or lend standard output.

    Parameters
    ----------
    path : str or None
        None is standard output.
    comes : bool, default=False
        Whether the file is there from the beginning, and not when all is written.

    Yields
    ------
    text stream
    """
    if path is None:
        if sys.stdout is None:
            raise ValueError(f"{STANDARD_OUTPUT} is closed.")
        with naming(STANDARD_OUTPUT):
            yield sys.stdout
            sys.stdout.flush()
    else:
        with naming(path), open(path, "wb") if comes else written_whole(path) as file:
            stream = io.TextIOWrapper(file, encoding="utf-8", newline="")
            yield stream
            stream.detach()  # which flushes it; the file is closed by whoever has opened it


def abandon_output() -> None:
    """Send what is left of standard output nowhere, after its reader has gone.

    Python flushes the stream once more at exit and would complain about the closed pipe then.
    """
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def abandon_full_output() -> None:
    """Write what is left of standard output after an error, or send it nowhere if it cannot."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        abandon_output()
