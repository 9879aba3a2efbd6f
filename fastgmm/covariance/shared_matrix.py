"""VEE: all covariances are multiples of one matrix, found by volumes and matrix in turn.

See Celeux and Govaert 1995.
"""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.restricted import restricted
from fastgmm.covariance.shared_shape import MOST, TOLERANCE
from fastgmm.typing import FloatArray


def _multiples(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    d = covariances.shape[1]
    scales = MATRIX.diagonals(covariances, d).mean(axis=1)
    if previous is not None:
        # Volumes follow the rows of the last iteration, and zero stays what it is.
        volumes = np.exp(np.linalg.slogdet(previous)[1] / d)
        scales = np.where(scales > 0.0, volumes, 0.0)
    shared, scales = np.empty((d, d)), np.ascontiguousarray(scales)
    covariances = np.ascontiguousarray(covariances)
    if kernels.share_matrix(covariances, weights, MOST, TOLERANCE, scales, shared) < 0:
        return covariances
    return scales[:, None, None] * shared


VEE = restricted(
    "VEE", MATRIX, _multiples, lambda k, d: k + d * (d + 1) // 2 - 1, rows=2, warm=True
)
"""Multiples of one matrix."""
