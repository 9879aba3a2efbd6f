"""Moments of a mixture as a whole."""

import numpy as np

from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray


def total_covariance(mixture: Mixture) -> FloatArray:
    """(D, D): of the mixture as a whole, within and between its components."""
    shape, (k, d) = mixture.shape, mixture.means.shape
    weights = mixture.weights
    off = mixture.means - weights @ mixture.means
    each = shape.per_component(mixture.covariances, k)
    within = np.tensordot(weights, each, 1)
    if shape.form != "matrix":
        within = np.diag(np.broadcast_to(within, d))
    total: FloatArray = within + (weights[:, None] * off).T @ off
    return total
