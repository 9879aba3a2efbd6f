"""How much memory there is, and what is refused for want of it."""

from pathlib import Path

import numpy as np
import pytest

from fastgmm.errors import NotEnoughMemoryError
from fastgmm.limits import room
from fastgmm.limits.room import bytes_available, check_result, check_room, copying


def test_what_takes_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "bytes_available", lambda: 1 << 30)
    check_room(1 << 30, "This", "take less")
    with pytest.raises(NotEnoughMemoryError, match=r"^This takes some 2.1 GB .* 1.1 GB can be had"):
        check_room(1 << 31, "This", "take less")
    with pytest.raises(NotEnoughMemoryError, match=r"^A result of the shape"):
        check_result((1 << 28, 3), np.float64)


def test_small_things_ask_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "bytes_available", lambda: 0)
    check_room(room.SMALL - 1, "This", "take less")
    check_result((1000, 1000), np.float64)


def test_where_nothing_is_known_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "bytes_available", lambda: None)
    check_room(1 << 60, "This", "take less")


def test_a_copy_that_cannot_be_had_has_a_sentence() -> None:
    with pytest.raises(NotEnoughMemoryError, match=r"^A copy of X takes some"), copying([1], "X"):
        raise MemoryError
    with copying(np.ones(3), "X"):
        pass


def written(folder: Path, **files: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n", encoding="ascii")
    return folder


def test_what_this_machine_has() -> None:
    available = bytes_available()
    assert available is None or 0 <= available < 1 << 50


@pytest.mark.parametrize("place", ["/", "/pod/task"])
def test_control_groups_of_version_2(place: str, tmp_path: Path) -> None:
    """The own group has no limit, and one above it has."""
    names = ("memory.max", "memory.current")
    written(tmp_path / place.strip("/"), memory__max="max", memory__current=7)
    folder = written(tmp_path, memory__max=1000, memory__current=400)
    written(folder, memory__stat="anon 300\ninactive_file 50")
    assert list(room._left(str(tmp_path), place, names)) == [650]


def test_control_groups_of_version_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"memory__limit_in_bytes": 1 << 30, "memory__usage_in_bytes": 1 << 20}
    written(tmp_path / "memory" / "job", **names)
    written(tmp_path / "memory", memory__limit_in_bytes=(1 << 63) - 4096, memory__usage_in_bytes=9)
    monkeypatch.setattr(room, "CGROUPS", str(tmp_path))
    lines = ["12:cpu,cpuacct:/job", "5:memory:/job", "1:name=systemd:/init"]
    monkeypatch.setattr(room, "_lines", lambda path: lines if "self" in path else [])
    assert list(room._of_control_groups()) == [(1 << 30) - (1 << 20)]


def test_a_system_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_lines", lambda path: [])
    monkeypatch.setattr(room.os, "sysconf", lambda name: -1, raising=False)
    monkeypatch.setattr(room, "_of_process", lambda: iter(()))
    assert bytes_available() is None
