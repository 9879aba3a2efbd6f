"""Covariances are estimated from sufficient statistics, regularised and factored."""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.forms import Form
from fastgmm.errors import (
    IllDefinedCovarianceError,
    data_range_error,
    ill_defined_covariance_error,
)
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

LARGEST = {np.dtype(kind): float(np.finfo(kind).max) for kind in (np.float32, np.float64)}
"""The largest number of each dtype that rows can have, by that dtype."""
PIVOT_ROUNDING = 32 * float(np.finfo(np.float64).eps)
"""A pivot of an estimated covariance up to this times D times its diagonal element is rounding, of
either sign by luck.  (Covariances that the user gives are taken at their word.)"""


@dataclass(frozen=True, eq=False)
class Augmented:
    """Sums over rows and what a prior adds to them, with the divisors of means and covariances.

    Parameters
    ----------
    reference, first_moment, second_moment : ndarray
        The arrays of `SufficientStatistics` of these names, with the prior's share.
    mean_weight : ndarray of shape (K,)
        The divisors of the first moments.
    covariance_weight : ndarray of shape (K,), or () if tied
        The divisors of the second moments; they count each feature for one that all share.
    """

    reference: FloatArray
    first_moment: FloatArray
    second_moment: FloatArray
    mean_weight: FloatArray
    covariance_weight: FloatArray


def sample_covariances(form: Form, tied: bool, sums: Augmented, ridge: FloatArray) -> FloatArray:
    """The covariances about the new means, with the ridge on the diagonal, by their kernel.

    The new means are the reference plus a step; what the step takes off the second moments is
    small, because the reference is the last iterate: (sum r d d^T) / n - step step^T.  Variances
    that rounding left below zero count as zero where they are stored alone.
    """
    covariances = np.empty(np.shape(sums.second_moment))
    kernels.estimate(
        form.name,
        tied,
        np.ascontiguousarray(sums.first_moment),
        np.ascontiguousarray(sums.second_moment),
        sums.mean_weight,
        sums.covariance_weight,
        np.ascontiguousarray(ridge),
        covariances,
    )
    return covariances


def factor_or_repair(
    form: Form, covariances: FloatArray, floor: FloatArray | None, dtype: np.dtype
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The covariances and their factors L and L^-1.

    With a `floor`, () or (D,), which is `reg_covar`, covariances that rounding made singular are
    repaired: a ridge is absolute, and is lost in the rounding of a covariance that is 1e16 times
    larger.

    Raises
    ------
    IllDefinedCovarianceError
        When a covariance is singular and there is no floor, as nobody asked for regularisation.
    DataRangeError
        When a covariance is not finite.
    """
    try:
        return covariances, *form.factor(covariances, PIVOT_ROUNDING)
    except IllDefinedCovarianceError as error:
        if not np.isfinite(covariances).all():
            raise data_range_error(dtype) from None
        if floor is None:
            single = dtype == np.float32
            raise ill_defined_covariance_error(error.component, single_precision=single) from None
    covariances = form.held_at(covariances, floor, PIVOT_ROUNDING)
    return covariances, *form.factor(covariances)


def check_range(covariances: FloatArray, inverse_factors: FloatArray, dtype: np.dtype) -> None:
    """Raise DataRangeError where covariances or precisions are beyond a dtype."""
    largest = LARGEST[dtype]
    # Python's product of floats overflows to inf without a warning.
    inverse = _largest_size(inverse_factors)
    if not (_largest_size(covariances) <= largest and inverse * inverse <= largest):
        raise data_range_error(dtype)


def _largest_size(array: FloatArray) -> float:
    """The largest absolute number, without a second array of them; NaN where there is one."""
    highest, lowest = float(array.max()), float(array.min())
    return highest if highest != highest or highest > -lowest else -lowest
