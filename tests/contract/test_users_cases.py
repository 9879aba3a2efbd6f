"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

import functools
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.errors import FileFormatError


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere


def sealed(kind: str, change: Any) -> bytes:
    """A file of this kind with a right checksum; `change` is shown its header and arrays."""
    model = GaussianMixture(2, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 2)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        model.save(path)
        content = (
            model.e_step([[0.0, 1.0]]).to_bytes() if kind == "statistics" else path.read_bytes()
        )
    end = 14 + int.from_bytes(content[10:14], "little")
    header = json.loads(content[14:end])
    body = change(header, content[end:-32])
    text = json.dumps(header).encode()
    content = content[:10] + len(text).to_bytes(4, "little") + text + body
    return content + hashlib.sha256(content).digest()


def no_numbers(header: Any, body: bytes) -> bytes:
    for row in header["arrays"]:
        row[2] = [0] * (len(row[2]) - 1) + [2**60 - 1 if "means" in row[0] else 0]
    return b""


def negative_ridge(header: Any, body: bytes) -> bytes:
    header["facts"]["state"]["regularization"]["reg_covar"] = "state/mixture/weights"
    return raised(header, body)


def raised(header: Any, body: bytes) -> bytes:
    """Other numbers where the first array begins."""
    return np.array([-1.0]).tobytes() + body[8:]


def deep(header: Any, body: bytes) -> bytes:
    header["facts"]["params"]["prior"] = functools.reduce(lambda inner, _: [inner], range(500), 0)
    return body


def no_settings(header: Any, body: bytes) -> bytes:
    header["facts"]["params"]["n_components"] = 0
    return body


@pytest.mark.parametrize("change", [no_numbers, negative_ridge, raised, deep, no_settings])
def test_a_checksum_is_not_a_check(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(sealed("model", lambda header, body: body))
    fastgmm.load(path)
    path.write_bytes(sealed("model", change))
    with pytest.raises(FileFormatError, match=r"was not written by|cannot be read"):
        fastgmm.load(path)


def test_statistics_of_no_rows_are_refused() -> None:
    for change in (no_numbers, lambda header, body: np.array([np.nan]).tobytes() + body[8:]):
        with pytest.raises(FileFormatError, match="cannot be read"):
            fastgmm.SufficientStatistics.from_bytes(sealed("statistics", change))


def test_save_refuses_what_load_would_refuse(two_clusters: np.ndarray, tmp_path: Path) -> None:
    path, model = tmp_path / "model", GaussianMixture(2, random_state=0).fit(two_clusters)
    model.save(path)
    model.n_threads = -1
    with pytest.raises(ValueError, match=r"^The 'n_threads' parameter of GaussianMixture must be"):
        model.save(path)
    np.testing.assert_array_equal(fastgmm.load(path).means_, model.means_)
    with pytest.raises(ValueError, match=r"^The 'n_threads' parameter of GaussianMixture must be"):
        model.score_samples(np.tile(two_clusters, (20, 1)))


@pytest.mark.skipif(os.name != "posix", reason="links, modes and devices of POSIX")
def test_saving_replaces_the_file_and_nothing_else(
    two_clusters: np.ndarray, tmp_path: Path
) -> None:
    model = GaussianMixture(2, random_state=0).fit(two_clusters)
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    model.save(link)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    np.testing.assert_array_equal(fastgmm.load(target).means_, model.means_)
    model.save(os.devnull)
    assert not Path(os.devnull).is_file()


# ---------------------------------------------------------------------- settings and subclasses

# ---------------------------------------------------------------------- streams

# ---------------------------------------------------------------------- ends of fits

# ---------------------------------------------------------------------- starts

# ---------------------------------------------------------------------- arrays and frames

# ---------------------------------------------------------------------- the command and its files
