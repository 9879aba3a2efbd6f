"""The files that a path, a folder or a pattern stands for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

PathLike: TypeAlias = str | os.PathLike[str]
"""What names a file."""
SHOWN_KINDS = 4
"""An error about a folder of many kinds of files lists at most this many."""


def listed(source: object) -> list[Path] | None:
    """List the files that a source names.

    Parameters
    ----------
    source : object
        A path, a folder, a pattern such as ``"rows-*.csv"``, a list or tuple of these, or
        anything else.

    Returns
    -------
    list of path, or None
        The files of a folder or a pattern in the order of their names. None where `source` is none
        of these.

    Raises
    ------
    FileNotFoundError
        If no file fits a pattern, or a folder holds none.
    ValueError
        If the files of a folder are of several kinds.
    """
    if isinstance(source, str | os.PathLike):
        return _of_one(source)
    if not isinstance(source, list | tuple) or not source:
        return None
    if not all(isinstance(one, str | os.PathLike) for one in source):
        return None
    return [path for one in source for path in _of_one(one)]


def existing_file(path: PathLike) -> Path:
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


def _of_one(source: PathLike) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        return _of_folder(path)
    if not path.exists() and glob.has_magic(str(path)):
        found = sorted(Path(one) for one in glob.glob(str(path), recursive=True))
        files = [one for one in found if not one.is_dir()]
        if not files:
            raise FileNotFoundError(f"No file fits the pattern {path}.")
        return files
    return [path]


def _of_folder(folder: Path) -> list[Path]:
    # Hidden files, and those that writers of data sets leave beside the data, are not read.
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] not in "._")
    if not files:
        raise FileNotFoundError(f"The folder {folder} holds no files to read.")
    kinds = _kinds(files)
    if len(kinds) > 1:
        shown = ", ".join(kinds[:SHOWN_KINDS]) + (", ..." if len(kinds) > SHOWN_KINDS else "")
        raise ValueError(
            f"The folder {folder} holds files of several kinds ({shown}); name those to read, or "
            f"give a pattern such as {folder / ('*' + kinds[0])}."
        )
    return files


def _kinds(files: Iterable[Path]) -> Sequence[str]:
    return sorted({"".join(path.suffixes[-2:]) if _packed(path) else path.suffix for path in files})


def _packed(path: Path) -> bool:
    return path.suffix.lower() in (".gz", ".bz2", ".zst")
