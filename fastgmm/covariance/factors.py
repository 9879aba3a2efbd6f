"""Cholesky factors of covariances of any form, by their kernels."""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.forms import Form
from fastgmm.errors import ill_defined_covariance_error
from fastgmm.typing import FloatArray


def factored(
    form: Form, covariances: FloatArray, n_features: int, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """L and L^-1 of one covariance, or of several along a first axis.

    Raises
    ------
    IllDefinedCovarianceError
        When a covariance is not positive definite, which it names where there are several.
    """
    covariances = np.asarray(covariances, order="C")
    factors, inverses = np.empty_like(covariances), np.empty_like(covariances)
    several = covariances.ndim > form.ndim
    n_covariances = len(covariances) if several else 1
    failed = kernels.factorize(
        form.name, n_covariances, n_features, covariances, factors, inverses, tolerance
    )
    if failed >= 0:
        raise ill_defined_covariance_error(failed if several else None)
    return factors, inverses


def log_determinants_of(form: Form, factors: FloatArray, n_features: int) -> FloatArray:
    """(...): log det L of one factor, or of several along a first axis."""
    logs = np.empty(factors.shape[: factors.ndim - form.ndim])
    kernels.log_determinants(form.name, n_features, np.ascontiguousarray(factors), logs)
    return logs
