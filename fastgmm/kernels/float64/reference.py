"""The float64 builds in plain NumPy: the kernels of every dtype, and those of float64 only."""

import math

import numpy as np

from fastgmm.kernels.float64.starting import (
    assign_to_cut,
    cut,
    grow,
    labelled_mixture,
    merge_by_likelihood,
    ward,
)
from fastgmm.kernels.reference import (
    PackedMixture,
    Stretch,
    all_finite,
    bounds_stride,
    estimate,
    exp,
    factorize,
    log,
    log_determinants,
)

__all__ = [
    "PackedMixture",
    "Stretch",
    "all_finite",
    "assign_to_cut",
    "bounds_stride",
    "cut",
    "estimate",
    "exp",
    "factorize",
    "grow",
    "labelled_mixture",
    "log",
    "log_determinants",
    "log_weights",
    "merge_by_likelihood",
    "ward",
]


def log_weights(weights: np.ndarray, out: np.ndarray) -> None:
    """Out (K,) = logarithms of weights; -inf of a weight of zero."""
    out[:] = [math.log(weight) if weight > 0.0 else -math.inf for weight in weights]
