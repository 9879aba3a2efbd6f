"""What this installation is and does here."""

import os
from typing import Any

from fastgmm import kernels
from fastgmm.threads import available_threads
from fastgmm.version import __version__


def show_config() -> dict[str, Any]:
    """Print, and return, the version, the instruction sets and the number of threads.

    Returns
    -------
    dict
        ``version``; the instruction sets ``built`` into this installation, ``supported`` by this
        processor and ``chosen`` (by ``FASTGMM_ISA``, or the widest of both); ``threads``, the
        largest number that ``n_threads=None`` means here; ``skip``: whether pairs of row and
        component that can make no difference are left out (``FASTGMM_SKIP=off`` turns it off).

    Examples
    --------
    >>> import fastgmm
    >>> config = fastgmm.show_config()  # doctest: +ELLIPSIS
    version ...
    >>> config["chosen"] in config["built"] and config["chosen"] in config["supported"]
    True
    """
    config = {
        "version": __version__,
        "built": list(kernels.BUILT),
        "supported": list(kernels.SUPPORTED),
        "chosen": kernels.CHOSEN.name,
        "threads": available_threads(),
        "skip": "on" if kernels.SKIP else "off",
    }
    for name, value in config.items():
        print(f"{name:<10} {', '.join(value) if isinstance(value, list) else value}")
    return config


def get_include() -> str:
    """The folder of ``fastgmm.h``, which C and Cython code that scores rows includes.

    Returns
    -------
    str

    Examples
    --------
    >>> import fastgmm
    >>> fastgmm.get_include().endswith("include")
    True
    """
    return os.path.join(os.path.dirname(__file__), "include")
