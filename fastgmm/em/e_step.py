"""The E-step: rows and a mixture -> sufficient statistics."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.em.bounds import SKIP, CarriedBounds
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.threads import fold_blocks, rows_per_block, threads_used

Sums = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Component weights, first and second moments."""
NEGLIGIBLE = 2.0**-53
"""Responsibilities up to this are left out of the sums: they change a component of at least one row
by rounding only."""


Given = Callable[[np.ndarray, int], np.ndarray]
"""given(rows, begin) -> (len(rows), K) responsibilities, of the rows' dtype, of the rows of a batch
from `begin` on, in place of the mixture's own."""
Batches = Callable[[], Iterable[tuple[np.ndarray, np.ndarray | None]]]
"""A fresh walk over batches of rows (n, D), C-contiguous and of one dtype, with float64 sample
weights (n,) or None."""


class EStep:
    """An E-step under way: batches go in, statistics come out (Bishop 2006, 9.23 to 9.28, as sums).

    Parameters
    ----------
    mixture : Mixture
    extent : Extent
        Of all rows that will be added.
    dtype : numpy.dtype
        float32 or float64: of the rows.
    n_threads : int, optional
        None: all that this process may use.  The result does not depend on it.
    given : callable, optional
        The log-likelihood is then 0.
    bounds : CarriedBounds, optional
        What the last pass over the same rows left for this one; changed.
    """

    def __init__(
        self,
        mixture: Mixture,
        extent: Extent,
        dtype: np.dtype,
        n_threads: int | None,
        *,
        given: Given | None = None,
        bounds: CarriedBounds | None = None,
    ) -> None:
        self._parameters, self._extent = mixture, extent
        self._packed = mixture.packed(dtype)
        self._dtype = dtype
        self._n_threads = n_threads
        self._given, self._bounds = given, bounds
        self._block = rows_per_block(*mixture.means.shape)
        self._total = _zero_sums(mixture)
        self._spare: list[Sums] = []
        self._log_likelihood, self._counts = 0.0, np.zeros(2, np.int64)
        self._thresholds, self._limits = self._what_to_skip()

    def _what_to_skip(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Thresholds of responsibilities times weights, and the limits of the bounds."""
        mixture, exponent = self._parameters, self._extent.exponent
        thresholds = np.zeros(mixture.n_components)
        if self._given is None:
            # a component of less than one row keeps what it holds, and a light row what it brings
            lightest = min(1.0, math.ldexp(self._extent.lightest, -exponent))
            weight = math.ldexp(self._extent.weight, -exponent)
            thresholds = NEGLIGIBLE * np.minimum(lightest, mixture.weights * weight)
        limits = self._bounds.begin(mixture) if self._bounds is not None else None
        if limits is not None:
            heaviest = math.ldexp(self._extent.heaviest, -exponent)
            with np.errstate(divide="ignore"):
                cut = 0.5 * np.log(thresholds / (heaviest * mixture.n_components))
            limits = np.concatenate([limits, cut[np.newaxis]])
        if not SKIP:
            thresholds = np.full_like(thresholds, -1.0)
        return thresholds, limits

    def add(
        self,
        rows: np.ndarray,
        sample_weight: np.ndarray | None = None,
        log_density: np.ndarray | None = None,
    ) -> None:
        """Add the sums of one batch; its log densities (n,), in nats, go to `log_density`."""
        if sample_weight is not None and self._extent.exponent:
            sample_weight = np.ldexp(sample_weight, -self._extent.exponent)
        # one thread adds each block to the total at once, several one block after the other: the
        # same additions in the same order
        alone = threads_used(len(rows), self._block, self._n_threads) == 1

        def sums_of_block(begin: int, end: int) -> tuple[Sums, float, np.ndarray]:
            sums = self._total if alone else self._spare_sums()
            counts = np.zeros(2, np.int64)
            carried = None
            if self._limits is not None and self._bounds is not None:
                carried = self._bounds.of_block(begin, end), self._limits
            part = rows[begin:end]
            log_likelihood = self._packed.expectation(
                part,
                None if sample_weight is None else sample_weight[begin:end],
                None if self._given is None else self._given(part, begin),
                self._thresholds,
                *sums,
                carried,
                counts,
                None if log_density is None else log_density[begin:end],
            )
            return sums, log_likelihood, counts

        fold_blocks(sums_of_block, self._combine, len(rows), self._block, self._n_threads)

    def _spare_sums(self) -> Sums:
        try:
            return self._spare.pop()  # atomic, unlike a look before it
        except IndexError:
            return _zero_sums(self._parameters)

    def _combine(self, of_block: tuple[Sums, float, np.ndarray]) -> None:
        sums, log_likelihood, counts = of_block
        self._log_likelihood += log_likelihood
        self._counts += counts
        if sums is not self._total:
            for array, addend in zip(self._total, sums, strict=True):
                array += addend
                addend.fill(0.0)
            self._spare.append(sums)

    def statistics(self) -> SufficientStatistics:
        """The sums of what was added; ends the step."""
        mixture, extent = self._parameters, self._extent
        if self._bounds is not None:
            self._bounds.end(*(self._counts / max(1, extent.n_samples * mixture.n_components)))
        if extent.exponent:
            for array in self._total:
                np.ldexp(array, extent.exponent, out=array)
        component_weight, first_moment, second_moment = self._total
        return SufficientStatistics(
            covariance_type=mixture.covariance_type,
            # what the kernels subtracted
            reference=mixture.means.astype(self._dtype).astype(np.float64),
            component_weight=component_weight,
            first_moment=first_moment,
            second_moment=mixture.covariance_model.from_kernels(second_moment),
            n_samples=extent.n_samples,
            weight=extent.weight,
            log_likelihood=float(np.ldexp(self._log_likelihood, extent.exponent)),
            dtype=self._dtype,
        )


def expectation(
    mixture: Mixture,
    rows: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    reg_covar: float | np.ndarray = 0.0,
    n_threads: int | None = None,
    given: Given | None = None,
    bounds: CarriedBounds | None = None,
) -> SufficientStatistics:
    """The statistics of rows (n, D) under a mixture; see `expectation_of_batches`."""
    return expectation_of_batches(
        mixture,
        lambda: ((rows, sample_weight),),
        Extent().plus(len(rows), sample_weight),
        rows.dtype,
        reg_covar=reg_covar,
        n_threads=n_threads,
        given=given,
        bounds=bounds,
    )


def expectation_of_batches(
    mixture: Mixture,
    batches: Batches,
    extent: Extent,
    dtype: np.dtype,
    *,
    reg_covar: float | np.ndarray = 0.0,
    n_threads: int | None = None,
    given: Given | None = None,
    bounds: CarriedBounds | None = None,
) -> SufficientStatistics:
    """The statistics of the rows of all batches under a mixture.

    From means far from the rows, where rounding would show beside `reg_covar`, the sums are taken
    again about the new means; the other parameters are those of `EStep`.
    """
    e_step = EStep(mixture, extent, dtype, n_threads, given=given, bounds=bounds)
    for rows, sample_weight in batches():
        e_step.add(rows, sample_weight)
    statistics = e_step.statistics()
    if given is not None or not statistics.cancels(reg_covar):
        return statistics
    about = _recentred(mixture, statistics.means, batches, extent, dtype, n_threads)
    return replace(about, log_likelihood=statistics.log_likelihood)


def _recentred(
    mixture: Mixture,
    means: np.ndarray,
    batches: Batches,
    extent: Extent,
    dtype: np.dtype,
    n_threads: int | None,
) -> SufficientStatistics:
    """The statistics of the same responsibilities about other means (K, D); costs two passes."""
    packed = mixture.packed(dtype)

    def as_before(rows: np.ndarray, _: int) -> np.ndarray:
        out = np.empty((len(rows), mixture.n_components), dtype)
        packed.responsibilities(rows, out)
        return out

    return expectation_of_batches(
        replace(mixture, means=means),
        batches,
        extent,
        dtype,
        n_threads=n_threads,
        given=as_before,
    )


def carried_bounds(rows: np.ndarray, covariance_type: str, n_components: int) -> CarriedBounds:
    """Empty bounds for passes over these rows (n, D)."""
    block = rows_per_block(n_components, rows.shape[1])
    return CarriedBounds(rows, block, covariance_type, n_components)


def _zero_sums(mixture: Mixture) -> Sums:
    return (
        np.zeros(mixture.weights.shape),
        np.zeros(mixture.means.shape),
        mixture.covariance_model.kernel_sums(*mixture.means.shape),
    )
