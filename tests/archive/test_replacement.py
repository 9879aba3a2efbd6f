"""Files that are replaced in one step: a crash leaves the old one whole."""

import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from fastgmm.archive.replacement import replace_file, replacing

OLD, NEW = b"old" * 1000, b"new" * 2000


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", [str, Path])
def test_the_bytes_are_written(kind: type, tmp_path: Path) -> None:
    for content in (OLD, b"", NEW):
        replace_file(kind(tmp_path / "model"), content)
        assert files(tmp_path) == {"model": content}


def test_a_file_without_a_folder_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    replace_file("model", NEW)
    assert files(tmp_path) == {"model": NEW}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    sentence = f"^{tmp_path / 'none'} is not a directory: create it before writing a file there$"
    with pytest.raises(FileNotFoundError, match=sentence):
        replace_file(tmp_path / "none" / "model", NEW)


class PowerCut(BaseException):
    """Not an Exception: like a KeyboardInterrupt, it may come at any moment."""


class HalfWritten:
    """A file that takes half of what is written and fails."""

    def __init__(self, file: Any, error: BaseException) -> None:
        self._file, self._error = file, error

    def write(self, content: bytes) -> None:
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        raise self._error

    def __enter__(self) -> "HalfWritten":
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()


class NeverFlushed(HalfWritten):
    """A file that takes all and has no room for it on the disk."""

    def write(self, content: bytes) -> None:
        self._file.write(content)

    def flush(self) -> None:
        raise self._error


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PowerCut()])
@pytest.mark.parametrize("step", ["fdopen", "write", "flush", "fsync", "chown", "chmod", "replace"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_failure_leaves_the_old_file(
    exists: bool,
    step: str,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if exists:
        replace_file(tmp_path / "model", OLD)
    before = files(tmp_path)

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    fdopen, stat_of = os.fdopen, os.stat
    if step == "chown" and not exists:
        pytest.skip("a new file has the owner of its process")
    if step == "chown":
        # The old file seems to belong to another one.
        def of_another(path: Any, **kwargs: Any) -> os.stat_result:
            found = stat_of(path, **kwargs)
            return os.stat_result((*found[:4], found[4] + 1, *found[5:]))

        monkeypatch.setattr(os, "stat", of_another)
        monkeypatch.setattr(Path, "stat", lambda self: stat_of(self))
    if step == "flush":
        monkeypatch.setattr(os, "fdopen", lambda *args: NeverFlushed(fdopen(*args), error))
    elif step == "write":
        monkeypatch.setattr(os, "fdopen", lambda *args: HalfWritten(fdopen(*args), error))
    else:
        monkeypatch.setattr(Path if step in ("chmod", "replace") else os, step, fail)
    with pytest.raises(type(error)):
        replace_file(tmp_path / "model", NEW)
    monkeypatch.undo()
    assert files(tmp_path) == before
    replace_file(tmp_path / "model", NEW)  # the next one works
    assert files(tmp_path) == {"model": NEW}


def test_nothing_is_renamed_before_it_is_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    seen: list[tuple[bool, int]] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        found = os.fstat(handle)
        if stat.S_ISREG(found.st_mode):
            seen.append((path.exists(), found.st_size))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    replace_file(path, NEW)
    assert seen == [(False, len(NEW))]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("umask", [0o027, 0o002, 0o077])
def test_permissions_are_those_of_any_new_file(umask: int, tmp_path: Path) -> None:
    old = os.umask(umask)
    try:
        replace_file(tmp_path / "model", NEW)
        (tmp_path / "plain").write_bytes(b"")
        assert os.umask(umask) == umask
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("model", "plain")]
    assert modes[0] == modes[1]


needs_posix = pytest.mark.skipif(os.name != "posix", reason="links, modes and pipes of POSIX")


@needs_posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o777])
def test_the_mode_of_an_old_file_is_kept(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(OLD)
    path.chmod(mode)
    replace_file(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert files(tmp_path) == {"model": NEW}


@needs_posix
@pytest.mark.parametrize("permitted", [True, False])
def test_the_owner_is_kept_where_files_may_be_given_away(
    permitted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, given = tmp_path / "model", []
    path.write_bytes(OLD)
    path.chmod(0o640)
    stat_of = os.stat

    def of_another(path: Any, **kwargs: Any) -> os.stat_result:
        found = stat_of(path, **kwargs)
        return os.stat_result((*found[:4], 1234, 5678, *found[6:]))

    def chown(path: Any, uid: int, gid: int) -> None:
        given.append((uid, gid))
        if not permitted:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "stat", lambda path: of_another(path))
    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(Path, "stat", lambda self: stat_of(self))
    replace_file(path, NEW)
    monkeypatch.undo()
    assert given == [(-1, 5678), (1234, -1)]
    assert files(tmp_path) == {"model": NEW}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@needs_posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_target_is_replaced(exists: bool, tmp_path: Path) -> None:
    """A link to a link, one of them relative and in another folder."""
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "target"
    if exists:
        target.write_bytes(OLD)
    (tmp_path / "inner").symlink_to(Path("folder") / "target")
    (tmp_path / "outer").symlink_to(tmp_path / "inner")
    replace_file(tmp_path / "outer", NEW)
    assert target.read_bytes() == NEW
    assert (tmp_path / "outer").is_symlink()
    assert (tmp_path / "inner").is_symlink()
    assert os.listdir(tmp_path / "folder") == ["target"]


@needs_posix
def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    with pytest.raises(OSError, match="symbolic links"):
        replace_file(tmp_path / "one", NEW)
    assert (tmp_path / "one").is_symlink()


@needs_posix
def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    path, got = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    replace_file(path, NEW)
    reader.join()
    assert got == [NEW]
    assert stat.S_ISFIFO(path.stat().st_mode)


@needs_posix
def test_a_device_is_written_to(tmp_path: Path) -> None:
    for path in (Path(os.devnull), tmp_path / "link"):
        if path != Path(os.devnull):
            path.symlink_to(os.devnull)
        replace_file(path, NEW)
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    assert (tmp_path / "link").is_symlink()


@needs_posix
def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder is a directory: name a file in it$"):
        replace_file(tmp_path / "folder", NEW)
    monkeypatch.chdir(tmp_path)  # the path of a socket has an end
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        with pytest.raises(OSError, match=r"^socket is no file, pipe or device: name another"):
            replace_file("socket", NEW)
    assert sorted(os.listdir(tmp_path)) == ["folder", "socket"]


def test_a_long_name_has_room_beside_it(tmp_path: Path) -> None:
    for name in ("x" * 250, "ü" * 120):
        replace_file(tmp_path / name, NEW)
        assert files(tmp_path).pop(name) == NEW


def test_a_file_that_is_lent_is_there_when_it_is_whole(tmp_path: Path) -> None:
    replace_file(tmp_path / "rows", OLD)
    with replacing(tmp_path / "rows") as file:
        for _ in range(2):
            file.write(b"new")
        assert (tmp_path / "rows").read_bytes() == OLD
        assert len(files(tmp_path)) == 2
    assert files(tmp_path) == {"rows": b"newnew"}


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_an_error_in_the_block_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    replace_file(tmp_path / "rows", OLD)
    block = replacing(tmp_path / "rows")
    block.__enter__().write(NEW)
    assert len(files(tmp_path)) == 2
    assert block.__exit__(type(error), error, None) is False
    assert files(tmp_path) == {"rows": OLD}


def test_errors_of_the_block_keep_the_names_of_their_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "rows"):
        (tmp_path / "missing").read_bytes()
    assert caught.value.filename == str(tmp_path / "missing")
