"""Covariances and precisions -> lower Cholesky factors L and their inverses.

For every covariance type; the factors of diagonals and of single variances are standard deviations.
"""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.types import shape_of
from fastgmm.errors import ill_defined_covariance_error
from fastgmm.typing import CovarianceType, FloatArray


def factor_covariances(
    covariances: FloatArray, covariance_type: CovarianceType, tolerance: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """L and L^-1 of float64 covariances.

    A Cholesky pivot up to `tolerance` times its diagonal element counts as zero.

    Raises
    ------
    IllDefinedCovarianceError
        When a covariance is not positive definite.
    """
    shape = shape_of(covariance_type)
    if shape.form != "matrix":
        bad = ~((covariances > 0) & np.isfinite(covariances))
        if bad.any():
            first = None if shape.tied else int(np.argwhere(bad)[0, 0])
            raise ill_defined_covariance_error(first)
        factors = np.sqrt(covariances)
        return factors, 1.0 / factors
    stacked = np.ascontiguousarray(covariances).reshape(-1, *covariances.shape[-2:])
    factors, inverses = np.empty_like(stacked), np.empty_like(stacked)
    failed = kernels.factorize(stacked, factors, inverses, tolerance)
    if failed >= 0:
        raise ill_defined_covariance_error(None if shape.tied else failed)
    return factors.reshape(covariances.shape), inverses.reshape(covariances.shape)


def factor_precisions(
    precisions: FloatArray, covariance_type: CovarianceType
) -> tuple[FloatArray, FloatArray]:
    """L and L^-1 of the covariances whose inverses (float64) are given.

    With J the reversal of the features, J P J = C C^T gives P = (J C J)(J C J)^T, where J C J is
    upper triangular and so is the transpose of L^-1: no matrix is inverted on the way.
    """
    if shape_of(covariance_type).form != "matrix":
        inverses = np.sqrt(precisions)
        return 1.0 / inverses, inverses
    reversed_factors, reversed_inverses = factor_covariances(
        np.ascontiguousarray(precisions[..., ::-1, ::-1]), covariance_type
    )
    inverses = np.swapaxes(reversed_factors[..., ::-1, ::-1], -1, -2)
    factors = np.swapaxes(reversed_inverses[..., ::-1, ::-1], -1, -2)
    return np.ascontiguousarray(factors), np.ascontiguousarray(inverses)


def covariances_of(factors: FloatArray, covariance_type: CovarianceType) -> FloatArray:
    """The covariances whose factors are given."""
    if shape_of(covariance_type).form != "matrix":
        return factors**2
    return factors @ np.swapaxes(factors, -1, -2)


def log_determinants(
    factors: FloatArray, covariance_type: CovarianceType, n_components: int, n_features: int
) -> FloatArray:
    """(K,): log det L of each component, in nats."""
    logs = np.log(shape_of(covariance_type).diagonals(factors, n_features)).sum(axis=-1)
    return np.array(np.broadcast_to(logs, (n_components,)))


def whitened(inverses: FloatArray, vectors: FloatArray) -> FloatArray:
    """L^-1 v for each component: (K, D) of inverse factors (K, ...) and vectors (K, D)."""
    if inverses.ndim == 3:
        products: FloatArray = np.einsum("kij,kj->ki", inverses, vectors)
        return products
    return (inverses if inverses.ndim == 2 else inverses[:, None]) * vectors
