"""The posterior predictive density: a mixture of Student's t distributions."""

import numpy as np

from fastgmm.mixture.distance import mahalanobis
from fastgmm.mixture.gamma import log_gamma
from fastgmm.mixture.posterior import Posterior

ROWS_AT_ONCE = 1 << 14
"""The distances of so many rows are in memory together."""


def predictive_log_density(
    posterior: Posterior, rows: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """(n,): the log density of each row, in nats (Bishop 2006, 10.81 and 10.82).

    The precision of each component has a Wishart distribution, for diagonals and single variances
    that of the matrix written out, as in the rest of the posterior.
    """
    k, d = posterior.means.shape
    known, dof = posterior.mean_precision, np.broadcast_to(posterior.dof, k)
    degrees = dof + 1.0 - d
    # Of the covariances these multiples are the squared scales of the t distributions.
    multiple = (1.0 + known) / known * dof / degrees
    log_scales = posterior.form.log_determinants(posterior.factors, d) + 0.5 * d * np.log(multiple)
    offsets = log_gamma(0.5 * (degrees + d)) - log_gamma(0.5 * degrees)
    offsets = offsets - 0.5 * d * np.log(degrees * np.pi) - log_scales + np.log(posterior.weights)
    out = np.empty(len(rows), rows.dtype)
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[begin : begin + ROWS_AT_ONCE]
        distances = mahalanobis(posterior, some, np.empty((len(some), k), rows.dtype), n_threads)
        with np.errstate(over="ignore"):
            squares = distances.astype(np.float64) ** 2 / (multiple * degrees)
        joint = offsets - 0.5 * (degrees + d) * np.log1p(squares)
        highest = joint.max(axis=1)
        with np.errstate(invalid="ignore"):
            sums = np.exp(joint - highest[:, None]).sum(axis=1)
        out[begin : begin + len(some)] = highest + np.log(sums)
    return out
