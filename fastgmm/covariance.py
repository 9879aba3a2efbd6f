"""Sufficient statistics -> covariances, regularised, for the four covariance types."""

import numpy as np

from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.factors import factor_covariances
from fastgmm.statistics import SufficientStatistics
from fastgmm.typing import CovarianceType, FloatArray

CORRELATION_FLOOR = 1e-13
"""Times D: the smallest eigenvalue that a correlation matrix is given when its covariance cannot be
factored as it is."""


SINGULAR = 32 * float(np.finfo(np.float64).eps)
"""Times D: a pivot of an estimated covariance up to this share of its diagonal element is rounding.

It would be of either sign by luck.  (Covariances that the user gives are taken at their word.)
"""


def estimate_covariances(
    statistics: SufficientStatistics, component_weight: FloatArray, reg_covar: float
) -> FloatArray:
    """Maximum-likelihood covariances about the new means, plus `reg_covar` on the diagonal.

    The new means are the reference plus a step; what the step takes off the second moments is
    small, because the reference is the last iterate: (sum r d d^T) / n - step step^T.
    """
    step = statistics.first_moment / component_weight[:, None]
    second = statistics.second_moment
    if statistics.covariance_type == "full":
        covariances = second / component_weight[:, None, None]
        if covariances.size <= 1 << 15:
            covariances -= step[:, :, None] * step[:, None, :]
        else:
            for covariance, d in zip(covariances, step, strict=True):
                covariance -= d[:, None] * d  # one at a time: K of them fill the cache, and more
    elif statistics.covariance_type == "tied":
        covariances = (
            second - (component_weight[:, None] * step).T @ step
        ) / component_weight.sum()
        covariances = (covariances + covariances.T) / 2
    elif statistics.covariance_type == "diag":
        return np.maximum(second / component_weight[:, None] - step**2, 0.0) + reg_covar
    else:
        variances: FloatArray = (second / component_weight - (step**2).sum(axis=1)) / step.shape[1]
        return np.maximum(variances, 0.0) + reg_covar
    diagonal = np.einsum("...jj->...j", covariances)
    diagonal += reg_covar
    return covariances


def factor_or_repair(
    covariances: FloatArray, covariance_type: CovarianceType, reg_covar: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariances, L and L^-1.

    With a positive `reg_covar`, covariances that rounding made singular are repaired: `reg_covar`
    is absolute, so that it is lost in the rounding of a covariance that is 1e16 times larger.  The
    eigenvalues of the correlation matrix are then held at a floor.  With ``reg_covar=0`` nobody
    asked for regularisation: IllDefinedCovarianceError.
    """
    tolerance = SINGULAR * covariances.shape[-1]
    try:
        return covariances, *factor_covariances(covariances, covariance_type, tolerance)
    except IllDefinedCovarianceError:
        if (
            reg_covar == 0
            or covariance_type in ("diag", "spherical")
            or not np.isfinite(covariances).all()
        ):
            raise
    stacked = covariances.reshape(-1, *covariances.shape[-2:]).copy()
    for index, covariance in enumerate(stacked):
        try:
            factor_covariances(covariance, "tied", tolerance)
        except IllDefinedCovarianceError:
            stacked[index] = _hold_at_floor(covariance, reg_covar)
    covariances = stacked.reshape(covariances.shape)
    return covariances, *factor_covariances(covariances, covariance_type)


def _hold_at_floor(covariance: FloatArray, reg_covar: float) -> FloatArray:
    diagonal = np.diagonal(covariance)
    # a variance may have cancelled to less than nothing
    deviations = np.sqrt(np.maximum(diagonal, reg_covar))
    correlation = covariance / deviations[:, None] / deviations
    eigenvalues, vectors = np.linalg.eigh(correlation)
    floor = CORRELATION_FLOOR * len(covariance)
    held: FloatArray = (vectors * np.maximum(eigenvalues, floor)) @ vectors.T
    held = held * deviations[:, None] * deviations
    return (held + held.T) / 2
