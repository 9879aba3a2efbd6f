"""Types that several modules share, and the strings that parameters may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

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
    "Flags",
    "FloatArray",
    "InitParams",
    "Labels",
    "Missing",
    "Names",
    "OnCollapse",
    "RandomStateLike",
    "Rows",
    "WeightsPrior",
]

CovarianceType = Literal[
    "full",
    "tied",
    "diag",
    "spherical",
    "tied_diag",
    "tied_spherical",
    "low_rank",
    "low_rank_spherical",
]
"""`covariance_type` is one of these words."""
if TYPE_CHECKING:
    ModelName = CovarianceType
else:
    ModelName = str
"""The name of a covariance model is one of these words; of low rank it has the number of factors
after it, as in "low_rank(5)".  Files hold it as a text, which `covariance.types` understands."""
Acceleration = Literal["lbfgs", "auto"]
"""`acceleration` is one of these words, or None."""
Criterion = Literal["bic", "icl", "aic"]
"""The criterion of `fastgmm.select` is one of these words."""
Missing = Literal["error", "em"]
"""`missing` is one of these words."""
OnCollapse = Literal["repair", "warn", "raise"]
"""`on_collapse` is one of these words."""
InitParams = Literal["ward", "kmeans", "k-means++", "random", "random_from_data"]
"""`init_params` is one of these words."""
WeightsPrior = Literal["dirichlet_process", "dirichlet_distribution"]
"""`weight_concentration_prior_type` is one of these words."""

ACCELERATIONS: tuple[str, ...] = get_args(Acceleration)
"""These are the words of `Acceleration`, for checks."""
MISSING: tuple[str, ...] = get_args(Missing)
"""These are the words of `Missing`, for checks."""
ON_COLLAPSE: tuple[str, ...] = get_args(OnCollapse)
"""These are the words of `OnCollapse`, for checks."""
LOW_RANK_TYPES: tuple[str, ...] = ("low_rank", "low_rank_spherical")
"""These covariance types have factors, as many as `n_factors` says."""
COVARIANCE_TYPES: tuple[str, ...] = tuple(
    name for name in get_args(CovarianceType) if name not in LOW_RANK_TYPES
)
"""These are the other words of `CovarianceType`, in the order in which `fastgmm.select` tries
them."""
CRITERIA: tuple[str, ...] = get_args(Criterion)
"""These are the words of `Criterion`, for checks."""
INIT_PARAMS: tuple[str, ...] = get_args(InitParams)
"""These are the words of `InitParams`, for checks."""
WEIGHTS_PRIORS: tuple[str, ...] = get_args(WeightsPrior)
"""These are the words of `WeightsPrior`, for checks."""

Rows: TypeAlias = NDArray[np.floating[Any]]
"""Rows that the kernels take are C-contiguous, aligned, native float32 or float64."""
FloatArray: TypeAlias = NDArray[np.float64]
"""Parameters and statistics are float64 whatever the rows are."""
Labels: TypeAlias = NDArray[np.int64]
"""Labels are the numbers of components."""
Flags: TypeAlias = NDArray[np.bool_]
"""Flags say yes or no of each row."""
Names: TypeAlias = NDArray[np.object_]
"""Names of columns are Python's strings."""
RandomStateLike: TypeAlias = "int | np.random.RandomState | np.random.Generator | None"
"""`random_state` is one of these. The alias is a string, since looking at numpy.random loads it,
which takes 10 ms of the import."""
