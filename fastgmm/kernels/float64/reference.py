"""The float64 builds in plain NumPy: the kernels of every dtype, and those of float64 only."""

import math
from typing import Any

import numpy as np

from fastgmm.kernels.float64.sharing import (
    own_directions,
    share_directions,
    share_matrix,
    share_shape,
)
from fastgmm.kernels.float64.small import SmallFits
from fastgmm.kernels.float64.starting import (
    assign_to_cut,
    cut,
    grow,
    labelled_mixture,
    merge_by_likelihood,
    pooled_mixture,
    ward,
)
from fastgmm.kernels.reference import (
    PackedMixture,
    all_finite,
    bounds_stride,
    estimate,
    exp,
    factorize,
    log,
    log_determinants,
)
from fastgmm.kernels.reference_online import OnlineSums, take_rows
from fastgmm.kernels.reference_patterns import PatternRows, deal_rows, number_patterns
from fastgmm.kernels.reference_search import (
    RelativeFrame,
    foretold,
    largest_inflation,
    moments_of_rows,
)
from fastgmm.kernels.reference_stretch import Stretch

__all__ = [
    "OnlineSums",
    "PackedMixture",
    "PatternLanes",
    "PatternRows",
    "RelativeFrame",
    "SmallFits",
    "Stretch",
    "all_finite",
    "assign_to_cut",
    "bounds_stride",
    "cut",
    "deal_rows",
    "directions_below",
    "estimate",
    "exp",
    "factorize",
    "foretold",
    "grow",
    "labelled_mixture",
    "largest_inflation",
    "log",
    "log_determinants",
    "log_weights",
    "merge_by_likelihood",
    "moments_of_rows",
    "number_patterns",
    "own_directions",
    "pooled_mixture",
    "share_directions",
    "share_matrix",
    "share_shape",
    "small_bits",
    "take_rows",
    "ward",
]


class PatternLanes(PatternRows):
    """Patterns of few rows; the compiled class says what the arguments are."""

    def expectation(  # type: ignore[override]
        self,
        mixture: tuple[np.ndarray, ...],
        table: tuple[Any, ...],
        values: np.ndarray,
        sample_weight: np.ndarray | None,
        responsibilities: np.ndarray | None,
        component_weight: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
        log_density: np.ndarray | None = None,
    ) -> float:
        """Add the sums of rows with gaps, row by row; returns the log-likelihood."""
        sums, of_rows = (component_weight, first, second), (sample_weight, responsibilities)
        return super().expectation(
            mixture, table, values, *of_rows, np.zeros(0), *sums, log_density
        )


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
