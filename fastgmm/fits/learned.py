"""What is known of a stream, as statistics, and how those of a batch are added to them."""

import math
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm import kernels
from fastgmm.covariance.types import model_of
from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.em.e_step import EStep
from fastgmm.em.m_step import LEAST_WEIGHT, Family
from fastgmm.em.regularization import Regularization
from fastgmm.errors import DataRangeError, IllDefinedCovarianceError
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics, reordered
from fastgmm.values import dataclass


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of a stream so far; a step replaces it by another.

    Parameters
    ----------
    mixture : Mixture
    statistics : SufficientStatistics
        The statistics, of weight 1, of which the mixture is the M-step.
    regularization : Regularization
        That of the first fit; further steps use its ridge alone.
    seen : float
        The weight of the rows that the statistics stand for.
    """

    mixture: Mixture
    statistics: SufficientStatistics
    regularization: Regularization
    seen: float

    @classmethod
    def implied(
        cls, mixture: Mixture, regularization: Regularization, seen: float, family: Family
    ) -> "Learned":
        """What a mixture alone says of the rows that it was fitted to."""
        statistics = family.imply(mixture, Regularization(regularization.reg_covar))
        return cls(mixture, statistics, regularization, seen)

    def replaced(
        self, mixture: Mixture, regularization: Regularization, family: Family
    ) -> "Learned":
        """What another mixture says in place of this one, as of the same rows."""
        return self.implied(mixture, regularization, self.seen, family)

    @lazy
    def ridge(self) -> Regularization:
        """The regularisation of steps: a prior counts once, in the first fit."""
        return Regularization(self.regularization.reg_covar)

    def e_step(
        self, part: Part, extent: Extent, n_threads: int | None
    ) -> tuple[SufficientStatistics, np.ndarray]:
        """The statistics of a batch, and the float64 log densities (n,) of its rows, in nats."""
        dtype = self.mixture.dtype
        density = np.empty(len(part.rows), dtype)
        e_step = EStep(self.mixture, extent, dtype, n_threads)
        e_step.add(Part(np.ascontiguousarray(part.rows), part.sample_weight), density)
        return e_step.statistics(), density.astype(np.float64, copy=False)

    def stepped(
        self, of_batch: SufficientStatistics, share: float, family: Family, counts: float = 1.0
    ) -> "Learned":
        """What is known after a batch; as before where a covariance would be singular.

        Beside a prior it stands for rows of the weight `counts`.
        """
        mixture, statistics = self.mixture, blend(self.statistics, of_batch, share)
        if np.isfinite(of_batch.log_likelihood) and np.isfinite(statistics.second_moment).all():
            with suppress(IllDefinedCovarianceError, DataRangeError):
                counted = statistics.scaled(counts) if family.sums_up else statistics
                mixture = family.maximize(counted, self.ridge, self.mixture)
        if mixture is self.mixture:
            statistics = self.statistics
        return Learned(mixture, statistics, self.regularization, self.seen + of_batch.weight)

    @lazy
    def sums(self) -> Any:
        """The same for the kernels: statistics and mixture as one block of numbers."""
        statistics, mixture, constants = self.statistics, self.mixture, self.mixture.constants
        model, (k, d) = mixture.covariance_model, mixture.means.shape
        parts = (
            statistics.component_weight,
            statistics.reference,
            statistics.first_moment,
            statistics.second_moment,
            mixture.weights,
            constants.log_weights,
            constants.log_determinants,
            mixture.means,
            mixture.covariances,
            mixture.factors,
            mixture.inverse_factors,
        )
        numbers = np.concatenate([np.ravel(part) for part in parts])
        make = kernels.online_sums[mixture.dtype]
        return make(model.form.name, model.tied, k, d, numbers)

    def following(self, sums: Any, extent: Extent) -> "Learned":
        """What is known after a batch of this extent, of which a compiled step has made sums."""
        known = object.__new__(Learned)
        mixture = _mixture_of(sums, self.mixture)
        known.__dict__.update(
            mixture=mixture,
            regularization=self.regularization,
            seen=self.seen + extent.weight,
            ridge=self.ridge,
            sums=sums,
            n_of_batch=extent.n_samples,
        )
        return known

    def __getattr__(self, name: str) -> Any:
        # The statistics of a compiled step are made when they are first asked for.
        if name != "statistics" or "sums" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        statistics = _statistics_of(self.sums, self.mixture, self.n_of_batch)
        self.__dict__["statistics"] = statistics
        return statistics

    def reordered(self, mixture: Mixture, order: NDArray[np.intp]) -> "Learned":
        """What is known, with the components in this order, as `mixture` has them already."""
        return replace(self, mixture=mixture, statistics=reordered(self.statistics, order))

    def with_reg_covar(self, reg_covar: float) -> "Learned":
        """What is known, with another ridge for the steps to come; itself where it is the same."""
        known = self.regularization.reg_covar
        if known.ndim == 0 and float(known) == reg_covar:
            return self
        ridge = np.asarray(reg_covar, dtype=np.float64)
        return replace(self, regularization=replace(self.regularization, reg_covar=ridge))


@lru_cache(maxsize=16)
def _places(kind: str, k: int, d: int) -> tuple[tuple[slice, tuple[int, ...]], ...]:
    """Where the parts of the kernels' sums are, and their shapes."""
    spread = model_of(kind).shape(k, d)
    shapes = [(k,), (k, d), (k, d), spread, (k,), (k,), (k,), (k, d), spread, spread, spread]
    ends = list(accumulate(map(math.prod, shapes), initial=0))
    return tuple((slice(*ends[i : i + 2]), shape) for i, shape in enumerate(shapes))


def _mixture_of(sums: Any, before: Mixture) -> Mixture:
    """The mixture that a compiled step has made, like the one before."""
    kind, numbers = before.covariance_type, np.frombuffer(sums)
    places = _places(kind, *before.means.shape)[4:]
    parts = [numbers[place].reshape(shape) for place, shape in places]
    weights, log_weights, log_determinants, *rest = parts
    mixture = before.like(weights, *rest)
    mixture.__dict__["constants"] = mixture.constants_with(log_weights, log_determinants)
    return mixture


def _statistics_of(sums: Any, mixture: Mixture, n_samples: int) -> SufficientStatistics:
    """The statistics that a compiled step has made, after a batch of so many rows."""
    kind, numbers = mixture.covariance_type, np.frombuffer(sums)
    places = _places(kind, *mixture.means.shape)[:4]
    weight, reference, first, second = (numbers[at].reshape(shape) for at, shape in places)
    return SufficientStatistics(
        covariance_type=kind,
        reference=reference,
        component_weight=weight,
        first_moment=first,
        second_moment=second,
        n_samples=n_samples,
        weight=1.0,
        log_likelihood=sums.log_likelihood,
        dtype=mixture.dtype,
    )


def blend(
    known: SufficientStatistics, of_batch: SufficientStatistics, share: float
) -> SufficientStatistics:
    """Statistics of weight 1: those that are known and those of a batch, in their shares.

    Both are about the reference of the batch, the last means as the rows' dtype rounds them.  A
    component that sees no rows keeps `LEAST_WEIGHT`, and with it its shape.
    """
    known = _alive(known)
    first, second = known.about(of_batch.reference)
    rest, gain = 1.0 - share, share / of_batch.weight
    return SufficientStatistics(
        covariance_type=known.covariance_type,
        reference=of_batch.reference,
        component_weight=rest * known.component_weight + gain * of_batch.component_weight,
        first_moment=rest * first + gain * of_batch.first_moment,
        second_moment=rest * second + gain * of_batch.second_moment,
        n_samples=of_batch.n_samples,
        weight=1.0,
        log_likelihood=of_batch.log_likelihood,
        dtype=known.dtype,
    )


def _alive(known: SufficientStatistics) -> SufficientStatistics:
    """The same with at least `LEAST_WEIGHT` in each component, which keeps its mean and shape.

    A component of no weight at all has no sums that could grow with it: it gets the weight alone,
    since one whose log weight is minus infinity would never see a row again.
    """
    weight = known.component_weight
    if weight.min() >= LEAST_WEIGHT:
        return known
    raised = np.maximum(LEAST_WEIGHT / np.maximum(weight, np.finfo(np.float64).tiny), 1.0)
    second = known.second_moment
    if not known.covariance_model.tied:
        second = known.covariance_model.weighted(second, raised)
    return replace(
        known,
        component_weight=np.maximum(weight * raised, LEAST_WEIGHT),
        first_moment=known.first_moment * raised[:, None],
        second_moment=second,
    )
