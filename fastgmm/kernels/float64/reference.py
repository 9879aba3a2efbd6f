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
from fastgmm.kernels.reference_online import OnlineSums, take_rows
from fastgmm.kernels.reference_search import (
    RelativeFrame,
    foretold,
    largest_inflation,
    moments_of_rows,
)

__all__ = [
    "OnlineSums",
    "PackedMixture",
    "RelativeFrame",
    "Stretch",
    "all_finite",
    "bounds_stride",
    "directions_below",
    "estimate",
    "exp",
    "factorize",
    "foretold",
    "largest_inflation",
    "log",
    "log_determinants",
    "log_weights",
    "moments_of_rows",
    "small_bits",
    "take_rows",
    "ward",
]


def directions_below(
    n_features: int,
    covariances: np.ndarray,
    bounds: np.ndarray,
    counts: np.ndarray,
    errors: np.ndarray,
) -> None:
    """Out (M,) = in how many directions covariances are below bounds (D,), where counts are < 0."""
    roots = np.sqrt(bounds)
    for k in np.flatnonzero(counts < 0):
        scaled = covariances[k] / roots[:, None] / roots
        variances = np.linalg.eigvalsh(scaled)
        counts[k] = np.count_nonzero(variances < 1.0)
        errors[k] = n_features**0.5 * np.finfo(np.float64).eps * np.abs(variances).max()


def log_weights(weights: np.ndarray, out: np.ndarray) -> None:
    """Out (K,) = logarithms of weights; -inf of a weight of zero."""
    out[:] = [math.log(weight) if weight > 0.0 else -math.inf for weight in weights]


def small_bits(
    number: int, n: int, first: int, step: int, limit: int, index: np.ndarray, bits: np.ndarray
) -> int:
    """Which rows, every so many of n, have random numbers up to a limit; returns how many."""
    found = 0
    for row in range(first, n, step):
        mixed = (number + row) * 0x9E3779B1 % 2**32
        mixed = (mixed ^ mixed >> 15) * 0x85EBCA6B % 2**32
        mixed ^= mixed >> 13
        if mixed <= limit:
            index[found], bits[found] = row, mixed
            found += 1
    return found


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
