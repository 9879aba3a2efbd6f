"""Where files lie: on this machine, or behind a URL that fsspec opens."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeAlias

from fastgmm.errors import missing_package_error
from fastgmm.values import dataclass

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::[^:]+)*://|[A-Za-z][A-Za-z0-9+.-]+::")
"""A URL begins so; the one letter of a drive of Windows does not count."""


@dataclass(frozen=True)
class Remote:
    """A file behind a URL.

    Attributes
    ----------
    url : str
        What errors call it.
    system : object
        The file system of fsspec.
    path : str
        What the file system calls it.
    """

    url: str
    system: Any
    path: str

    def __str__(self) -> str:
        """The URL."""
        return self.url

    @property
    def file_name(self) -> PurePosixPath:
        """The last part of its path, without what a query of HTTP adds."""
        return PurePosixPath(self.path.partition("?")[0].rpartition("/")[2])

    def parts_below(self, folder: str) -> list[str]:
        """The names of the folders between another one and the file, and its own."""
        return self.path[len(folder.rstrip("/")) :].strip("/").split("/")

    def open(self) -> IO[bytes]:
        """Open it for reading.

        Raises
        ------
        FileNotFoundError
            If there is none; other errors are those of the file system.
        """
        file: IO[bytes] = self.system.open(self.path, "rb")
        return file


Place: TypeAlias = Path | Remote
"""Where a file lies."""


def is_url(name: object) -> bool:
    """Whether a name is that of a file behind a URL.

    Examples
    --------
    >>> is_url("s3://bucket/rows.parquet"), is_url("C:/rows.csv"), is_url("rows.csv")
    (True, False, False)
    """
    return isinstance(name, str) and URL.match(name) is not None


def remote_files(url: str) -> tuple[list[Remote], str | None]:
    """List the files that a URL names.

    Parameters
    ----------
    url : str
        Of a file, of a folder, or a pattern such as ``"s3://bucket/rows-*.parquet"``.

    Returns
    -------
    files : list of Remote
        Those of a folder or a pattern are in the order of their names.
    folder : str or None
        What the file system calls the folder that the URL names, of which all files are listed,
        those of the folders in it included.

    Raises
    ------
    ImportError
        If fsspec, or the package for this kind of URL, is not installed.
    FileNotFoundError
        If there is nothing.
    """
    system, path = _system_of(url)
    if glob.has_magic(path) and not system.exists(path):
        found = sorted(one for one in system.glob(path) if not system.isdir(one))
        if not found:
            raise FileNotFoundError(f"No file fits the pattern {url}.")
        return _named(system, found), None
    if system.isdir(path):
        return _named(system, sorted(system.find(path))), path
    if not system.exists(path):
        raise FileNotFoundError(f"There is no file {url}.")
    return [Remote(url, system, path)], None


def _named(system: Any, paths: Sequence[str]) -> list[Remote]:
    return [Remote(str(system.unstrip_protocol(path)), system, path) for path in paths]


def _system_of(url: str) -> tuple[Any, str]:
    try:
        # fsspec belongs to an extra, and nothing but URLs needs it.
        import fsspec
    except ImportError as error:
        raise missing_package_error(f"Reading {url} needs", "fsspec", "fsspec") from error
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ImportError(f"Reading {url} needs one more package ({said}).") from error
    except ValueError as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"{url} cannot be opened ({said}).") from error
    return system, str(path)
