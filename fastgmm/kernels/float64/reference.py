"""The float64 builds in plain NumPy: the kernels of every dtype, and those of float64 only."""

import math

import numpy as np

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
from fastgmm.kernels.reference_search import (
    RelativeFrame,
    foretold,
    largest_inflation,
    moments_of_rows,
)

__all__ = [
    "PackedMixture",
    "RelativeFrame",
    "Stretch",
    "all_finite",
    "bounds_stride",
    "estimate",
    "exp",
    "factorize",
    "foretold",
    "largest_inflation",
    "log",
    "log_determinants",
    "log_weights",
    "moments_of_rows",
    "ward",
]


def log_weights(weights: np.ndarray, out: np.ndarray) -> None:
    """Out (K,) = logarithms of weights; -inf of a weight of zero."""
    out[:] = [math.log(weight) if weight > 0.0 else -math.inf for weight in weights]


def ward(points: np.ndarray, weight: np.ndarray, merged: np.ndarray, heights: np.ndarray) -> None:
    """All merges of Ward's method, the cheapest pair of all clusters first."""
    clusters = {i: [i] for i in range(len(points))}
    for step in range(len(points) - 1):
        best = (math.inf, -1, -1)
        for a in clusters:
            for b in clusters:
                if a < b:
                    one, other = (
                        np.average(points[c], axis=0, weights=weight[c])
                        for c in (clusters[a], clusters[b])
                    )
                    gap = one - other
                    sizes = weight[clusters[a]].sum(), weight[clusters[b]].sum()
                    best = min(best, (sizes[0] * sizes[1] / sum(sizes) * float(gap @ gap), a, b))
        heights[step], a, b = best
        merged[step] = a, b
        clusters[a] += clusters.pop(b)
