"""No wheel may be larger than 3 MB: python ci/wheel_sizes.py FOLDER."""

import sys
from pathlib import Path

MOST_BYTES = 3_000_000
"""Whoever installs fastgmm waits for so many bytes at the most."""


def too_large(folder: Path) -> list[str]:
    """Return a sentence for each wheel of a folder that is too large, or one if there is none."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        return [f"there is no wheel in {folder}"]
    sizes = {wheel.name: wheel.stat().st_size for wheel in wheels}
    for name, size in sizes.items():
        print(f"{name}: {size / 1e6:.2f} MB")
    return [
        f"{name} has {size} bytes, and {MOST_BYTES} are allowed"
        for name, size in sizes.items()
        if size > MOST_BYTES
    ]


def main() -> None:
    """Print all sizes, and fail when one is too large."""
    if complaints := too_large(Path(sys.argv[1])):
        sys.exit("\n".join(complaints))


if __name__ == "__main__":
    main()
