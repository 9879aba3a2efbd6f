"""Files that are not the model that was saved: each is refused with a sentence."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.errors import FileFormatError


def fitted() -> GaussianMixture:
    X = np.random.default_rng(0).normal(size=(60, 2))
    return GaussianMixture(3, covariance_type="diag", random_state=0, max_iter=200).fit(X)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "model"
    fitted().save(path)
    return path.read_bytes()


@pytest.mark.parametrize("at", [0, 5, 100, -40, -1])
def test_a_damaged_file_is_refused_by_name(at: int, saved: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model"
    changed = bytearray(saved)
    changed[at] ^= 1
    path.write_bytes(changed)
    with pytest.raises(FileFormatError) as caught:
        fastgmm.load(path)
    assert str(caught.value).startswith(f"{path} is ")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused(protocol: int, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    path = tmp_path / "model.pkl"
    for content in (fitted(), Trap()):
        path.write_bytes(pickle.dumps(content, protocol))
        with pytest.raises(FileFormatError, match=r"pickle|not a fastgmm model"):
            fastgmm.load(path)
    assert not (tmp_path / "sprung").exists()


def other_files(directory: Path) -> dict[str, bytes]:
    np.save(directory / "array.npy", np.zeros(3))
    np.savez(directory / "arrays.npz", a=np.zeros(3))
    return {
        "npy": (directory / "array.npy").read_bytes(),
        "npz": (directory / "arrays.npz").read_bytes(),
        "csv": b"a,b\n1,2\n",
        "empty": b"",
        "zeros": bytes(10_000),
        "statistics": fitted().e_step(np.zeros((2, 2))).to_bytes(),
    }


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "empty", "zeros", "statistics"])
def test_other_files_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(other_files(tmp_path)[kind])
    with pytest.raises(FileFormatError, match=r"not a fastgmm model|not a model"):
        fastgmm.load(path)


def test_missing_places(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fastgmm.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        fastgmm.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a directory: create it"):
        fitted().save(tmp_path / "none" / "model")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        fitted().save(tmp_path / "file" / "model")
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        fitted().save(tmp_path / "directory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["directory", "file"]
