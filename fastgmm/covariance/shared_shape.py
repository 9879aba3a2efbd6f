"""VEI, EEV and VEV: the shape is the same, along the features or along each component's own axes.

The most likely axes of a component are those of its covariance without the restriction, so that all
three are about variances alone: EEV has their mean, and the others find volumes and shape in turn
(Celeux and Govaert 1995).
"""

from dataclasses import replace

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.restricted import along, restricted
from fastgmm.typing import FloatArray

MOST = 1000
"""Volumes and shape are found in at most so many iterations; most often it takes ten."""
TOLERANCE = 1e-12
"""They are found where no volume changes by a larger share."""
FEW_FEATURES = 32
"""Up to so many features Jacobi's method, with matrices side by side, takes less time than LAPACK's
for one after the other: a third at 16."""
SWEEPS, ROUNDING = 40, 1e-15
"""Its sweeps, at most, of which it needs six; less than this share of a variance is zero."""


def scaled_shapes(
    variances: FloatArray, weights: FloatArray, shape: FloatArray | None
) -> FloatArray | None:
    """(K, D): volume times shape of variances (K, D), beginning with a shape (D,).

    None where no component has any variance in some direction.
    """
    variances = np.ascontiguousarray(variances)
    pooled = weights @ variances
    if not (pooled > 0.0).all():
        return None
    shape = np.array(pooled if shape is None else shape)
    scales = np.empty(len(weights))
    kernels.share_shape(variances, weights, MOST, TOLERANCE, shape, scales)
    return scales[:, None] * shape


def own_axes(covariances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (K, D), in ascending order, and eigenvectors (K, D, D), in columns."""
    if covariances.shape[1] > FEW_FEATURES:
        values, vectors = np.linalg.eigh(covariances)
        return values, vectors
    axes, variances = np.empty(covariances.shape), np.empty(covariances.shape[:2])
    kernels.own_directions(np.ascontiguousarray(covariances), SWEEPS, ROUNDING, axes, variances)
    order = np.argsort(variances, axis=1, kind="stable")
    variances = np.take_along_axis(variances, order, 1)
    return variances, np.take_along_axis(axes, order[:, None], 2)


def _diagonals(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    found = scaled_shapes(covariances, weights, None if previous is None else previous[0])
    return covariances if found is None else found


def _mean_variances(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    variances, axes = own_axes(covariances)
    mean = weights @ np.maximum(variances, 0.0) / weights.sum()
    return along(axes, np.broadcast_to(mean, variances.shape))


def _own_axes(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    variances, axes = own_axes(covariances)
    shape = None if previous is None else np.linalg.eigvalsh(previous[0])
    if shape is not None and not shape[0] > 0.0:
        shape = None  # it is lost in rounding
    found = scaled_shapes(np.maximum(variances, 0.0), weights, shape)
    return covariances if found is None else along(axes, found)


def _turned(k: int, d: int) -> int:
    """The number of free parameters of a shape and of K sets of axes."""
    return d - 1 + k * (d * (d - 1) // 2)


VEI = restricted("VEI", DIAGONAL, _diagonals, lambda k, d: k + d - 1, rows=2, warm=True)
"""Multiples of one diagonal."""
EEV = replace(
    restricted("EEV", MATRIX, _mean_variances, lambda k, d: 1 + _turned(k, d), rows=1),
    own_axes=True,
)
"""Matrices of the same eigenvalues."""
VEV = replace(
    restricted("VEV", MATRIX, _own_axes, lambda k, d: k + _turned(k, d), rows=2, warm=True),
    own_axes=True,
)
"""Matrices whose eigenvalues are multiples of the same ones."""
