"""EVE and VVE: the axes are the same, and variances along them are free but for the volume of EVE.

The axes are those of Flury's common principal components.  They are found by rotations in one plane
after the other (Flury and Gautschi 1986), each of which is the exact answer to a bound that touches
the likelihood; the bound is that of Browne and McNicholas (2014), who turn all axes at once and
need many more steps, since their steps are short where volumes are uneven.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.restricted import along, geometric_means, restricted, with_volume
from fastgmm.typing import FloatArray

MOST, MOST_WARM = 200, 5
"""The axes are found in at most so many sweeps over all planes.  Where they begin with those of the
last iteration, EM itself is slower, and each sweep makes the likelihood larger."""
TOLERANCE = 1e-12
"""They are found where a sweep gains less than this, in nats per row."""
GOLDEN = 0.6180339887498949
"""Shares that are multiples of it, but for whole numbers, are all different."""


@lru_cache(16)
def _odd_shares(k: int) -> FloatArray:
    return np.asarray(1.0 + np.modf(GOLDEN * np.arange(1, k + 1))[0])


def axes_of(covariances: FloatArray) -> FloatArray:
    """(D, D): in rows, the axes that covariances share.

    A sum of them in odd shares has them, unless it has the same variance along two by chance: then
    sweeps find what is left to turn.
    """
    k, d, _ = covariances.shape
    mean = (_odd_shares(k) @ covariances.reshape(k, -1)).reshape(d, d)
    axes = np.ascontiguousarray(np.linalg.eigh(mean)[1].T)
    rotated, variances = axes @ covariances @ axes.T, np.empty((k, d))
    kernels.share_directions(rotated, np.ones(k), False, MOST, TOLERANCE, axes, variances)
    return axes


def shared_axes(
    covariances: FloatArray, weights: FloatArray, axes: FloatArray | None, equal_volumes: bool
) -> tuple[FloatArray, FloatArray]:
    """The axes, in rows, and the variances (K, D) along them, beginning with axes (D, D)."""
    most = MOST if axes is None else MOST_WARM
    if axes is None:
        axes = np.ascontiguousarray(np.linalg.eigh(np.tensordot(weights, covariances, 1))[1].T)
    rotated, variances = axes @ covariances @ axes.T, np.empty(covariances.shape[:2])
    kernels.share_directions(rotated, weights, equal_volumes, most, TOLERANCE, axes, variances)
    return axes, variances


def _of_one_volume(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    begin = None if previous is None else axes_of(previous)
    axes, variances = shared_axes(covariances, weights, begin, equal_volumes=True)
    return along(axes.T, with_volume(variances, geometric_means(variances), weights))


def _of_any_volume(
    covariances: FloatArray, weights: FloatArray, previous: FloatArray | None
) -> FloatArray:
    begin = None if previous is None else axes_of(previous)
    axes, variances = shared_axes(covariances, weights, begin, equal_volumes=False)
    return along(axes.T, variances)


def _of_axes(d: int) -> int:
    return d * (d - 1) // 2


EVE = replace(
    restricted(
        "EVE", MATRIX, _of_one_volume, lambda k, d: 1 + k * (d - 1) + _of_axes(d), warm=True
    ),
    rescales=True,
)
"""Matrices of the same axes and one determinant."""
VVE = restricted("VVE", MATRIX, _of_any_volume, lambda k, d: k * d + _of_axes(d), warm=True)
"""Matrices of the same axes."""
