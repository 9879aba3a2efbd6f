"""Archives of arrays, ``.npz``: one array of rows, one that the path names, or columns."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.sources.damage import refusing_damage
from fastgmm.sources.memory import ArraySource
from fastgmm.sources.npy import check_file, check_header
from fastgmm.sources.paths import existing_file

MOST_SHRUNK = 1032
"""Deflate makes of so many bytes one at best (zlib's technical details), and NumPy has no other
packing."""


def in_archive(path: Path) -> bool:
    """Whether a path leads to an array in an archive, as in ``rows.npz/X``."""
    return path.parent.suffix.lower() == ".npz" and path.parent.is_file()


def npz_source(path: Path) -> ArraySource:
    """Read rows that `numpy.savez` wrote.

    Parameters
    ----------
    path : path
        The archive, or an array in it: ``rows.npz/X``.

    Returns
    -------
    ArraySource
        In memory. Several arrays of one dimension and one length are columns with names.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such archive or array, it is damaged, or there are several arrays of rows.
    """
    archive, name = (path.parent, path.name) if in_archive(path) else (path, None)
    existing_file(archive)
    arrays = _arrays_of(archive, name)
    if not arrays:
        raise ValueError(f"{archive} is empty.")
    return _source_of(path, archive, arrays)


def _arrays_of(archive: Path, name: str | None) -> dict[str, NDArray[Any]]:
    """All arrays of an archive, or the one of a name."""
    with refusing_damage(archive, "is not a whole .npz archive of numbers"):
        check_file(archive)
        file = np.load(archive, allow_pickle=False)
        if isinstance(file, np.ndarray):
            return {archive.stem: file}
        with file:
            if name is None or name in file.files:
                chosen = [one for one in file.files if name in (None, one)]
                _check_sizes(archive, chosen)
                return {one: file[one] for one in chosen}
            known = ", ".join(map(repr, file.files))
    raise ValueError(f"{archive} has no array {name!r}; it has {known}.")


def _check_sizes(archive: Path, names: list[str]) -> None:
    """Refuse arrays that are larger than what their part of the archive can hold."""
    most = archive.stat().st_size
    with zipfile.ZipFile(archive) as parts:
        known = set(parts.namelist())
        for name in names:
            info = parts.getinfo(f"{name}.npy" if f"{name}.npy" in known else name)
            shrunk = min(info.compress_size, most) * MOST_SHRUNK
            with parts.open(info) as part:
                check_header(part, min(info.file_size, shrunk))


def _source_of(path: Path, archive: Path, arrays: dict[str, NDArray[Any]]) -> ArraySource:
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise ValueError(
                f"{archive}, array {name!r}: it holds values of type {array.dtype}, not integers "
                "or floats."
            )
    if len(arrays) > 1:
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) > 1 or len(next(iter(shapes))) != 1:
            shown = ", ".join(f"{name!r} of shape {one.shape}" for name, one in arrays.items())
            raise ValueError(
                f"{archive} holds several arrays ({shown}); name the one with the rows, as in "
                f"{archive / next(iter(arrays))}."
            )
        return ArraySource(path, np.column_stack(list(arrays.values())), tuple(arrays))
    ((name, array),) = arrays.items()
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(
            f"{archive}, array {name!r}: it has the shape {array.shape}, not one of rows and "
            "columns."
        )
    source = ArraySource(path, array)
    source.nothing = f"is empty: its shape is {array.shape}."
    return source
