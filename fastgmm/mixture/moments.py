"""Moments of a mixture as a whole."""

import numpy as np

from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray


def total_covariance(mixture: Mixture) -> FloatArray:
    """(D, D): the covariance of a whole mixture, within and between its components."""
    model, (k, d) = mixture.covariance_model, mixture.means.shape
    weights = mixture.shares
    off = mixture.means - weights @ mixture.means
    each = model.per_component(mixture.covariances, k)
    if model.form.linear:
        within = model.form.matrices(np.tensordot(weights, each, 1), d)
    else:
        within = np.zeros((d, d))
        for weight, one in zip(weights, each, strict=True):
            within += weight * model.form.matrices(one, d)
    total: FloatArray = within + (weights[:, None] * off).T @ off
    return total
