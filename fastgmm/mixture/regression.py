"""Means and covariances of some columns given the others, for many rows at once."""

import numpy as np

from fastgmm.data.patterns import patterns_of
from fastgmm.mixture.conditioning import Columns, Cut, cut_of, marginal
from fastgmm.mixture.density import responsibilities
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
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
    step = max(1, NUMBERS_AT_ONCE // (rows.shape[1] + k * (m + 1) + (m * m if return_cov else 0)))
    lines = cut.lines
    within = _within(cut) if return_cov else None
    # Rows at the end of the range overflow; the caller looks for them in the results.
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, n, step):
            part = rows[begin : begin + step].astype(np.float64, copy=False)
            shares = responsibilities(cut.given, part, np.empty((len(part), k)), n_threads)
            slopes = lines.slopes_times(part)
            mean = lines.mean(shares, slopes)
            means[begin : begin + step] = mean
            if covariances is not None and within is not None:
                off = lines.intercepts + slopes - mean[:, None, :]
                spread = (shares @ within).reshape(-1, m, m) + _between(shares, off)
                covariances[begin : begin + step] = spread
    return means, covariances


def regression_with_gaps(
    mixture: Mixture,
    asked: Columns,
    others: Columns,
    rows: np.ndarray,
    *,
    return_cov: bool,
    n_threads: int | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """What `regression` returns, of the columns asked for, given what was observed of the others.

    NaN in the rows (n, p) of the others is a gap; a row without any value is told the moments of
    the mixture.
    """
    n, m = len(rows), len(asked)
    means = np.empty((n, m), rows.dtype)
    covariances = np.empty((n, m, m), rows.dtype) if return_cov else None
    for pattern in patterns_of(rows):
        known = tuple(others[j] for j in pattern.observed)
        if known:
            some = pattern.of(rows)
            cut = cut_of(mixture, known, asked)
            found = regression(cut, some, return_cov=return_cov, n_threads=n_threads)
        else:
            of_all = marginal(mixture, np.array(asked))
            found = np.asarray(of_all.weights @ of_all.means), total_covariance(of_all)
        means[pattern.index] = found[0]
        if covariances is not None:
            covariances[pattern.index] = found[1]
    return means, covariances


def _within(cut: Cut) -> FloatArray:
    """(K, m m): the covariances C, one per line."""
    rest = cut.rest
    model, (k, m) = rest.covariance_model, rest.means.shape
    each = model.form.matrices(model.per_component(rest.covariances, k), m)
    return np.ascontiguousarray(each).reshape(k, -1)


def _between(shares: FloatArray, off: FloatArray) -> FloatArray:
    """(n, m, m): sum_k r_k e_k e_k^T of deviations (n, K, m), exactly symmetric."""
    roots = off * np.sqrt(shares)[:, :, None]
    products = np.swapaxes(roots, 1, 2) @ roots
    return np.asarray(0.5 * (products + np.swapaxes(products, 1, 2)))
