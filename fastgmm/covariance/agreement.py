"""Whether matrices and factors that come from a file are what covariances can be."""

import math
from collections.abc import Iterator

import numpy as np

from fastgmm.covariance.model import CovarianceModel
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.typing import FloatArray

TOLERANCE = 1e-6
"""Factors may differ by this share: other processors, and covariances that users gave with
triangles that differ by rounding, stay far below it."""
TINY = float(np.finfo(np.float64).tiny)
"""The smallest normal number stands for a scale of zeros."""
NUMBERS_AT_ONCE = 1 << 16
"""Matrices of this many numbers are compared at a time, so that a file needs no second copy."""


def factors_agree(
    model: CovarianceModel,
    covariances: FloatArray,
    factors: FloatArray,
    inverse_factors: FloatArray,
) -> bool:
    """Whether L L^T are the covariances and L^-1 the inverses of L; all are finite numbers.

    All variances and all pivots must be positive.
    """
    with np.errstate(all="ignore"):
        if not model.form.linear:
            return _low_rank_agrees(model, covariances, factors, inverse_factors)
        if model.form.ndim == 2:
            return all(map(_matrices_agree, *map(_parts, (covariances, factors, inverse_factors))))
        same = np.abs(factors * factors - covariances) <= TOLERANCE * covariances
        inverse = np.abs(factors * inverse_factors - 1.0) <= TOLERANCE
        return bool((covariances > 0).all() and (factors > 0).all() and (same & inverse).all())


def is_symmetric(matrices: FloatArray) -> bool:
    """Whether finite matrices (..., D, D) are symmetric up to the rounding of their largest."""
    with np.errstate(all="ignore"):
        return all(
            bool((_skew(part) <= TOLERANCE * np.abs(part).max()).all()) for part in _parts(matrices)
        )


def is_nonnegative(scale: FloatArray) -> bool:
    """Whether variances, or the eigenvalues of a finite matrix, are zero or more."""
    if scale.ndim < 2:
        return bool((scale >= 0).all())
    largest = float(np.abs(scale).max())
    return is_symmetric(scale) and bool(
        np.linalg.eigvalsh(scale / max(largest, TINY))[0] > -TOLERANCE
    )


def _parts(matrices: FloatArray) -> Iterator[FloatArray]:
    """Some of the matrices (..., D, D) at a time, as (k, D, D)."""
    sizes = matrices.shape[-2:]
    stacked, step = matrices.reshape(-1, *sizes), max(1, NUMBERS_AT_ONCE // math.prod(sizes))
    for begin in range(0, len(stacked), step):
        yield stacked[begin : begin + step]


def _skew(matrices: FloatArray) -> FloatArray:
    return np.abs(matrices - np.swapaxes(matrices, -1, -2))


def _low_rank_agrees(
    model: CovarianceModel, covariances: FloatArray, factors: FloatArray, inverses: FloatArray
) -> bool:
    """Whether factors and inverses are those that the covariances have, which are made again."""
    try:
        own = model.form.factor(covariances)
    except IllDefinedCovarianceError:
        return False
    shape = model.form.shape(0)
    below = covariances[..., -shape[0] :, :]
    return not below.any() and all(
        bool((np.abs(given - made) <= TOLERANCE * np.abs(made).max()).all())
        for given, made in zip((factors, inverses), own, strict=True)
    )


def _matrices_agree(covariances: FloatArray, factors: FloatArray, inverses: FloatArray) -> bool:
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    for triangular in (factors, inverses):
        pivots = np.diagonal(triangular, axis1=1, axis2=2)
        if np.triu(triangular, 1).any() or not (pivots > 0).all():
            return False
    if not (variances > 0).all():
        return False
    deviations = np.sqrt(variances)
    allowed = TOLERANCE * deviations[:, :, None] * deviations[:, None, :]
    # The kernel that factors a covariance reads its upper triangle only.
    off = np.triu(factors @ np.swapaxes(factors, 1, 2) - covariances)
    # Triangles differ by no more than is taken from users: see `MatrixForm.fault`.
    symmetric = _skew(covariances) <= 1.001e-8 + 1.001e-5 * np.abs(covariances)
    if not (np.abs(off) <= allowed).all() or not symmetric.all():
        return False
    residual = np.abs(inverses @ factors - np.eye(factors.shape[-1]))
    return bool((residual <= TOLERANCE * (np.abs(inverses) @ np.abs(factors))).all())
