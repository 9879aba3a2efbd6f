"""``python -m fastgmm`` is the command ``fastgmm``."""

import sys

from fastgmm.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
