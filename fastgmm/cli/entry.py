"""Where the command begins: Ctrl-C ends it in one line, even while its modules are imported."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command with the words of this process, and return its exit code."""
    try:
        # All that takes time to import is imported here.
        from fastgmm.cli.main import main

        return main()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("fastgmm: interrupted.", file=sys.stderr)
        return 130
