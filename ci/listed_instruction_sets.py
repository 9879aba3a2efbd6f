"""Print the instruction sets that setup.py builds on this machine, by their public names."""

import ast
import platform
from pathlib import Path
from typing import Any

SETUP = Path(__file__).resolve().parents[1] / "setup.py"


def constants(path: Path) -> dict[str, Any]:
    """Return the literal values that a file assigns to names at its top level."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def main() -> None:
    """Read the table without running setup.py, which would need Cython."""
    table = constants(SETUP)
    machine = table["MACHINES"].get(platform.machine().lower())
    if machine is None:
        raise SystemExit(f"setup.py lists no instruction set for {platform.machine()}")
    print(*(name.replace("_", "-") for name in table["INSTRUCTION_SETS"][machine]))


if __name__ == "__main__":
    main()
