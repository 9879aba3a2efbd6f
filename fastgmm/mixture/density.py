"""What a mixture says of rows: densities, responsibilities, labels, and their sums."""

from collections.abc import Callable

import numpy as np

from fastgmm.mixture.mixture import Mixture
from fastgmm.threads import FEWEST_ROWS, rows_per_block, run_blocks

ROWS_AT_ONCE = 16384
"""Criteria look at this many rows at a time, so that rows times components are never in memory."""


def log_density(
    mixture: Mixture, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """(n,): the log density of each row, in nats, written to `out`."""
    return _by_rows(mixture, mixture.packed(rows.dtype).log_density, rows, out, n_threads)


def component_log_density(
    mixture: Mixture, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """(n, K): log N(x | mean_k, covariance_k) of each row x, in nats, written to `out`."""
    return _by_rows(mixture, mixture.packed(rows.dtype).component_log_density, rows, out, n_threads)


def responsibilities(
    mixture: Mixture, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """(n, K): the probability of each component given the row, written to `out`."""
    return _by_rows(mixture, mixture.packed(rows.dtype).responsibilities, rows, out, n_threads)


def labels(mixture: Mixture, rows: np.ndarray, n_threads: int | None = None) -> np.ndarray:
    """(n,) int64: the most probable component of each row."""
    out = np.empty(len(rows), dtype=np.int64)
    return _by_rows(mixture, mixture.packed(rows.dtype).labels, rows, out, n_threads)


def _by_rows(
    mixture: Mixture,
    kernel: Callable[[np.ndarray, np.ndarray], None],
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None,
) -> np.ndarray:
    if len(rows) <= FEWEST_ROWS:
        kernel(rows, out)  # a few rows need no pool of threads
    else:
        block = rows_per_block(*mixture.means.shape)
        run_blocks(
            lambda begin, end: kernel(rows[begin:end], out[begin:end]), len(rows), block, n_threads
        )
    return out


def classification(
    mixture: Mixture,
    rows: np.ndarray,
    sample_weight: np.ndarray | None,
    n_threads: int | None,
) -> tuple[float, float]:
    """The log-likelihood of rows and the sum of log max_k r_ik, both weighted and in nats."""
    log_likelihood = certainty = 0.0
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[begin : begin + ROWS_AT_ONCE]
        density = np.empty(len(part), part.dtype)
        log_density(mixture, part, density, n_threads)
        odds = np.empty((len(part), mixture.n_components), part.dtype)
        responsibilities(mixture, part, odds, n_threads)
        certain = np.log(odds.max(axis=1), dtype=np.float64)
        weight = np.ones(len(part))
        if sample_weight is not None:
            weight = sample_weight[begin : begin + ROWS_AT_ONCE]
            density, certain = density[weight > 0], certain[weight > 0]
            weight = weight[weight > 0]
        log_likelihood += float(weight @ density.astype(np.float64))
        certainty += float(weight @ certain)
    return log_likelihood, certainty


def log_likelihood(
    mixture: Mixture,
    rows: np.ndarray,
    sample_weight: np.ndarray | None,
    n_threads: int | None,
) -> float:
    """The sum of the log densities of rows in nats, each times the weight of its row."""
    density = log_density(mixture, rows, np.empty(len(rows), rows.dtype), n_threads)
    if sample_weight is not None:
        # A row without weight may have the density 0, and 0 times minus infinity is no number.
        counted = sample_weight > 0
        density = sample_weight[counted] * density[counted]
    return float(np.sum(density, dtype=np.float64))
