"""Look into an sdist and a wheel: what must ship is there and what must not is not.

Usage: python ci/distribution_contents.py DIST.tar.gz DIST.whl
"""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The wheel holds what is imported, what types are read from, and nothing that was only compiled.
WHEEL_ONLY = re.compile(
    r"fastgmm/(\w+/)*(\w+\.pyi?|py\.typed)|fastgmm/(__init__\.pxd|include/fastgmm\.h)"
    r"|fastgmm/kernels/(_detect|builds/\w+)\.[\w.-]+\.(so|pyd)"
    r"|fastgmm-[\w.]+\.dist-info/.+"
)
# The sdist leaves out what only the repository needs.
REPOSITORY_ONLY = re.compile(
    r"\.github/.*|\.gitignore|\.pre-commit-config\.yaml|benchmarks/results/.*"
)


def tracked() -> set[str]:
    """Return the files that git tracks."""
    run = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], stdout=subprocess.PIPE, text=True, check=True
    )
    return set(run.stdout.split("\0")) - {""}


def complaints_sdist(names: set[str], expected: set[str]) -> list[str]:
    """Return a sentence for what the sdist lacks and for what it should not hold."""
    generated = {"PKG-INFO", "setup.cfg"} | {n for n in names if n.startswith("fastgmm.egg-info/")}
    wanted = {name for name in expected if not REPOSITORY_ONLY.fullmatch(name)}
    lacks = [f"the sdist lacks {name}" for name in sorted(wanted - names)]
    return lacks + [f"the sdist holds {name}" for name in sorted(names - wanted - generated)]


def complaints_wheel(names: set[str], expected: set[str]) -> list[str]:
    """Return a sentence for what the wheel lacks and for what it should not hold."""
    sources = {n for n in expected if re.fullmatch(r"fastgmm/.*(\.pyi?|py\.typed)", n)}
    lacks = [f"the wheel lacks {name}" for name in sorted(sources - names)]
    if not any(name.endswith((".so", ".pyd")) for name in names):
        lacks.append("the wheel holds no compiled kernels")
    return lacks + [f"the wheel holds {n}" for n in sorted(names) if not WHEEL_ONLY.fullmatch(n)]


def main() -> None:
    """Print every complaint and fail when there is one."""
    sdist, wheel = map(Path, sys.argv[1:3])
    with tarfile.open(sdist) as archive:
        members = [member.name for member in archive.getmembers() if member.isfile()]
    in_sdist = {name.partition("/")[2] for name in members}
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if not name.endswith("/")}
    complaints = complaints_sdist(in_sdist, tracked()) + complaints_wheel(in_wheel, tracked())
    for path, names in ((sdist, in_sdist), (wheel, in_wheel)):
        print(f"{path.name}: {len(names)} files, {path.stat().st_size / 1024:.0f} KB")
    if complaints:
        sys.exit("\n".join(complaints))


if __name__ == "__main__":
    main()
