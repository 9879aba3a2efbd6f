"""Variational Bayes: a posterior of mixtures in place of the best one (Bishop 2006, section 10.2).

E-step and passes are those of EM, with expected logarithms as constants.  The M-step makes a
posterior of the statistics and a prior; the conventions are scikit-learn's.  The bound needs no
responsibilities: what they add to it, their entropy, is in the statistics.
"""

import numpy as np

from fastgmm.covariance.estimate import check_range, factor_or_repair
from fastgmm.covariance.model import CovarianceModel
from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.data.vectors import inner
from fastgmm.em.collapse import Spared
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.posterior_search import PosteriorSearch
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture, n_parameters
from fastgmm.mixture.noise import Noise
from fastgmm.mixture.posterior import STICKS, NormalWishart, Posterior, log_normalizer
from fastgmm.mixture.statistics import EPS, SufficientStatistics
from fastgmm.typing import CovarianceType, FloatArray

LEAST = 10 * EPS
"""A component holds at least this many rows, as in scikit-learn."""


class VariationalBayes:
    """The family of all posteriors of mixtures of a covariance type, for one prior.

    Parameters
    ----------
    prior : NormalWishart
    """

    needs_previous = False
    accelerates = True
    collapses = False
    sums_up = True
    noise: Noise | None = None
    spared: Spared | None = None

    def __init__(self, prior: NormalWishart) -> None:
        self.prior = prior
        self._last: tuple[SufficientStatistics, Regularization, Posterior] | None = None

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Posterior:
        """The posterior of the statistics: sums of the prior's numbers and of the rows'.

        Raises
        ------
        DataRangeError
            When covariances or precisions have no number of the rows' dtype.
        """
        last = self._last
        if last is not None and last[0] is statistics and last[1] is regularization:
            return last[2]  # the bound has asked for it before
        found = self._maximized(statistics, regularization)
        self._last = statistics, regularization, found
        return found

    def _maximized(
        self, statistics: SufficientStatistics, regularization: Regularization
    ) -> Posterior:
        prior, model = self.prior, statistics.covariance_model
        k, d = statistics.reference.shape
        weight = statistics.component_weight + LEAST
        mean_precision = prior.mean_precision + weight
        # Everything is about the reference, so that an offset of the data cancels.
        to_prior = prior.mean - statistics.reference
        pull = prior.mean_precision * to_prior + statistics.first_moment
        step = pull / mean_precision[:, None]
        scatter = (
            statistics.second_moment
            + model.products(prior.mean_precision * to_prior, to_prior)
            - model.products(pull, step)
        ) / model.sums.features_per_variance(d)
        scatter = scatter + model.weighted(_ridge(regularization, model, d), weight)
        # What all share is known by a K-th of the rows.
        dof = np.asarray(prior.dof + (weight.mean() if model.tied else weight))
        covariances = prior.covariance + (scatter / k if model.tied else scatter)
        beside = dof if model.tied else dof.reshape(k, *(1,) * model.form.ndim)
        covariances = model.form.symmetric(np.asarray(covariances / beside))
        covariances, factors, inverses = factor_or_repair(
            model.form, covariances, regularization.floor, statistics.dtype
        )
        check_range(covariances, inverses, statistics.dtype)
        kind, means = statistics.covariance_type, statistics.reference + step
        arrays = means, covariances, factors, inverses
        return Posterior.of(Mixture(kind, weight, *arrays, statistics.dtype), weight, prior)

    def bound(
        self, mixture: Mixture, statistics: SufficientStatistics, regularization: Regularization
    ) -> float:
        """The lower bound of the log evidence, in nats and of all rows, but for constants.

        Like scikit-learn's it is that of the M-step's posterior, and the responsibilities are those
        of the mixture that the statistics are under.
        """
        posterior = self.maximize(statistics, regularization)
        return entropy(mixture, statistics) + log_normalizer(posterior)

    def for_rows(self, data: Data) -> "VariationalBayes":
        """The family itself."""
        return self

    def following(self, mixture: Mixture) -> "VariationalBayes":
        """The family itself."""
        return self

    def for_start(self, sample: Sample) -> Sample:
        """All of them."""
        return sample

    def begun(self, mixture: Mixture, regularization: Regularization, weight: float) -> Mixture:
        """The posterior of rows of this weight, to which a start has fitted a mixture.

        Of broken sticks the heaviest component comes first: the bound is highest so (Kurihara,
        Welling and Teh 2007), and fits end higher, while the order of a start is one of chance.
        """
        if isinstance(mixture, Posterior):
            return mixture
        if self.prior.weights == STICKS:
            mixture = mixture.reordered(np.argsort(-mixture.weights, kind="stable"))
        implied = MAXIMUM_LIKELIHOOD.imply(mixture, regularization)
        return self.maximize(implied.scaled(weight), regularization)

    def imply(self, mixture: Mixture, regularization: Regularization) -> SufficientStatistics:
        """Statistics of weight 1 that are those of a posterior, but for the weight of its rows."""
        if not isinstance(mixture, Posterior):
            return MAXIMUM_LIKELIHOOD.imply(mixture, regularization)
        prior, model = mixture.prior, mixture.covariance_model
        k, d = mixture.means.shape
        from_prior = mixture.means - prior.mean
        dof = mixture.dof
        beside = dof if model.tied else dof.reshape(k, *(1,) * model.form.ndim)
        scatter = mixture.covariances * beside - prior.covariance
        scatter = scatter * k if model.tied else scatter
        scatter = scatter - model.weighted(_ridge(regularization, model, d), mixture.held)
        second = scatter * model.sums.features_per_variance(d)
        second = second - model.products(prior.mean_precision * from_prior, from_prior)
        whole = SufficientStatistics(
            covariance_type=mixture.covariance_type,
            reference=mixture.means,
            component_weight=mixture.held,
            first_moment=prior.mean_precision * from_prior,
            second_moment=second,
            n_samples=0,
            weight=float(mixture.held.sum()),
            log_likelihood=0.0,
            dtype=mixture.dtype,
        )
        return whole.scaled(1.0 / whole.weight)

    def search(self, regularization: Regularization, weight: float) -> PosteriorSearch:
        """L-BFGS over posteriors of rows of this weight."""
        return PosteriorSearch(regularization, weight, family=self)

    def n_parameters(
        self, covariance_type: CovarianceType, n_components: int, n_features: int
    ) -> int:
        """The number of free parameters of the expected mixture."""
        return n_parameters(covariance_type, n_components, n_features)


def entropy(mixture: Mixture, statistics: SufficientStatistics) -> float:
    """Minus the sum of r log r over rows and components, of statistics under a mixture.

    log r = offset - distance^2 / 2 - log density, and the sums of all three are in the statistics.
    """
    constants = mixture.constants
    held, second = statistics.component_weight, statistics.second_moment
    if not np.array_equal(statistics.reference, mixture.means):
        second = statistics.about(mixture.means)[1]
    distances = inner(mixture.precisions, second)
    offsets = constants.log_weights + constants.offsets
    return statistics.log_likelihood - float(held @ offsets) + 0.5 * distances


def _ridge(regularization: Regularization, model: CovarianceModel, n_features: int) -> FloatArray:
    """The ridge as a covariance."""
    nothing = np.zeros(model.form.shape(n_features))
    return model.form.without_ridge(nothing, -regularization.ridge(model.form))
