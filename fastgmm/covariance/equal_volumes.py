"""EVI and EVV: the determinants are the same, and all else is free.

Both have a closed form (Celeux and Govaert 1995): each covariance is scaled to the mean volume.
"""

from dataclasses import replace

import numpy as np

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.restricted import geometric_means, restricted, with_volume
from fastgmm.typing import FloatArray


def _diagonals(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    return with_volume(covariances, geometric_means(covariances), weights)


def _matrices(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    signs, logs = np.linalg.slogdet(covariances)
    volumes = np.where(signs > 0.0, np.exp(logs / covariances.shape[1]), 0.0)
    return with_volume(covariances, volumes, weights)


EVI = replace(restricted("EVI", DIAGONAL, _diagonals, lambda k, d: 1 + k * (d - 1)), rescales=True)
"""Diagonals of one determinant."""
EVV = replace(
    restricted("EVV", MATRIX, _matrices, lambda k, d: 1 + k * (d * (d + 1) // 2 - 1)),
    rescales=True,
)
"""Matrices of one determinant."""
