"""The float64 builds in plain NumPy: the kernels of every dtype, and those of float64 only."""

import math

import numpy as np

from fastgmm.kernels.reference import PackedMixture, all_finite, bounds_stride, exp, log

__all__ = [
    "PackedMixture",
    "all_finite",
    "bounds_stride",
    "exp",
    "factorize",
    "log",
    "ward",
]


def factorize(
    covariances: np.ndarray, factors: np.ndarray, inverses: np.ndarray, tolerance: float
) -> int:
    """L and L^-1 of each covariance; index of the first that is not positive definite, or -1."""
    for k, covariance in enumerate(covariances):
        try:
            factors[k] = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return k
        pivots = np.diagonal(factors[k]) ** 2
        if (pivots <= tolerance * np.diagonal(covariance)).any():
            return k
        inverses[k] = np.tril(np.linalg.inv(factors[k]))
    return -1


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
