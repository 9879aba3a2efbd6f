"""The words for covariance types on the command line."""

from __future__ import annotations

import argparse
from typing import Any

from fastgmm.cli.usage import meant
from fastgmm.typing import ALL_COVARIANCE_TYPES, COVARIANCE_TYPES, MCLUST_TYPES

ONE: dict[str, Any] = {"choices": ALL_COVARIANCE_TYPES, "metavar": "TYPE"}
"""An option for one type has these arguments."""
SOME = f"{', '.join(COVARIANCE_TYPES)}, or one of mclust's fourteen, such as VEE"
"""What the types are that can be compared, for help."""
ANY = f"{SOME}, low_rank or low_rank_spherical"
"""What all types are, for help."""


def types(text: str) -> list[str]:
    """Read covariance types between commas, each once; "mclust" stands for its fourteen.

    Examples
    --------
    >>> types("full,VEE, full")
    ['full', 'VEE']
    """
    kinds = [kind.strip() for kind in text.split(",")]
    for kind in kinds:
        if kind not in (known := (*COVARIANCE_TYPES, *MCLUST_TYPES, "mclust")):
            near = meant(kind, known)
            raise argparse.ArgumentTypeError(f"{kind!r} is not one of {', '.join(known)}{near}")
    return list(dict.fromkeys(kinds))
