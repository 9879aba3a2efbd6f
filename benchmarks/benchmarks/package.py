"""What an installation weighs, and what importing it costs."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import fastgmm

LIMIT_SECONDS = 60


def package_files() -> list[Path]:
    """Return the files of the imported package that a wheel holds."""
    root = Path(fastgmm.__file__).parent
    kept = {".py", ".so", ".pyd", ".pyi", ".typed"}
    return [path for path in sorted(root.rglob("*")) if path.suffix in kept]


class Import:
    """A new interpreter for each; NumPy's own import is the measure.

    -P: the clone's root must not stand in the path, its fastgmm/ is not built.
    """

    params = (["import numpy", "import numpy, fastgmm"],)
    param_names = ("statement",)

    def time_import(self, statement: str) -> None:
        subprocess.run([sys.executable, "-P", "-c", statement], check=True, timeout=LIMIT_SECONDS)


class Size:
    """Bytes on disk."""

    unit = "bytes"

    def track_package(self) -> int:
        """Sum up all files of the package, as installed."""
        return sum(path.stat().st_size for path in package_files())

    def track_kernels(self) -> int:
        """Sum up the compiled modules."""
        return sum(p.stat().st_size for p in package_files() if p.suffix in {".so", ".pyd"})

    def track_largest_kernel(self) -> int:
        """Give the largest of them."""
        return max(p.stat().st_size for p in package_files() if p.suffix in {".so", ".pyd"})

    def track_wheel(self) -> int:
        """Compress the package as a wheel does; metadata are not counted."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as wheel:
            for path in package_files():
                wheel.write(path, path.relative_to(Path(fastgmm.__file__).parents[1]))
        return len(archive.getvalue())
