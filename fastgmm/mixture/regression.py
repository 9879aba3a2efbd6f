"""Means and covariances of some columns given the others, for many rows at once."""

import numpy as np

from fastgmm.mixture.conditioning import Cut
from fastgmm.mixture.density import responsibilities
from fastgmm.typing import FloatArray

NUMBERS_AT_ONCE = 1 << 17
"""So many numbers per row and component, 1 MB, are in memory at a time: more would leave the
caches, and fewer would make a call of NumPy cost more than its work."""


def regression(
    cut: Cut, rows: np.ndarray, *, return_cov: bool, n_threads: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """E[missing columns | observed ones] of each row, (n, m), and their covariance (n, m, m).

    All is computed in float64 and comes back in the dtype of the rows; None is in place of
    covariances that nobody asked for.
    """
    n, k, m = len(rows), cut.rest.n_components, cut.rest.n_features
    means = np.empty((n, m), rows.dtype)
    covariances = np.empty((n, m, m), rows.dtype) if return_cov else None
    per_row = k * (rows.shape[1] + m) + (m * m if return_cov else 0)
    step = max(1, NUMBERS_AT_ONCE // per_row)
    within = _within(cut) if return_cov else None
    # Rows at the end of the range overflow; the caller looks for them in the results.
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, n, step):
            part = rows[begin : begin + step].astype(np.float64, copy=False)
            shares = responsibilities(cut.given, part, np.empty((len(part), k)), n_threads)
            each = component_means(cut, part)
            mean = np.einsum("nk,knm->nm", shares, each)
            means[begin : begin + step] = mean
            if covariances is not None and within is not None:
                spread = (shares @ within).reshape(-1, m, m) + _between(shares, each - mean)
                covariances[begin : begin + step] = spread
    return means, covariances


def component_means(cut: Cut, rows: FloatArray) -> FloatArray:
    """(K, n, m): mu_m + A (x_o - mu_o) of each component and row."""
    means = cut.rest.means[:, None, :]
    if cut.slopes is None:
        return np.broadcast_to(means, (len(means), len(rows), means.shape[2]))
    off = rows - cut.given.means[:, None, :]
    each: FloatArray = off @ np.swapaxes(cut.slopes, -1, -2)
    each += means
    return each


def _within(cut: Cut) -> FloatArray:
    """(K, m m): the covariances C, one per line."""
    rest = cut.rest
    model, (k, m) = rest.covariance_model, rest.means.shape
    each = model.form.matrices(model.per_component(rest.covariances, k), m)
    return np.ascontiguousarray(each).reshape(k, -1)


def _between(shares: FloatArray, off: FloatArray) -> FloatArray:
    """(n, m, m): sum_k r_k e_k e_k^T of deviations (K, n, m), exactly symmetric."""
    roots = np.moveaxis(off * np.sqrt(shares.T)[:, :, None], 0, -1)
    products = roots @ np.swapaxes(roots, 1, 2)
    return np.asarray(0.5 * (products + np.swapaxes(products, 1, 2)))
