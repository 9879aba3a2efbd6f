"""The bytes of a file: all of ours, the beginning of others, and errors that name it."""

from pathlib import Path

import pytest

from fastgmm.archive.container import MAGIC
from fastgmm.archive.reading import content_of


def test_files_of_ours_are_read_whole(tmp_path: Path) -> None:
    content = MAGIC + bytes(100_000)
    (tmp_path / "model").write_bytes(content)
    assert content_of(tmp_path / "model") == content
    assert content_of(str(tmp_path / "model")) == content


@pytest.mark.parametrize("content", [b"", MAGIC[:3], b"x" * 100_000])
def test_of_others_the_beginning_is_enough(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(content)
    assert content_of(tmp_path / "model") == content[: len(MAGIC)]


def test_a_device_without_an_end() -> None:
    zeros = Path("/dev/zero")
    if not zeros.exists():
        pytest.skip("there is no such device here")
    assert content_of(zeros) == bytes(len(MAGIC))


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        content_of(tmp_path / "none")
    assert caught.value.filename == str(tmp_path / "none")
