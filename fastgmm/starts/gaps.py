"""The sample of a start whose rows have gaps: filled by one Gaussian, fitted to what was observed.

Complete rows alone are no start: there may be few of them, or none, and they are not like the rest.
"""

from dataclasses import replace

import numpy as np

from fastgmm import kernels
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample, weight_of_row
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.em.regularization import Regularization
from fastgmm.errors import data_range_error
from fastgmm.mixture.imputation import imputed
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import CovarianceType, FloatArray

MOST_ITERATIONS = 30
"""One Gaussian is fitted in at most this many iterations: it is but a start, and most of it is
found in three."""
LEAST_GAIN = 1e-4
"""It is fitted until an iteration gains less than this, in nats per row."""
LEAST_VARIANCE = 1e-9
"""Its variances are at least this share of the columns' mean variance."""
MOST_FEATURES = 256
"""With more columns than this each is filled with its own mean: a covariance of all would take
longer than the fit."""


def filled(sample: Sample, n_threads: int | None) -> Sample:
    """The sample with conditional means in its gaps; it holds copies of its own rows alone.

    Raises
    ------
    DataRangeError
        When a mean overflows: a start takes no rows but finite ones.
    """
    chosen = np.arange(len(sample.rows)) if sample.whole else np.sort(sample.order)
    rows, weight = sample.rows[chosen], sample.weight
    mixture = _one_gaussian(rows, weight, n_threads)
    order = sample.order if sample.whole else np.searchsorted(chosen, sample.order)
    complete = imputed(mixture, rows, n_threads)
    if not kernels.all_finite(complete):
        raise data_range_error(rows.dtype)
    return replace(sample, rows=complete, order=order)


def _one_gaussian(rows: np.ndarray, weight: np.ndarray | None, n_threads: int | None) -> Mixture:
    """The Gaussian of highest likelihood, found by exact EM from the columns' own moments."""
    kind: CovarianceType = "full" if rows.shape[1] <= MOST_FEATURES else "diag"
    means, variances = _moments(rows, weight)
    ridge = LEAST_VARIANCE * (float(variances.mean()) or 1.0)
    diagonal = np.maximum(variances, ridge)[None]
    covariances = diagonal if kind == "diag" else np.eye(rows.shape[1]) * diagonal
    if kind == "full":
        covariances = covariances[None]
    mixture = Mixture.from_covariances(np.ones(1), means[None], covariances, kind, rows.dtype)
    data = RowData(rows, weight, n_threads, gapped=True)
    regularization = Regularization(np.asarray(ridge)).in_units(weight_of_row(weight))
    last = -np.inf
    for _ in range(MOST_ITERATIONS):
        statistics = expectation(mixture, data, reg_covar=ridge)
        mixture = maximization(statistics, regularization)
        reached = statistics.log_likelihood / statistics.weight
        if not reached - last >= LEAST_GAIN:
            break
        last = reached
    return mixture


def _moments(rows: np.ndarray, weight: np.ndarray | None) -> tuple[FloatArray, FloatArray]:
    """(D,), (D,): means and variances of what was observed of each column."""
    observed = ~np.isnan(rows)
    counts = observed * (1.0 if weight is None else weight[:, None])
    held = np.maximum(counts.sum(axis=0), np.finfo(np.float64).tiny)
    exact = np.where(observed, rows, 0.0).astype(np.float64)
    means = (counts * exact).sum(axis=0) / held
    off = np.where(observed, exact - means, 0.0)
    return means, (counts * off**2).sum(axis=0) / held
