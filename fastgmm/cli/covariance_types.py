"""The words for covariance types on the command line."""

from __future__ import annotations

import argparse
from typing import Any

from fastgmm.typing import ALL_COVARIANCE_TYPES, COVARIANCE_TYPES, MCLUST, MCLUST_TYPES

ONE: dict[str, Any] = {"choices": ALL_COVARIANCE_TYPES, "metavar": "TYPE"}
"""An option for one type has these arguments."""
SOME = f"{', '.join(COVARIANCE_TYPES)}, one of mclust's fourteen, such as VEE, or low_rank"
"""What the types are, for help."""


def types(text: str) -> list[str]:
    """Read covariance types between commas, each once; "mclust" stands for its fourteen.

    Examples
    --------
    >>> types("full,VEE, full")
    ['full', 'VEE']
    """
    kinds = [kind.strip() for kind in text.split(",")]
    for kind in kinds:
        if kind not in (known := (*COVARIANCE_TYPES, *MCLUST_TYPES, MCLUST)):
            raise argparse.ArgumentTypeError(f"{kind!r} is not one of {', '.join(known)}")
    return list(dict.fromkeys(kinds))
