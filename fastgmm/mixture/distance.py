"""Mahalanobis distances of rows to the components of a mixture."""

from dataclasses import replace
from functools import cache

import numpy as np

from fastgmm.data.patterns import patterns_of
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.density import in_blocks
from fastgmm.mixture.gaps import constants_of
from fastgmm.mixture.mixture import Mixture

HALF_LOG_2_PI = 0.9189385332046727417803297
"""The kernels take this off a log density for each feature."""


def mahalanobis(
    mixture: Mixture, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """(n, K): sqrt((x - mean)^T covariance^-1 (x - mean)), written to `out`.

    They are log densities of constants whose offsets vanish.
    """
    return _distances(mixture.constants, rows, out, n_threads)


def mahalanobis_with_gaps(
    mixture: Mixture, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """(n, K): the distances in the columns that were observed of each row; NaN is a gap."""
    for pattern in patterns_of(rows):
        of_pattern = np.zeros((len(pattern.index), mixture.n_components), out.dtype)
        if pattern.observed:
            constants = constants_of(mixture, pattern.observed)
            _distances(constants, pattern.of(rows), of_pattern, n_threads)
        out[pattern.index] = of_pattern
    return out


def _distances(
    of_mixture: Constants, rows: np.ndarray, out: np.ndarray, n_threads: int | None
) -> np.ndarray:
    k, d = of_mixture.means.shape
    log_determinants = np.full(k, -HALF_LOG_2_PI * d)
    constants = replace(of_mixture, log_determinants=log_determinants)
    packed, offset = constants.packed(rows.dtype), _offset(d, rows.dtype)

    def distances(some: np.ndarray, of_some: np.ndarray) -> None:
        packed.component_log_density(some, of_some)
        of_some -= offset
        of_some *= -2.0
        np.maximum(of_some, 0.0, out=of_some)
        np.sqrt(of_some, out=of_some)

    return in_blocks(distances, k, rows, out, n_threads)


@cache
def _offset(n_features: int, dtype: np.dtype) -> float:
    """What is left of offsets that should vanish: a rounding, where a processor fuses products."""
    constants = Constants(
        "spherical",
        np.zeros(1),
        np.zeros((1, n_features)),
        np.ones(1),
        np.full(1, -HALF_LOG_2_PI * n_features),
    )
    out = np.empty((1, 1), dtype)
    constants.packed(dtype).component_log_density(np.zeros((1, n_features), dtype), out)
    return float(out[0, 0])
