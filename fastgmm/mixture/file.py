"""Models in files: one file, no pickle, versioned and checked.

Written so that a crash leaves the old file whole.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from fastgmm.archive import container as archive
from fastgmm.errors import FileFormatError
from fastgmm.mixture.mixture import Mixture

_ARRAYS = ("weights", "means", "covariances", "factors", "inverse_factors")


def write(
    path: "str | os.PathLike[str]",
    mixture: Mixture,
    facts: dict[str, Any],
    arrays: dict[str, np.ndarray],
) -> None:
    """Replace the file at `path` in one step: written beside it, flushed to disk, then renamed."""
    described = {
        **facts,
        "covariance_type": mixture.covariance_type,
        "dtype": mixture.dtype.name,
    }
    content = archive.pack(
        "model", described, {**{name: getattr(mixture, name) for name in _ARRAYS}, **arrays}
    )
    import tempfile  # with shutil and random: 5 ms of the import

    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".part")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{target.parent} is not a directory: create it before saving a model there"
        ) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        # mkstemp's files are private; a model is as readable as any other file
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(
    path: "str | os.PathLike[str]",
) -> tuple[Mixture, dict[str, Any], dict[str, np.ndarray]]:
    """Parameters, facts and further arrays of a file that `write` made.

    FileFormatError when it is not one, or damaged.
    """
    content = Path(path).read_bytes()
    if content[:1] == b"\x80" and not content.startswith(archive.MAGIC):
        raise FileFormatError(
            f"{path} is a pickle, which fastgmm does not load: "
            "save models with GaussianMixture.save"
        )
    facts, arrays = archive.unpack(content, "model", str(path))
    try:
        parts = {name: arrays.pop(name) for name in _ARRAYS}
        mixture = Mixture(
            covariance_type=facts.pop("covariance_type"),
            dtype=np.dtype(facts.pop("dtype")),
            **parts,
        )
    except KeyError as error:
        raise FileFormatError(
            f"{path} lacks {error}: it was not written by GaussianMixture.save"
        ) from None
    return mixture, facts, arrays
