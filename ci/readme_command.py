"""Print one command of the README's first shell block: ci/readme_command.py {1,2}."""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def commands(text: str) -> list[str]:
    """Return the lines of the first shell block of a Markdown text."""
    block = re.search(r"^```(?:sh|bash|shell|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    if block is None:
        raise SystemExit(f"{README} has no shell block with the two set-up commands")
    return [line for line in block[1].splitlines() if line.strip()]


def main() -> None:
    """Print the command whose number was given."""
    found = commands(README.read_text(encoding="utf-8"))
    if len(found) != 2:
        raise SystemExit(f"{README}: {len(found)} commands in the first shell block instead of two")
    print(found[int(sys.argv[1]) - 1])


if __name__ == "__main__":
    main()
