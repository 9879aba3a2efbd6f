"""The files that a path, a folder or a pattern stands for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import TypeAlias

from fastgmm.sources.hive import is_partition
from fastgmm.sources.places import Place, is_url, remote_files

PathLike: TypeAlias = str | os.PathLike[str]
"""What names a file."""
SHOWN_KINDS = 4
"""An error about a folder of many kinds of files lists at most this many."""


def listed(source: object) -> list[Place] | None:
    """List the files that a source names.

    Parameters
    ----------
    source : object
        A path, a folder, a pattern such as ``"rows-*.csv"``, a URL of one of these, a list or
        tuple of these, or anything else.

    Returns
    -------
    list of path or remote file, or None
        The files of a folder or a pattern in the order of their names; a folder of folders such as
        ``year=2024`` stands for the files in all of these. None where `source` is none of these.

    Raises
    ------
    FileNotFoundError
        If no file fits a pattern, or a folder holds none.
    ValueError
        If the files of a folder are of several kinds.
    ImportError
        If fsspec, which opens URLs, is not installed.
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


def _of_one(source: PathLike) -> list[Place]:
    if isinstance(source, str) and is_url(source):
        remote, folder = remote_files(source)
        if folder is None:
            return list(remote)
        return _of_folder(source, [one for one in remote if _counts(one.parts_below(folder))])
    path = Path(source)
    if path.is_dir():
        return _of_folder(path, sorted(_files_in(path)))
    if not path.exists() and glob.has_magic(str(path)):
        found = sorted(Path(one) for one in glob.glob(str(path), recursive=True))
        files: list[Place] = [one for one in found if not one.is_dir()]
        if not files:
            raise FileNotFoundError(f"No file fits the pattern {path}.")
        return files
    return [path]


def _files_in(folder: Path) -> Iterator[Path]:
    """The files of a folder, and of the folders in it that stand for a value of a column."""
    for path in folder.iterdir():
        if path.is_file() and _counts((path.name,)):
            yield path
        elif is_partition(path.name) and path.is_dir():
            yield from _files_in(path)


def _counts(parts: Sequence[str]) -> bool:
    """Whether a file counts as data, by the names of the folders above it and its own."""
    # Hidden files, and those that writers of data sets leave beside the data, are not read.
    return all(map(is_partition, parts[:-1])) and parts[-1][0] not in "._"


def _of_folder(folder: Path | str, files: Sequence[Place]) -> list[Place]:
    if not files:
        raise FileNotFoundError(f"The folder {folder} holds no files to read.")
    kinds = _kinds(files)
    if len(kinds) > 1:
        shown = ", ".join(kinds[:SHOWN_KINDS]) + (", ..." if len(kinds) > SHOWN_KINDS else "")
        pattern = (
            f"{str(folder).rstrip('/')}{'/' if isinstance(folder, str) else os.sep}*{kinds[0]}"
        )
        raise ValueError(
            f"The folder {folder} holds files of several kinds ({shown}); name those to read, or "
            f"give a pattern such as {pattern}."
        )
    return list(files)


def _kinds(files: Iterable[Place]) -> Sequence[str]:
    names = (file if isinstance(file, Path) else file.file_name for file in files)
    return sorted({"".join(name.suffixes[-2:]) if _packed(name) else name.suffix for name in names})


def _packed(name: PurePath) -> bool:
    return name.suffix.lower() in (".gz", ".bz2", ".zst")
