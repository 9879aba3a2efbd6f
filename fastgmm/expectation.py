"""The E-step: rows and a mixture -> sufficient statistics.

And the densities, responsibilities and labels on the way.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fastgmm.bounds import SKIP, CarriedBounds
from fastgmm.parallel import FEWEST_ROWS, fold_blocks, rows_per_block, run_blocks, threads_used
from fastgmm.parameters import Parameters
from fastgmm.statistics import SufficientStatistics

Sums = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Component weights, first and second moments."""
NEGLIGIBLE = 2.0**-53
"""Responsibilities up to this are left out of the sums: they change a component of at least one row
by rounding only."""


def expectation(
    parameters: Parameters,
    rows: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    reg_covar: float = 0.0,
    n_threads: int | None = None,
    given: Callable[[int, int], np.ndarray] | None = None,
    bounds: CarriedBounds | None = None,
) -> SufficientStatistics:
    """The statistics of rows (n, D) under a mixture (Bishop 2006, equations 9.23 to 9.28, as sums).

    Parameters
    ----------
    parameters : Parameters
    rows : C-contiguous float32 or float64 ndarray of shape (n, D)
    sample_weight : float64 ndarray of shape (n,), optional
    reg_covar : float
        What the M-step will add: from means far from the rows, where rounding would show beside it,
        the sums are taken again about the new means.
    n_threads : int, optional
        None: all that this process may use.  The result does not depend on it.
    given : callable, optional
        given(begin, end) -> (end - begin, K) responsibilities of the rows' dtype, in place of the
        mixture's own; the log-likelihood is then 0.
    bounds : CarriedBounds, optional
        What the last pass over these rows left for this one; changed.
    """
    n_samples = len(rows)
    packed = parameters.packed(rows.dtype)
    all_weights = sample_weight
    sample_weight, exponent = _near_one(sample_weight)
    weight = float(n_samples) if sample_weight is None else float(sample_weight.sum())
    thresholds = np.zeros(parameters.n_components)
    if given is None:
        # a component of less than one row keeps what it holds, and a light row what it brings
        lightest = 1.0 if sample_weight is None else _smallest_positive(sample_weight)
        thresholds = NEGLIGIBLE * np.minimum(lightest, parameters.weights * weight)
    limits = bounds.begin(parameters) if bounds is not None else None
    if limits is not None:
        heaviest = 1.0 if sample_weight is None else float(sample_weight.max())
        with np.errstate(divide="ignore"):
            cut = 0.5 * np.log(thresholds / (heaviest * parameters.n_components))
        limits = np.concatenate([limits, cut[np.newaxis]])
    if not SKIP:
        thresholds = np.full_like(thresholds, -1.0)
    block = rows_per_block(*parameters.means.shape)
    # one thread adds each block to the total at once, several one block after the other: the same
    # additions in the same order
    alone = threads_used(n_samples, block, n_threads) == 1
    total = _zero_sums(parameters)
    spare: list[Sums] = []

    def sums_of_block(begin: int, end: int) -> tuple[Sums, float, np.ndarray]:
        sums = total if alone else spare.pop() if spare else _zero_sums(parameters)
        counts = np.zeros(2, np.int64)
        carried = None
        if limits is not None and bounds is not None:
            carried = bounds.of_block(begin, end), limits
        weights = None if sample_weight is None else sample_weight[begin:end]
        responsibilities = None if given is None else given(begin, end)
        log_likelihood = packed.expectation(
            rows[begin:end], weights, responsibilities, thresholds, *sums, carried, counts
        )
        return sums, log_likelihood, counts

    log_likelihood = 0.0
    counts = np.zeros(2, np.int64)

    def combine(of_block: tuple[Sums, float, np.ndarray]) -> None:
        nonlocal log_likelihood, counts
        sums, log_likelihood_of_block, counts_of_block = of_block
        log_likelihood += log_likelihood_of_block
        counts += counts_of_block
        if sums is not total:
            for array, addend in zip(total, sums, strict=True):
                array += addend
                addend.fill(0.0)
            spare.append(sums)

    fold_blocks(sums_of_block, combine, n_samples, block, n_threads)
    if bounds is not None:
        bounds.end(*(counts / max(1, n_samples * parameters.n_components)))
    if exponent:
        for array in total:
            np.ldexp(array, exponent, out=array)
        weight, log_likelihood = math.ldexp(weight, exponent), math.ldexp(log_likelihood, exponent)
    component_weight, first_moment, second_moment = total
    statistics = SufficientStatistics(
        covariance_type=parameters.covariance_type,
        # what the kernels subtracted
        reference=parameters.means.astype(rows.dtype).astype(np.float64),
        component_weight=component_weight,
        first_moment=first_moment,
        second_moment=second_moment,
        n_samples=n_samples,
        weight=weight,
        log_likelihood=log_likelihood,
        dtype=rows.dtype,
    )
    if given is None and statistics.cancels(reg_covar):
        about = _recentred(parameters, statistics.means, rows, all_weights, n_threads)
        return replace(about, log_likelihood=log_likelihood)
    return statistics


def _recentred(
    parameters: Parameters,
    means: np.ndarray,
    rows: np.ndarray,
    sample_weight: np.ndarray | None,
    n_threads: int | None,
) -> SufficientStatistics:
    """The statistics of the same responsibilities about other means (K, D); costs two passes."""
    packed = parameters.packed(rows.dtype)

    def responsibilities_of_block(begin: int, end: int) -> np.ndarray:
        out = np.empty((end - begin, parameters.n_components), rows.dtype)
        packed.responsibilities(rows[begin:end], out)
        return out

    return expectation(
        replace(parameters, means=means),
        rows,
        sample_weight,
        n_threads=n_threads,
        given=responsibilities_of_block,
    )


def _smallest_positive(sample_weight: np.ndarray) -> float:
    """The smallest positive weight, or 1."""
    return float(sample_weight.min(initial=1.0, where=sample_weight > 0))


def _near_one(sample_weight: np.ndarray | None) -> tuple[np.ndarray | None, int]:
    """Weights times a power of two that brings the largest near 1, and the exponent that undoes it.

    Weights may be of any unit: the kernels multiply by them in the dtype of the rows, and float32
    ends at 1e38.
    """
    if sample_weight is None or not len(sample_weight):
        return sample_weight, 0
    exponent = math.frexp(float(sample_weight.max()))[1]
    if abs(exponent) <= 32:
        return sample_weight, 0
    return np.ldexp(sample_weight, -exponent), exponent


def carried_bounds(rows: np.ndarray, covariance_type: str, n_components: int) -> CarriedBounds:
    """Empty bounds for passes over these rows (n, D)."""
    block = rows_per_block(n_components, rows.shape[1])
    return CarriedBounds(rows, block, covariance_type, n_components)


def _zero_sums(parameters: Parameters) -> Sums:
    return (
        np.zeros(parameters.weights.shape),
        np.zeros(parameters.means.shape),
        np.zeros(parameters.covariances.shape),
    )


def log_density(
    parameters: Parameters, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """Out (n,) = log density of each row, in nats."""
    return _by_rows(parameters, parameters.packed(rows.dtype).log_density, rows, out, n_threads)


def component_log_density(
    parameters: Parameters, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """Out (n, K) = log N(x | mean_k, covariance_k), in nats."""
    return _by_rows(
        parameters, parameters.packed(rows.dtype).component_log_density, rows, out, n_threads
    )


def responsibilities(
    parameters: Parameters, rows: np.ndarray, out: np.ndarray, n_threads: int | None = None
) -> np.ndarray:
    """Out (n, K) = probability of each component given the row."""
    return _by_rows(
        parameters, parameters.packed(rows.dtype).responsibilities, rows, out, n_threads
    )


def labels(parameters: Parameters, rows: np.ndarray, n_threads: int | None = None) -> np.ndarray:
    """(n,) int64: the most probable component of each row."""
    out = np.empty(len(rows), dtype=np.int64)
    return _by_rows(parameters, parameters.packed(rows.dtype).labels, rows, out, n_threads)


def _by_rows(
    parameters: Parameters,
    kernel: Callable[[np.ndarray, np.ndarray], None],
    rows: np.ndarray,
    out: np.ndarray,
    n_threads: int | None,
) -> np.ndarray:
    if len(rows) <= FEWEST_ROWS:
        kernel(rows, out)  # a few rows: on the calling thread, with no pool
    else:
        block = rows_per_block(*parameters.means.shape)
        run_blocks(
            lambda begin, end: kernel(rows[begin:end], out[begin:end]), len(rows), block, n_threads
        )
    return out
