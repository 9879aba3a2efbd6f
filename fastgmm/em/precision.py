"""The precision of a pass: where float32 rows need their sums in float64.

A product of two float32 numbers is rounded by a share of 6e-8, and so is what a kernel sums of
products in one block.  Where columns are nearly dependent, the variance in some direction is a tiny
share of the columns' own, and that rounding is a large share of it: the M-step then makes another
covariance of it in each iteration, and the log-likelihood goes up and down for ever.  The rows
themselves are not to blame, so that the same rows in float64 have no such noise.
"""

import numpy as np

from fastgmm import kernels
from fastgmm.mixture.mixture import FLOAT64, Mixture

SINGLE = np.dtype(np.float32)
"""Rows of this dtype have sums of it, too, where that is good enough."""
EPSILON = float(np.finfo(np.float32).eps)
"""The spacing of float32 numbers at one."""
SPARE = 16.0
"""The noise that is foretold must be under the target over this.  Measured on 400 data sets of
condition 1 to 1e12, changes by noise are 1e-4 to 1 times what is foretold."""
LEAST_TARGET = 1e-7
"""No smaller noise than this, in nats per row, is asked for: float32 rows are seldom better."""


def noise_of_float32(mixture: Mixture) -> float:
    """What the mean log-likelihood of EM goes up and down by where sums are in float32, in nats.

    The inflation of a component's variances is the trace of its inverse covariance times its
    diagonal: D where features are uncorrelated, and infinite where they are dependent.  The sums
    are wrong by its product with the spacing of float32, as a share of the covariance, and near the
    maximum the log-likelihood falls with the square of that.
    """
    model, n_features = mixture.covariance_model, mixture.n_features
    form = model.form
    if form.ndim < 2:
        return 0.0  # no feature depends on another
    if not form.linear:
        variances = form.diagonals(mixture.covariances, n_features)
        inflation = float(form.ridge_traces(mixture.inverse_factors, variances).max())
        return (EPSILON * inflation) ** 2
    n_covariances = 1 if model.tied else mixture.n_components
    inflation = kernels.largest_inflation(
        n_covariances, n_features, mixture.covariances, mixture.inverse_factors
    )
    share: float = EPSILON * inflation
    return share * share


def most_noise(target: float) -> float:
    """The noise that sums over float32 rows may have for a distance to the limit of `target`."""
    return max(target, LEAST_TARGET) / SPARE


def dtype_of_sums(mixture: Mixture, rows: np.dtype, target: float) -> np.dtype:
    """The dtype of the sums of one pass over rows of a dtype.

    `target` is the distance to the limit that a run is to reach, in nats per row.
    """
    if rows != SINGLE:
        return rows
    return FLOAT64 if noise_of_float32(mixture) > most_noise(target) else rows
