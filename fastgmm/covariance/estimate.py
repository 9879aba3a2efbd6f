"""Sufficient statistics -> covariances, regularised, for every covariance type."""

import numpy as np

from fastgmm.covariance.factors import factor_covariances
from fastgmm.covariance.types import Shape, shape_of
from fastgmm.em.regularization import Augmented, Regularization
from fastgmm.errors import (
    IllDefinedCovarianceError,
    data_range_error,
    ill_defined_covariance_error,
)
from fastgmm.typing import CovarianceType, FloatArray

CORRELATION_FLOOR = 1e-13
"""Times D: the smallest eigenvalue that a correlation matrix is given when its covariance cannot be
factored as it is."""


SINGULAR = 32 * float(np.finfo(np.float64).eps)
"""Times D: a pivot of an estimated covariance up to this share of its diagonal element is rounding.

It would be of either sign by luck.  (Covariances that the user gives are taken at their word.)
"""


def estimate_covariances(sums: Augmented, shape: Shape, ridge: FloatArray) -> FloatArray:
    """Covariances about the new means, with the ridge on the diagonal.

    The new means are the reference plus a step; what the step takes off the second moments is
    small, because the reference is the last iterate: (sum r d d^T) / n - step step^T.
    """
    step = sums.first_moment / sums.mean_weight[:, None]
    second = sums.second_moment
    if shape.form == "matrix" and not shape.tied:
        covariances = second / sums.covariance_weight[:, None, None]
        share = sums.mean_weight / sums.covariance_weight
        if covariances.size <= 1 << 15:
            covariances -= shape.squares(step, step, share)
        else:
            for covariance, d in zip(covariances, np.sqrt(share)[:, None] * step, strict=True):
                covariance -= d[:, None] * d  # one at a time: K of them fill the cache
    else:
        # of a diagonal, each row of the array is a component
        by_feature = shape.form == "diagonal" and not shape.tied
        divisor = sums.covariance_weight[:, None] if by_feature else sums.covariance_weight
        covariances = second / divisor - shape.squares(step, step, sums.mean_weight) / divisor
    if shape.form != "matrix":
        return np.asarray(np.maximum(covariances, 0.0) + ridge)
    if shape.tied:
        covariances = (covariances + covariances.T) / 2
    diagonal = np.einsum("...jj->...j", covariances)
    diagonal += ridge
    return covariances


def factor_or_repair(
    covariances: FloatArray,
    covariance_type: CovarianceType,
    regularization: Regularization,
    dtype: np.dtype,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariances, L and L^-1.

    With a positive `reg_covar`, covariances that rounding made singular are repaired: `reg_covar`
    is absolute, so that it is lost in the rounding of a covariance that is 1e16 times larger.  The
    eigenvalues of the correlation matrix are then held at a floor.  Where nobody asked for
    regularisation: IllDefinedCovarianceError.
    """
    tolerance = SINGULAR * covariances.shape[-1] if covariances.ndim else 0.0
    try:
        return covariances, *factor_covariances(covariances, covariance_type, tolerance)
    except IllDefinedCovarianceError:
        if not np.isfinite(covariances).all():
            raise data_range_error(dtype) from None
        if regularization.none or shape_of(covariance_type).form != "matrix":
            raise
    stacked = covariances.reshape(-1, *covariances.shape[-2:]).copy()
    for index, covariance in enumerate(stacked):
        try:
            factor_covariances(covariance, "tied", tolerance)
        except IllDefinedCovarianceError:
            floor = np.maximum(np.diagonal(covariance), regularization.reg_covar)
            if not (floor > 0.0).all():
                tied = shape_of(covariance_type).tied
                raise ill_defined_covariance_error(None if tied else index) from None
            stacked[index] = _hold_at_floor(covariance, np.sqrt(floor))
    covariances = stacked.reshape(covariances.shape)
    return covariances, *factor_covariances(covariances, covariance_type)


def check_range(covariances: FloatArray, inverse_factors: FloatArray, dtype: np.dtype) -> None:
    """DataRangeError where covariances or precisions are beyond a dtype."""
    largest = float(np.finfo(dtype).max)
    with np.errstate(over="ignore"):
        beyond = not (
            np.abs(covariances).max() <= largest and (inverse_factors**2).max() <= largest
        )
    if beyond:
        raise data_range_error(dtype)


def _hold_at_floor(covariance: FloatArray, deviations: FloatArray) -> FloatArray:
    # next to a variance that has cancelled its covariances are rounding, too
    correlation = np.clip(covariance / deviations[:, None] / deviations, -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    floor = CORRELATION_FLOOR * len(covariance)
    held: FloatArray = (vectors * np.maximum(eigenvalues, floor)) @ vectors.T
    held = held * deviations[:, None] * deviations
    return (held + held.T) / 2
