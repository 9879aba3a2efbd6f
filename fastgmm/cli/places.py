"""Where a command writes: places that exist, and that it does not read at the same time."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fastgmm.cli.terminal import STANDARD_OUTPUT
from fastgmm.cli.usage import UsageError

OUTPUTS = {
    "output": "--output",
    "plot": "--plot",
    "table": "--table",
    "checkpoint": "--checkpoint",
}
"""The arguments that name a file to write, and their options."""


def check_places(
    arguments: argparse.Namespace, inputs: Iterable[Path], *, written: Path | None = None
) -> None:
    """Find out before the work, not after it, that its results cannot be written.

    Parameters
    ----------
    arguments : Namespace
        Those of the command.
    inputs : iterable of path
        The files that it reads; standard input is looked at where it is read.
    written : path, optional
        A model that the command writes back, besides what its options say.

    Raises
    ------
    FileNotFoundError
        If there is no folder for a file to write.
    IsADirectoryError
        If there is a folder in its place.
    ValueError
        If the file is one that is read, or two are the same, by whatever name or link; or the name
        of a picture has no ending of a kind.
    """
    places = {option: getattr(arguments, name, None) for name, option in OUTPUTS.items()}
    named = [(option, Path(path)) for option, path in places.items() if path not in (None, "-")]
    if written is not None:
        named.append(("the model", written))
    for _, path in named:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {path.parent} to write {path} to.")
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder, not a name for a file.")
    _check_apart(named, _read(arguments, inputs))
    if places["--plot"] is not None:
        # Only a picture takes the time of this import.
        from fastgmm.plot import check_picture_name

        try:
            check_picture_name(places["--plot"])
        except ValueError as error:
            raise UsageError(str(error)) from error


def _check_apart(named: list[tuple[str, Path]], read: dict[tuple[int, int], str]) -> None:
    for option, path in named:
        found = read.get(_identity(path) or (0, 0))
        if found is not None:
            raise UsageError(
                f"{option} would write over {found}, which is read; name another file."
            )
    found = read.get(_identity(sys.stdout) or (0, 0))
    if found is not None:
        raise UsageError(f"{STANDARD_OUTPUT} would write over {found}, which is read.")
    for i, (option, path) in enumerate(named):
        for other, second in named[:i]:
            known = _identity(path)
            if path.resolve() == second.resolve() or (known and known == _identity(second)):
                raise UsageError(f"{other} and {option} name the same file, {path}.")


def _read(arguments: argparse.Namespace, inputs: Iterable[Path]) -> dict[tuple[int, int], str]:
    """What is read, by the identity of each regular file."""

    def all_read() -> Iterator[tuple[object, str]]:
        for path in inputs:
            # An array in an archive goes by the archive's name and its own.
            yield (path if path.exists() else path.parent), str(path)
        if getattr(arguments, "data", None) == ["-"]:
            yield sys.stdin, "standard input"

    found = ((_identity(where), name) for where, name in all_read())
    return {identity: name for identity, name in found if identity is not None}


def _identity(where: object) -> tuple[int, int] | None:
    """What two names of one regular file have in common; None where there is none."""
    try:
        found = os.stat(where) if isinstance(where, Path) else os.fstat(where.fileno())  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
