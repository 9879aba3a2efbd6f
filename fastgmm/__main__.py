"""``python -m fastgmm`` is the command ``fastgmm``."""

import sys

from fastgmm.command_line import main

if __name__ == "__main__":
    sys.exit(main())
