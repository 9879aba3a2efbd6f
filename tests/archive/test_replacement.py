"""Files that are replaced in one step: a crash leaves the old one whole."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fastgmm.archive.replacement import replace_file

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


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PowerCut()])
@pytest.mark.parametrize("step", ["fdopen", "write", "fsync", "chmod", "replace"])
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

    fdopen = os.fdopen
    if step == "write":
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
