"""The E-step makes sufficient statistics of rows and a mixture.

It runs over parts of rows.  Rows of one kind are evaluated with that kind's constants and summed
together; in the end each kind's sums are lifted to those of complete rows, and added.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from fastgmm import kernels
from fastgmm.data.extent import Extent
from fastgmm.data.parts import AllowedGapKind, GapKind, LabelKind, Part, RowKind
from fastgmm.data.passes import Data
from fastgmm.em.bounds import FEWEST_FEATURES, CarriedBounds
from fastgmm.em.precision import SINGLE, dtype_of_sums
from fastgmm.em.sums import KindSums, RunningSums, Sums, zero_sums
from fastgmm.lazy import lazy
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.density import responsibilities_among
from fastgmm.mixture.mixture import FLOAT64, Mixture
from fastgmm.mixture.noise import check_can_be_noise
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.threads import fold_blocks, rows_per_block, threads_used

NEGLIGIBLE = 2.0**-53
"""Responsibilities up to this are left out of the sums: they change a component of at least one row
by rounding only."""
Given = Callable[[Part, int, int], np.ndarray]
"""A function given(part, begin, end) returns responsibilities (end - begin, K) of these rows of a
part, in the dtype of the sums, which stand in place of the mixture's own."""


class EStep:
    """An E-step under way: parts go in, statistics come out (Bishop 2006, 9.23 to 9.28, as sums).

    It is the accumulator of a pass over data.

    Parameters
    ----------
    mixture : Mixture
    extent : Extent
        The number and weights of all rows that will be added.
    dtype : numpy.dtype
        In which the sums are made: float32 or float64, into which rows are cast block by block.
    n_threads : int, optional
        None: all that this process may use.  The result does not depend on it.
    given : callable, optional
        Responsibilities in place of the mixture's own; the log-likelihood is then 0.
    bounds : CarriedBounds, optional
        What the last pass over the same rows has left for this one; the step changes it.
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
        self._mixture, self._extent, self._dtype = mixture, extent, dtype
        self._under = mixture
        self._n_threads, self._given, self._bounds = n_threads, given, bounds
        self._block = rows_per_block(*mixture.means.shape)
        self._exponent = extent.exponent
        self._kinds: dict[RowKind, KindSums] = {}
        self._apart: RunningSums | None = None
        self._thresholds, self._limits = self._what_to_skip()

    def under(self, mixture: Mixture) -> "EStep":
        """The same step, with given responsibilities under this mixture: it says what gaps hold."""
        self._under = mixture
        return self

    @property
    def mixture(self) -> Mixture:
        """The mixture whose responsibilities, and expectations of gaps, are summed."""
        return self._under

    @property
    def reference(self) -> np.ndarray:
        """(K, D): what the sums are about."""
        return self._rounded(self._mixture.means)

    def _what_to_skip(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(K,): thresholds of responsibility times weight; (4, K): limits of the bounds, if any."""
        mixture, exponent = self._mixture, self._exponent
        thresholds = np.zeros(mixture.n_components)
        if self._given is None:
            # A component of less than one row keeps what it holds, and a light row what it brings.
            lightest = min(1.0, math.ldexp(self._extent.lightest, -exponent))
            weight = math.ldexp(self._extent.weight, -exponent)
            thresholds = NEGLIGIBLE * np.minimum(lightest, mixture.weights * weight)
        limits = None if self._bounds is None else self._bounds.begin(mixture.constants)
        if limits is not None:
            heaviest = math.ldexp(self._extent.heaviest, -exponent)
            with np.errstate(divide="ignore"):
                cut = 0.5 * np.log(thresholds / (heaviest * mixture.n_components))
            limits = np.concatenate([limits, cut[np.newaxis]])
        if not kernels.SKIP:
            thresholds = np.full_like(thresholds, -1.0)
        return thresholds, limits

    def add(self, part: Part, log_density: np.ndarray | None = None) -> None:
        """Add the sums of one part.

        The log densities of its rows, in nats, go to `log_density` (n,).
        """
        rows, sample_weight = part.rows, part.sample_weight
        if sample_weight is not None and self._exponent:
            sample_weight = np.ldexp(sample_weight, -self._exponent)
        if self._under.noise is not None:
            check_can_be_noise(part)
        if isinstance(part.kind, GapKind):
            self._add_gaps(part, part.kind, sample_weight, log_density)
            return
        if isinstance(part.kind, LabelKind):
            self._add_allowed(part, part.kind, sample_weight, log_density)
            return
        kind_sums = self._kinds.get(part.kind)
        if kind_sums is None:
            constants, model = part.kind.constants(self._mixture), self._mixture.covariance_model
            kind_sums = self._kinds[part.kind] = KindSums(constants, model, self._dtype)
        # One thread adds each block to the total at once, several add one block after the other:
        # these are the same additions in the same order.
        cast = part.rows.dtype != self._dtype
        alone = threads_used(len(rows), self._block, self._n_threads) == 1

        def sums_of_block(begin: int, end: int) -> tuple[Sums, float, np.ndarray]:
            sums = kind_sums.total if alone else kind_sums.spare_sums()
            carried, allowed, counts = None, part.allowed, np.zeros(2, np.int64)
            if self._limits is not None and self._bounds is not None and allowed is None:
                carried = self._bounds.of_block(begin, end), self._limits
            log_likelihood = kind_sums.packed.expectation(
                rows[begin:end].astype(self._dtype) if cast else rows[begin:end],
                None if sample_weight is None else sample_weight[begin:end],
                None if self._given is None else self._given(part, begin, end),
                self._thresholds,
                *sums,
                carried,
                counts,
                None if log_density is None else log_density[begin:end],
                None if allowed is None else allowed[begin:end],
            )
            return sums, log_likelihood, counts

        if 0 < len(rows) <= self._block:
            kind_sums.combine(sums_of_block(0, len(rows)))
        else:
            # The total has no lock: what was to be alone stays so, whatever is free by now.
            n_threads = 1 if alone else self._n_threads
            fold_blocks(sums_of_block, kind_sums.combine, len(rows), self._block, n_threads)

    def _add_gaps(
        self,
        part: Part,
        kind: GapKind,
        sample_weight: np.ndarray | None,
        log_density: np.ndarray | None,
    ) -> None:
        """Add the sums of rows with gaps: those of their observed columns, lifted to all."""
        # What gaps need is loaded with the first of them.
        from fastgmm.mixture import patterns

        if self._apart is None:
            self._apart = RunningSums(self._mixture.constants, self._mixture.covariance_model)
        total, table, under = self._apart, kind.patterns(len(part.rows)), self._under
        means, thresholds = self._mixture.means, self._thresholds
        if isinstance(kind, AllowedGapKind):
            chosen = kind.components
            under = under.of_components(chosen)
            means, thresholds = means[chosen], thresholds[chosen]
            total = RunningSums(under.constants, under.covariance_model)
        ask = patterns.Expectation(under, means, self._dtype, thresholds, part.rows.reshape(-1))
        tasks = patterns.tasks_of(table, under)

        def sums_of_task(task: patterns.Task) -> tuple[Sums, float, np.ndarray]:
            # With one task no sums of others wait, and those of the kernels are the total.
            sums = total.total if len(tasks) == 1 else total.spare_sums()
            given = None if self._given is None else self._given(part, task.begin, task.end)
            some = slice(task.begin, task.end)
            log_likelihood = ask.add(
                table,
                task,
                None if sample_weight is None else sample_weight[some],
                given,
                sums,
                None if log_density is None else log_density[some],
            )
            return sums, log_likelihood, np.zeros(2, np.int64)

        patterns.fold_tasks(sums_of_task, total.combine, tasks, self._n_threads)
        if isinstance(kind, AllowedGapKind):
            if self._given is None:
                n = len(table.order) if sample_weight is None else float(sample_weight.sum())
                total.log_likelihood += n * self._under.log_share(kind.components)
            self._apart.take(total, kind.components)

    def _add_allowed(
        self,
        part: Part,
        kind: LabelKind,
        sample_weight: np.ndarray | None,
        log_density: np.ndarray | None,
    ) -> None:
        """Add the sums of rows that some components only may be the origin of."""
        mixture, rows, dtype = self._mixture, part.rows, self._dtype
        model, pieces = mixture.covariance_model, kind.pieces(self._block)
        if self._apart is None:
            self._apart = RunningSums(mixture.constants, model)
        known: dict[Any, Constants] = {}

        def sums_of_piece(piece: int, _: int) -> tuple[np.ndarray, Sums, float]:
            allowed, begin, end = pieces[piece]
            if allowed not in known:  # where threads both make it, it is the same
                known[allowed] = allowed.constants(mixture)
            chosen = allowed.components
            sums = zero_sums(model, len(chosen), rows.shape[1])
            log_likelihood = (
                known[allowed]
                .packed(dtype)
                .expectation(
                    rows[begin:end].astype(dtype, copy=False),
                    None if sample_weight is None else sample_weight[begin:end],
                    None if self._given is None else self._given(part, begin, end),
                    self._thresholds[chosen],
                    *sums,
                    None,
                    None,
                    None if log_density is None else log_density[begin:end],
                )
            )
            return chosen, sums, log_likelihood

        fold_blocks(sums_of_piece, self._apart.combine_some, len(pieces), 1, self._n_threads)

    def statistics(self) -> SufficientStatistics:
        """The sums of all that was added; the step ends with them."""
        mixture, extent = self._mixture, self._extent
        if self._bounds is not None:
            counts = sum((sums.counts for sums in self._kinds.values()), np.zeros(2))
            live, computed = counts / max(1, extent.n_samples * mixture.n_components)
            self._bounds.end(float(live), float(computed))
        if not self._kinds and self._apart is None:
            return self._statistics_of(RunningSums(mixture.constants, mixture.covariance_model))
        reference = self.reference
        lifted: list[SufficientStatistics] = [
            kind.lift(self._statistics_of(of), self._under, reference)
            for kind, of in self._kinds.items()
        ]
        if self._apart is not None:
            lifted.append(self._statistics_of(self._apart))
        return reduce(self.joined, lifted)

    def joined(
        self, sums: SufficientStatistics, following: SufficientStatistics
    ) -> SufficientStatistics:
        """The statistics of all rows, made of those of some and those of others.

        Both have the number and weight of all rows already.
        """
        return replace(sums + following, n_samples=sums.n_samples, weight=sums.weight)

    def _rounded(self, means: np.ndarray) -> np.ndarray:
        """The means as the kernels have subtracted them, in the dtype of the rows."""
        return means.astype(self._dtype).astype(np.float64)

    def _statistics_of(self, sums: "RunningSums") -> SufficientStatistics:
        """The sums of one kind of rows, in the units of the sample weights."""
        mixture, extent, exponent = self._mixture, self._extent, self._exponent
        for array in sums.total if exponent else ():
            np.ldexp(array, exponent, out=array)
        held, first, second = sums.total
        inverses = sums.constants.inverse_factors
        return SufficientStatistics(
            covariance_type=mixture.covariance_type,
            reference=self._rounded(sums.constants.means),
            component_weight=held,
            first_moment=first,
            second_moment=mixture.covariance_model.from_kernels(second, held, first, inverses),
            n_samples=extent.n_samples,
            weight=extent.weight,
            log_likelihood=float(np.ldexp(sums.log_likelihood, exponent)),
            dtype=self._dtype,
        )


def expectation(
    mixture: Mixture,
    data: Data,
    *,
    reg_covar: float | np.ndarray = 0.0,
    given: Given | None = None,
    bounds: CarriedBounds | None = None,
    dtype: np.dtype | None = None,
) -> SufficientStatistics:
    """The statistics of all rows of the data under a mixture.

    Where the means lie so far from the rows that rounding would show beside `reg_covar`, the sums
    are taken again about the new means.  The sums are made in `dtype`, or in that of the rows.  The
    other arguments are those of `EStep`.
    """
    dtype = dtype or data.dtype
    begun = partial(EStep, mixture, data.extent, dtype, data.n_threads, given=given, bounds=bounds)
    statistics = data.pass_over(begun)
    if given is not None or not statistics.cancels(reg_covar):
        return statistics
    about = _recentred(mixture, statistics.means, data, dtype)
    return replace(about, log_likelihood=statistics.log_likelihood)


def _recentred(
    mixture: Mixture, means: np.ndarray, data: Data, dtype: np.dtype
) -> SufficientStatistics:
    """The statistics of the same responsibilities about other means (K, D), for two passes more."""
    known: dict[Any, Constants] = {}

    def as_before(part: Part, begin: int, end: int) -> np.ndarray:
        if isinstance(part.kind, GapKind):
            from fastgmm.mixture.patterns import responsibilities_of

            under = mixture
            if isinstance(part.kind, AllowedGapKind):
                under = mixture.of_components(part.kind.components)
            return responsibilities_of(under, part, begin, end, dtype)
        rows = part.rows[begin:end].astype(dtype, copy=False)
        if part.allowed is not None:
            return responsibilities_among(mixture, rows, part.allowed[begin:end])
        kind: Any = part.kind.at(begin) if isinstance(part.kind, LabelKind) else part.kind
        if kind not in known:
            known[kind] = kind.constants(mixture)
        out = np.empty((end - begin, len(known[kind].means)), dtype)
        known[kind].packed(dtype).responsibilities(rows, out)
        return out

    about = replace(mixture, means=means)
    begun = partial(EStep, about, data.extent, dtype, data.n_threads, given=as_before)
    return data.pass_over(lambda: begun().under(mixture))


class Passes:
    """The E-steps of one run of EM over the same data, each skipping what the last one allows.

    Parameters
    ----------
    data : Data
    covariance_type : str
        The covariance type of the mixtures that will be evaluated.
    n_components : int
        The number of their components.
    reg_covar : ndarray of shape () or (D,)
        The ridge: rounding that is small beside it needs no further pass.
    target : float
        The distance to the limit that the run is to reach, in nats per row: where sums in float32
        would be too noisy for it, they are made in float64.
    """

    def __init__(
        self,
        data: Data,
        covariance_type: str,
        n_components: int,
        reg_covar: np.ndarray,
        target: float = 0.0,
    ) -> None:
        self._data, self._reg_covar, self._target = data, reg_covar, target
        self._single, self._sizes = data.dtype == SINGLE, (covariance_type, n_components)

    @lazy
    def _bounds(self) -> CarriedBounds | None:
        """What is remembered of the last pass; None where that does not pay."""
        part, (kind, k) = self._data.bounded, self._sizes
        if part is None or part.rows.shape[1] < FEWEST_FEATURES:
            return None
        if len(part.rows) <= rows_per_block(k, part.rows.shape[1]):
            # One block is a matter of milliseconds, and compiled iterations know no bounds.
            return None
        bounds = carried_bounds(part.rows, kind, k)
        return bounds if bounds.possible else None

    def __call__(self, mixture: Mixture) -> SufficientStatistics:
        """The statistics of all rows under a mixture: one pass."""
        data, ridge = self._data, self._reg_covar
        if not self._single or dtype_of_sums(mixture, SINGLE, self._target) == SINGLE:
            return expectation(mixture, data, reg_covar=ridge, bounds=self._bounds)
        return expectation(mixture, data, reg_covar=ridge, dtype=FLOAT64)


def carried_bounds(rows: np.ndarray, covariance_type: str, n_components: int) -> CarriedBounds:
    """Bounds for passes over these rows (n, D), which know nothing yet."""
    block = rows_per_block(n_components, rows.shape[1])
    return CarriedBounds(rows, block, covariance_type, n_components)
