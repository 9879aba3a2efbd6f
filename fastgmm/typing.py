"""Types that several modules share, and the strings that parameters may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ACCELERATIONS",
    "ALL_COVARIANCE_TYPES",
    "COVARIANCE_TYPES",
    "CRITERIA",
    "INIT_PARAMS",
    "MCLUST_TYPES",
    "ON_COLLAPSE",
    "PARTS",
    "SAME_TYPES",
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
    "Part",
    "RandomStateLike",
    "Rows",
    "WeightsPrior",
]


def __dir__() -> list[str]:
    return sorted(__all__)


CovarianceType = Literal[
    "full",
    "tied",
    "diag",
    "spherical",
    "tied_diag",
    "tied_spherical",
    "EII",
    "VII",
    "EEI",
    "VEI",
    "EVI",
    "VVI",
    "EEE",
    "VEE",
    "EVE",
    "VVE",
    "EEV",
    "VEV",
    "EVV",
    "VVV",
    "low_rank",
    "low_rank_spherical",
]
"""`covariance_type` is one of these words: six of the package's own, the names of mclust, and two
with factors."""
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
Part = Literal["weights", "means", "covariances"]
"""The parts of a mixture, which `frozen` names."""
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
ALL_COVARIANCE_TYPES: tuple[str, ...] = get_args(CovarianceType)
"""These are the words of `CovarianceType`, for checks."""
COVARIANCE_TYPES: tuple[str, ...] = ALL_COVARIANCE_TYPES[:6]
"""These are the covariance types that `fastgmm.select` tries by default, in this order."""
MCLUST_TYPES: tuple[str, ...] = ALL_COVARIANCE_TYPES[6:20]
"""These are mclust's fourteen covariance types, in its order: "mclust" stands for them."""
MCLUST = "mclust"
"""Where a criterion chooses, this word stands for the fourteen."""
LOW_RANK_TYPES: tuple[str, ...] = ALL_COVARIANCE_TYPES[20:]
"""These covariance types have factors, as many as `n_factors` says."""
PARTS: tuple[str, ...] = get_args(Part)
"""These are the words of `Part`, for checks."""
SAME_TYPES: dict[str, CovarianceType] = {
    "EII": "tied_spherical",
    "VII": "spherical",
    "EEI": "tied_diag",
    "VVI": "diag",
    "EEE": "tied",
    "VVV": "full",
}
"""These of mclust's names are other words for six covariance types."""
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
