"""Files that are replaced in one step, so that a crash leaves the old one whole."""

import os
from pathlib import Path


def replace_file(path: "str | os.PathLike[str]", content: bytes) -> None:
    """Replace the file at `path` by one that is written beside it, flushed to disk and renamed."""
    import tempfile  # it loads shutil and random, which takes 5 ms

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
        # The files of mkstemp are private, and a model is to be as readable as any other file.
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
