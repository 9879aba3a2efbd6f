"""A mixture in a file: the same bytes come back, and a crash leaves the old file whole."""

import os
import pickle
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastgmm.archive import container
from fastgmm.errors import FileFormatError
from fastgmm.mixture.file import read, write
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture

ARRAYS = ("weights", "means", "covariances", "factors", "inverse_factors")


@pytest.fixture
def mixture() -> Mixture:
    truth = correlated_mixture(3, 2, np.random.default_rng(0))
    return Mixture.from_covariances(truth.weights, truth.means, truth.covariances, "full")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bytes_come_back(
    dtype: Any, covariance_type: Any, rng: np.random.Generator, tmp_path: Path
) -> None:
    truth = correlated_mixture(3, 2, rng)
    covariances = truth.covariances_as(covariance_type)
    mixture = Mixture.from_covariances(
        truth.weights, truth.means, covariances, covariance_type, dtype
    )
    facts, more = {"a": [1, None], "b": "größe"}, {"more": rng.standard_normal((2, 3))}
    write(tmp_path / "model", mixture, facts, more)
    again, told, arrays = read(str(tmp_path / "model"))
    assert (again.covariance_type, again.dtype) == (covariance_type, np.dtype(dtype))
    for name in ARRAYS:
        array, expected = getattr(again, name), getattr(mixture, name)
        assert array.shape == expected.shape
        assert array.tobytes() == expected.tobytes()
        assert not array.flags.writeable
    assert told == facts
    assert list(arrays) == ["more"]
    np.testing.assert_array_equal(arrays["more"], more["more"])
    write(tmp_path / "again", again, told, arrays)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_a_pickle_is_not_loaded(tmp_path: Path, mixture: Mixture) -> None:
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(mixture))
    with pytest.raises(FileFormatError, match=r"model is a pickle, which fastgmm does not load"):
        read(path)


@pytest.mark.parametrize("missing", [*ARRAYS, "covariance_type", "dtype"])
def test_what_is_missing_is_named(missing: str, tmp_path: Path, mixture: Mixture) -> None:
    facts: dict[str, Any] = {"covariance_type": "full", "dtype": "float64"}
    arrays = {name: getattr(mixture, name) for name in ARRAYS}
    facts.pop(missing, None)
    arrays.pop(missing, None)
    path = tmp_path / "model"
    path.write_bytes(container.pack("model", facts, arrays))
    with pytest.raises(FileFormatError, match=f"{path} lacks '{missing}'"):
        read(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, mixture: Mixture) -> None:
    with pytest.raises(FileNotFoundError, match=f"{tmp_path / 'none'} is not a directory: create"):
        write(tmp_path / "none" / "model", mixture, {}, {})


class PowerCut(BaseException):
    """Not an Exception: like a KeyboardInterrupt, it may come at any moment."""


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PowerCut()])
@pytest.mark.parametrize("where", ["fsync", "fdopen", "replace", "write"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_crash_leaves_the_old_file_whole(
    exists: bool,
    where: str,
    error: BaseException,
    monkeypatch: Any,
    tmp_path: Path,
    mixture: Mixture,
) -> None:
    path = tmp_path / "model"
    if exists:
        write(path, mixture, {"number": 1}, {})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    class FailingFile:
        """Takes half of what is written."""

        def __init__(self, handle: int, mode: str) -> None:
            self.file = real_fdopen(handle, mode)

        def write(self, content: bytes) -> None:
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            raise error

        def __enter__(self) -> "FailingFile":
            return self

        def __exit__(self, *exc: object) -> None:
            self.file.close()

    real_fdopen = os.fdopen
    if where == "write":
        monkeypatch.setattr(os, "fdopen", FailingFile)
    else:
        monkeypatch.setattr(os, where, fail)
        if where == "replace":
            monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(error)):
        write(path, mixture, {"number": 2}, {})
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    if exists:
        assert read(path)[1] == {"number": 1}
    # The next one works.
    write(path, mixture, {"number": 2}, {})
    assert read(path)[1] == {"number": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_nothing_is_renamed_before_it_is_on_the_disk(
    monkeypatch: Any, tmp_path: Path, mixture: Mixture
) -> None:
    path = tmp_path / "model"
    seen: list[bool] = []
    real_fsync = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            seen.append(path.exists())
        real_fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write(path, mixture, {}, {})
    assert seen == [False]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_are_those_of_any_new_file(tmp_path: Path, mixture: Mixture) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "model", mixture, {}, {})
        (tmp_path / "plain").write_bytes(b"")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(old)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("model", "plain")]
    assert modes[0] == modes[1]
