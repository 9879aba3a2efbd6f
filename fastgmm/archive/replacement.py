"""Files that are replaced in one step, so that a crash leaves the old one whole."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fastgmm.limits.scalars import as_path

NAME_LENGTH = 40
"""The file beside the old one begins with so many characters of its name: names have an end."""


def replace_file(path: "str | os.PathLike[str]", content: bytes) -> None:
    """Replace the file at `path` by one with this content, as `replacing` does.

    Raises
    ------
    IsADirectoryError, FileNotFoundError, OSError
        When there can be no file; what was at `path` is as it was, and nothing is left beside it.
        Errors of the system name `path`.  Where only the folder cannot be flushed, the new file is
        there.
    """
    with _naming(as_path(path, "path")), replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: "str | os.PathLike[str]") -> Iterator[IO[bytes]]:
    """Lend a file beside the one at `path`, which takes its place when all is written.

    It is flushed to disk and renamed.  In the end the folder is flushed, too: a rename that is in
    memory only is lost with the power.  A symbolic link stays, and what it points to is replaced.
    The new file has the mode of the old one, and its owner where this process may give files away;
    other hard links keep the old content.  A pipe or a device stays what it is: it is lent itself.

    Yields
    ------
    binary file object

    Raises
    ------
    IsADirectoryError, FileNotFoundError, OSError
        As for `replace_file`; after any error in the block the new file is removed.
    """
    path = as_path(path, "path")
    try:
        old = os.stat(path)
    except FileNotFoundError:
        old = None
    if old is not None and not stat.S_ISREG(old.st_mode):
        with _stream(path, old.st_mode) as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    # The name is known before there is a file, so that whatever happens in between removes it.
    temporary = target.parent / f"{target.name[:NAME_LENGTH]}{os.urandom(8).hex()}.part"
    try:
        with _naming(path):
            handle = _new(temporary)
            written = os.fdopen(handle, "wb")
        with written as file:
            yield file
            with _naming(path):
                file.flush()
                os.fsync(file.fileno())
        with _naming(path):
            _take_over(temporary, old)
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with _naming(path):
        _flush_folder(target.parent)


@contextmanager
def _naming(path: "str | os.PathLike[str]") -> Iterator[None]:
    """Users know the file by this name, and `fsync` and `write` give none."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename, error.filename2 = path, None
        raise


def _flush_folder(folder: Path) -> None:
    """Flush the names of a folder to the disk, where a folder is something that can be opened."""
    if os.name != "posix":
        return  # Windows opens no folders; NTFS keeps a journal of names
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # one may write into a folder that one may not read
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems of networks cannot flush folders, and say so.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _stream(path: "str | os.PathLike[str]", mode: int) -> IO[bytes]:
    """Open what is no regular file and cannot be replaced by one."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a directory: name a file in it")
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
        raise OSError(f"{path} is no file, pipe or device: name another place")
    return open(path, "wb")


def _new(path: Path) -> int:
    """Create a file that nobody else can read as long as it is not whole."""
    new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, new, 0o600)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path.parent} is not a directory: create it before writing a file there"
        ) from None


def _take_over(temporary: Path, old: os.stat_result | None) -> None:
    """Give the file the owner and the mode of the old one, or those of any new file."""
    if old is None:
        umask = os.umask(0)
        os.umask(umask)
        # The file is private so far, and a model is to be as readable as any other file.
        temporary.chmod(0o666 & ~umask)
        return
    new = temporary.stat()
    if hasattr(os, "chown") and (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):  # one may hand files to the groups that one belongs to
            os.chown(temporary, -1, old.st_gid)
        with suppress(PermissionError):  # only few may give files away
            os.chown(temporary, old.st_uid, -1)
    # The owner comes first: with it the system takes away some bits of the mode.
    temporary.chmod(stat.S_IMODE(old.st_mode))
