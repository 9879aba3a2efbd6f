"""Run scripts with `interposer.c` in LD_PRELOAD: system calls, allocations and threads fail."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
needs_interposer = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("cc") is None,
    reason="calls of the C library are replaced by LD_PRELOAD, which wants Linux and a compiler",
)


PRELOADED = os.environ.get("LD_PRELOAD", "").split()
"""The libraries of a sanitizer, where the tests run under one (`ci/sanitizers.sh`)."""
ALLOCATORS = ("malloc", "calloc", "realloc", "memalign")


def interposer(folder: Path) -> Path:
    """Compile the interposer into a folder, and return its path."""
    library = folder / "interposer.so"
    # What a thread keeps lies where no allocation is needed to find it: one would count itself.
    command = ["cc", "-shared", "-fPIC", "-O1", "-ftls-model=initial-exec"]
    if any("libasan" in one for one in PRELOADED):
        # The memory of the sanitizer, which looks at each access to it.
        command += [f"-D__libc_{name}=__interceptor_{name}" for name in ALLOCATORS]
    command += ["-o", str(library), str(HERE / "interposer.c"), "-ldl"]
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run(command, check=True, timeout=60, env=plain)
    return library


def run_script(
    name: str, folder: Path, *words: str, preload: bool = True, timeout: float = 900.0
) -> Any:
    """Run a script of this folder; return the JSON that it prints last.

    Its working directory is `folder`.
    """
    environment = dict(os.environ)
    if preload:
        environment["LD_PRELOAD"] = " ".join([str(interposer(folder)), *PRELOADED])
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", HERE / name, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])
