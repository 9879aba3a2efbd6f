"""Types that several modules share, and the strings that parameters may take."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ACCELERATIONS",
    "COVARIANCE_TYPES",
    "CRITERIA",
    "INIT_PARAMS",
    "ON_COLLAPSE",
    "Acceleration",
    "ArrayLike",
    "CovarianceType",
    "Criterion",
    "FloatArray",
    "InitParams",
    "OnCollapse",
    "RandomStateLike",
    "Rows",
]

CovarianceType = Literal["full", "tied", "diag", "spherical", "tied_diag", "tied_spherical"]
Acceleration = Literal["lbfgs", "auto"]
Criterion = Literal["bic", "icl", "aic"]
OnCollapse = Literal["repair", "warn", "raise"]
InitParams = Literal["ward", "kmeans", "k-means++", "random", "random_from_data"]

ACCELERATIONS: tuple[str, ...] = get_args(Acceleration)
ON_COLLAPSE: tuple[str, ...] = get_args(OnCollapse)
COVARIANCE_TYPES: tuple[str, ...] = get_args(CovarianceType)
CRITERIA: tuple[str, ...] = get_args(Criterion)
INIT_PARAMS: tuple[str, ...] = get_args(InitParams)

#: Rows that the kernels take: C-contiguous, aligned, native float32 or float64.
Rows: TypeAlias = NDArray[np.floating[Any]]
#: Parameters and statistics: float64 whatever the rows are.
FloatArray: TypeAlias = NDArray[np.float64]
# A string: looking at numpy.random loads it, which takes 10 ms of the import.
RandomStateLike: TypeAlias = "int | np.random.RandomState | np.random.Generator | None"
