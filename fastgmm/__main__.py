"""``python -m fastgmm`` is the command ``fastgmm``."""

import sys

from fastgmm.cli.entry import run

if __name__ == "__main__":
    sys.exit(run())
