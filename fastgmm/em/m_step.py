"""The M-step makes of sufficient statistics the mixture that maximises them.

It is small and in one place.  A family is a rule for it: which mixtures there are, which of them
the statistics ask for, and what must not fall from one to the next.
"""

from typing import Protocol

import numpy as np

from fastgmm.covariance.estimate import check_range, factor_or_repair
from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.em.acceleration import Search
from fastgmm.em.collapse import Spared
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture, n_parameters
from fastgmm.mixture.noise import Noise
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import CovarianceType


class Family(Protocol):
    """A family of mixtures, as EM sees it.

    What the kernels read of its mixtures is `Mixture.constants`; a family whose E-step wants other
    numbers gives mixtures with constants of their own.
    """

    needs_previous: bool
    accelerates: bool
    """Whether steps ahead of EM, which move all parameters freely, lead to mixtures of the family.
    """
    collapses: bool
    """Whether a component that holds next to nothing has collapsed, and is to be repaired."""
    sums_up: bool
    """Whether the weight of the rows counts, beside a prior.

    Then the bound, and with it `tol`, is of all rows together, and not per unit of weight.
    """
    noise: Noise | None
    """What rows come from that are of no component, but for its weight."""

    spared: Spared | None
    """What a repair must not touch; None: nothing is kept from it."""

    def for_rows(self, data: Data) -> "Family":
        """The family for these rows, those of a fit or the first of a stream, which may set it."""

    def following(self, mixture: Mixture) -> "Family":
        """The family that goes on from a mixture, with what was set by the rows of that."""

    def for_start(self, sample: Sample) -> Sample:
        """The rows of a sample that starts are made from."""

    def begun(self, mixture: Mixture, regularization: Regularization, weight: float) -> Mixture:
        """What a run begins with, where a start has found a mixture for rows of this weight."""

    def search(self, regularization: Regularization, weight: float) -> Search:
        """What proposes steps ahead of EM for rows of this weight."""

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Mixture:
        """The mixture that maximises the statistics.

        `previous` is the last mixture where `needs_previous` asks for it, which takes memory.
        Inner iterations begin there, and what is frozen is taken from it.
        """

    def bound(
        self, mixture: Mixture, statistics: SufficientStatistics, regularization: Regularization
    ) -> float:
        """What must not fall, for the mixture that the statistics are under."""

    def imply(self, mixture: Mixture, regularization: Regularization) -> SufficientStatistics:
        """Statistics of weight 1 that `maximize` turns into this mixture: where a stream begins."""

    def n_parameters(
        self, covariance_type: CovarianceType, n_components: int, n_features: int
    ) -> int:
        """The number of free parameters of a mixture."""


class MaximumLikelihood:
    """The family of all Gaussian mixtures of a covariance type; with a prior, maximum a posteriori.

    See Bishop 2006, 9.24 to 9.27, and Fraley and Raftery 2007 for the prior.
    """

    needs_previous = False
    accelerates = True
    collapses = True
    sums_up = False
    noise: Noise | None = None
    spared: Spared | None = None

    def for_rows(self, data: Data) -> "MaximumLikelihood":
        """The family itself."""
        return self

    def following(self, mixture: Mixture) -> "MaximumLikelihood":
        """The family itself."""
        return self

    def for_start(self, sample: Sample) -> Sample:
        """All of them."""
        return sample

    def begun(self, mixture: Mixture, regularization: Regularization, weight: float) -> Mixture:
        """The mixture itself."""
        return mixture

    def search(self, regularization: Regularization, weight: float) -> Search:
        """L-BFGS in the relative frame."""
        return Search(regularization, weight)

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Mixture:
        """The weights N_k / N, means sum r x / N_k, covariances sum r (x - mean)(x - mean)^T / N_k.

        Where covariances have something in common, they are those that maximise with it.  A
        component that holds nothing keeps its place with weight 0 and the covariance that the
        regularisation alone gives.

        Raises
        ------
        IllDefinedCovarianceError
            When a covariance is not positive definite and nothing regularises it.
        DataRangeError
            When covariances or precisions have no number of the rows' dtype.
        """
        model = statistics.covariance_model
        sums = regularization.augmented(statistics)
        means = sums.reference + sums.first_moment / sums.mean_weight[:, None]
        last = previous.covariances if previous is not None and model.needs_previous else None
        covariances = model.estimate(sums, regularization.ridge(model.form), last)
        covariances, factors, inverses = factor_or_repair(
            model.form, covariances, regularization.floor, statistics.dtype
        )
        check_range(covariances, inverses, statistics.dtype)
        weight = statistics.component_weight
        # One addend after the other, in the order in which compiled iterations add.
        weights = weight / np.add.accumulate(weight)[-1]
        kind = statistics.covariance_type
        return Mixture(kind, weights, means, covariances, factors, inverses, statistics.dtype)

    def bound(
        self, mixture: Mixture, statistics: SufficientStatistics, regularization: Regularization
    ) -> float:
        """The mean log-likelihood per row in nats, with the log density of the prior on top."""
        log_prior = regularization.log_prior(mixture)
        return (statistics.log_likelihood + log_prior) / statistics.weight

    def imply(self, mixture: Mixture, regularization: Regularization) -> SufficientStatistics:
        """Statistics of the mixture's weights and of its second moments without the ridge."""
        model, weights = mixture.covariance_model, np.maximum(mixture.weights, LEAST_WEIGHT)
        ridge = regularization.ridge(model.form)
        second = model.implied_moments(mixture.covariances, ridge, weights, mixture.n_features)
        return SufficientStatistics(
            covariance_type=mixture.covariance_type,
            reference=mixture.means,
            component_weight=weights,
            first_moment=np.zeros_like(mixture.means),
            second_moment=second,
            n_samples=0,
            weight=1.0,
            log_likelihood=0.0,
            dtype=mixture.dtype,
        )

    def n_parameters(
        self, covariance_type: CovarianceType, n_components: int, n_features: int
    ) -> int:
        """The number of free parameters: K - 1 weights, K D means, and those of the covariances."""
        return n_parameters(covariance_type, n_components, n_features)


LEAST_WEIGHT = 1e-12
"""A component of no weight has this weight in implied statistics: its shape is kept as it is, and
it may come back."""
MAXIMUM_LIKELIHOOD = MaximumLikelihood()
"""This is the family of `GaussianMixture`."""


def maximization(
    statistics: SufficientStatistics, regularization: Regularization | None = None
) -> Mixture:
    """The mixture of `MAXIMUM_LIKELIHOOD` for statistics; without regularisation by default."""
    return MAXIMUM_LIKELIHOOD.maximize(statistics, regularization or Regularization())
