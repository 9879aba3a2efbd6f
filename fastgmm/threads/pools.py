"""`threadpoolctl` sees the threads of fastgmm, and ``threadpool_limits`` limits them."""

from typing import Any

import numpy as np

from fastgmm.after_import import after_import
from fastgmm.kernels import CHOSEN
from fastgmm.threads.processors import available_threads, limit_threads
from fastgmm.version import __version__

NAME = "fastgmm"
"""Under this name ``threadpool_info`` shows our threads, and limits may be for them alone."""


def install() -> None:
    """Make fastgmm known to threadpoolctl, once somebody has imported that."""
    after_import("threadpoolctl", _register)


def _register(threadpoolctl: Any) -> None:
    # It finds libraries by their files, and this one of ours is loaded in every process.
    stem = CHOSEN.modules[np.dtype(np.float64)].__name__.rpartition(".")[2]

    class Controller(threadpoolctl.LibController):  # type: ignore[misc]
        """What threadpoolctl asks and tells; a limit is one of the thread that sets it."""

        user_api = internal_api = NAME
        filename_prefixes = (f"{stem}.",)
        check_symbols = (f"PyInit_{stem}",)

        def get_num_threads(self) -> int:
            return available_threads()

        def set_num_threads(self, num_threads: int) -> None:
            limit_threads(num_threads)

        def get_version(self) -> str:
            return __version__

    # Versions before 3.2 know their own libraries only.
    if hasattr(threadpoolctl, "register"):
        threadpoolctl.register(Controller)
