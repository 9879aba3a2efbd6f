"""What a mixture says of rows: densities, responsibilities, labels, and their sums."""

from collections.abc import Callable

import numpy as np

from fastgmm.data.vectors import inner
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.noise import NO_GAPS
from fastgmm.threads import FEWEST_ROWS, rows_per_block, run_blocks
from fastgmm.typing import FloatArray

ROWS_AT_ONCE = 16384
"""Criteria look at this many rows at a time, so that rows times components are never in memory."""


def log_density(
    mixture: Mixture,
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None = None,
    *,
    gaps: bool = False,
) -> np.ndarray:
    """(n,): the log density of each row, in nats, written to `out`.

    Here and below, `gaps` says whether numbers of the rows may be missing, NaN: the density is then
    that of the observed columns, and of nothing it is 1.
    """
    return _by_rows(mixture, "log_density", rows, out, n_threads, gaps)


def component_log_density(
    mixture: Mixture,
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None = None,
    *,
    gaps: bool = False,
) -> np.ndarray:
    """(n, K): log N(x | mean_k, covariance_k) of each row x, in nats, written to `out`."""
    return _by_rows(mixture, "component_log_density", rows, out, n_threads, gaps)


def responsibilities(
    mixture: Mixture,
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None = None,
    *,
    gaps: bool = False,
) -> np.ndarray:
    """(n, K): the probability of each component given the row, written to `out`."""
    return _by_rows(mixture, "responsibilities", rows, out, n_threads, gaps)


def labels(
    mixture: Mixture, rows: np.ndarray, n_threads: int | None = None, *, gaps: bool = False
) -> np.ndarray:
    """(n,) int64: the most probable component of each row; -1 where noise is more so."""
    out = np.empty(len(rows), dtype=np.int64)
    return _by_rows(mixture, "labels", rows, out, n_threads, gaps)


def responsibilities_among(mixture: Mixture, rows: np.ndarray, words: np.ndarray) -> np.ndarray:
    """(n, K): the probability of each component given the row, among those allowed.

    The bits of these, (n, W), are those of `data.labels.bits_of`.
    """
    odds = np.empty((len(rows), mixture.n_components), rows.dtype)
    mixture.packed(rows.dtype).component_log_density(rows, odds)
    odds += mixture.constants.log_weights
    # What labels need is loaded with the first of them.
    from fastgmm.data.labels import sets_of

    odds[~sets_of(words, odds.shape[1])] = -np.inf
    np.exp(odds - odds.max(axis=1, keepdims=True), out=odds)
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def noise_probabilities(
    mixture: Mixture,
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None = None,
    *,
    gaps: bool = False,
) -> np.ndarray:
    """(n,): the probability that a row is noise, written to `out`."""
    log_density(mixture, rows, out, n_threads, gaps=gaps)
    with np.errstate(under="ignore"):
        np.exp(mixture.log_noise - out, out=out)
    np.minimum(out, 1.0, out=out)
    return out


def log_sum(logs: FloatArray, axis: int) -> FloatArray:
    """The logarithm of the sum of exponentials along an axis, which stays; of no addend -inf."""
    most = logs.max(axis=axis, keepdims=True)
    most[np.isneginf(most)] = 0.0
    with np.errstate(divide="ignore"):
        total: FloatArray = np.log(np.exp(logs - most).sum(axis=axis, keepdims=True)) + most
    return total


def _by_rows(
    mixture: Mixture,
    name: str,
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None,
    gaps: bool,
) -> np.ndarray:
    """The results of the kernel of this name for all rows."""
    k = mixture.n_components
    if not gaps:
        return in_blocks(getattr(mixture.packed(rows.dtype), name), k, rows, out, n_threads)
    if mixture.noise is not None:
        raise ValueError(NO_GAPS)
    # What gaps need is loaded with the first of them.
    from fastgmm.mixture.patterns import scores

    return scores(mixture, rows, name, out, n_threads)


def in_blocks(
    kernel: Callable[[np.ndarray, np.ndarray], None],
    n_components: int,
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None,
) -> np.ndarray:
    """The results of a kernel for all rows (n, D), written to `out`."""
    if len(rows) <= FEWEST_ROWS:
        kernel(rows, out)  # a few rows need no pool of threads
    else:
        block = rows_per_block(n_components, rows.shape[1])
        run_blocks(
            lambda begin, end: kernel(rows[begin:end], out[begin:end]), len(rows), block, n_threads
        )
    return out


def classification(
    mixture: Mixture,
    rows: np.ndarray,
    sample_weight: np.ndarray | None,
    n_threads: int | None,
    *,
    gaps: bool = False,
) -> tuple[float, float]:
    """The log-likelihood of rows and the sum of log max_k r_ik, both weighted and in nats.

    Noise is one of the k.
    """
    log_likelihood = certainty = 0.0
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[begin : begin + ROWS_AT_ONCE]
        density = np.empty(len(part), part.dtype)
        log_density(mixture, part, density, n_threads, gaps=gaps)
        odds = np.empty((len(part), mixture.n_components), part.dtype)
        responsibilities(mixture, part, odds, n_threads, gaps=gaps)
        most = odds.max(axis=1)
        if mixture.noise is not None:
            most = np.maximum(most, np.exp(mixture.log_noise - density))
        certain = np.log(most, dtype=np.float64)
        weight = np.ones(len(part))
        if sample_weight is not None:
            weight = sample_weight[begin : begin + ROWS_AT_ONCE]
            density, certain = density[weight > 0], certain[weight > 0]
            weight = weight[weight > 0]
        log_likelihood += inner(weight, density.astype(np.float64))
        certainty += inner(weight, certain)
    return log_likelihood, certainty


def log_likelihood(
    mixture: Mixture,
    rows: np.ndarray,
    sample_weight: np.ndarray | None,
    n_threads: int | None,
    *,
    gaps: bool = False,
) -> float:
    """The sum of the log densities of rows in nats, each times the weight of its row."""
    out = np.empty(len(rows), rows.dtype)
    density = log_density(mixture, rows, out, n_threads, gaps=gaps)
    if sample_weight is not None:
        # A row without weight may have the density 0, and 0 times minus infinity is no number.
        counted = sample_weight > 0
        density = sample_weight[counted] * density[counted]
    return float(np.sum(density, dtype=np.float64))
