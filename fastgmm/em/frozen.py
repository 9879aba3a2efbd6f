"""Mixtures of which parts are kept as they are given: frozen weights, means and covariances.

Each part may be kept for all components or for some.  The M-step maximises over the rest: weights
share what the kept ones leave, and second moments are taken about a kept mean.  Each step is the
maximum over what is free, so that the likelihood never falls (Meng and Rubin 1993).
"""

from dataclasses import replace

import numpy as np

from fastgmm.covariance.estimate import check_range, factor_or_repair
from fastgmm.covariance.types import model_of
from fastgmm.em.collapse import Spared
from fastgmm.em.frozen_search import FrozenSearch
from fastgmm.em.kept import Kept, Spreads
from fastgmm.em.m_step import MaximumLikelihood
from fastgmm.em.regularization import Regularization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import CovarianceType, FloatArray


class Frozen(MaximumLikelihood):
    """The family of the Gaussian mixtures with some parts as they are given.

    Parameters
    ----------
    kept : Kept
    """

    # Fresh starts of a stream would not know which component is which.
    needs_previous = True

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        places = kept.of_means | kept.of_covariances
        if kept.weights is not None:
            places = np.ones_like(places)  # a move changes all weights
        known = kept.of_means & kept.of_covariances
        self.spared = Spared(places, kept.of_covariances, known)

    def begun(self, mixture: Mixture, regularization: Regularization, weight: float) -> Mixture:
        """The mixture with the parts that are kept."""
        n_free = self.n_parameters(mixture.covariance_type, *mixture.means.shape)
        return self.kept.within(mixture, n_free)

    def search(self, regularization: Regularization, weight: float) -> FrozenSearch:
        """L-BFGS over what is free."""
        return FrozenSearch(regularization, weight).over(self.kept)

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Mixture:
        """The mixture that maximises the statistics, and the prior, over what is free.

        Raises
        ------
        IllDefinedCovarianceError, DataRangeError
            As `MaximumLikelihood.maximize`.
        """
        model, kind, kept = statistics.covariance_model, statistics.covariance_type, self.kept
        sums = regularization.augmented(self._about_kept(statistics))
        if kept.means is not None:
            # No step is taken from a mean that is kept: its covariance is about it.
            still = kept.of_means[:, None]
            sums = replace(
                sums,
                first_moment=np.where(still, 0.0, sums.first_moment),
                second_moment=model.about_kept_means(sums.second_moment, kept.of_means),
            )
        means = kept.placed(sums.reference + sums.first_moment / sums.mean_weight[:, None])
        if kept.of_covariances.all():
            assert kept.spreads is not None
            spreads = kept.spreads
        else:
            last = previous.covariances if previous is not None and model.needs_previous else None
            covariances = model.estimate(sums, regularization.ridge(model.form), last)
            spreads = self._factored(covariances, regularization, statistics)
        check_range(spreads[0], spreads[2], statistics.dtype)
        weight = statistics.component_weight
        weights = kept.shared(weight / np.add.accumulate(weight)[-1])
        n_free = self.n_parameters(kind, *means.shape)
        return Mixture(kind, weights, means, *spreads, statistics.dtype, n_free)

    def _about_kept(self, statistics: SufficientStatistics) -> SufficientStatistics:
        """The statistics about the means that are kept."""
        reference = self.kept.placed(statistics.reference)
        if np.array_equal(reference, statistics.reference):
            return statistics
        return statistics.moved(reference)

    def _factored(
        self,
        covariances: FloatArray,
        regularization: Regularization,
        statistics: SufficientStatistics,
    ) -> Spreads:
        """Estimated covariances and their factors; those that are kept are not looked at."""
        model, kept, floor = statistics.covariance_model, self.kept, regularization.floor
        if kept.spreads is None:
            return factor_or_repair(model.form, covariances, floor, statistics.dtype)
        free = np.flatnonzero(~kept.of_covariances)
        try:
            found = factor_or_repair(model.form, covariances[free], floor, statistics.dtype)
        except IllDefinedCovarianceError as error:
            if error.component is not None:
                error.component = int(free[error.component])
            raise
        whole = covariances.copy(), np.empty_like(covariances), np.empty_like(covariances)
        for array, part in zip(whole, found, strict=True):
            array[free] = part
        return kept.joined(whole, model.tied)

    def n_parameters(
        self, covariance_type: CovarianceType, n_components: int, n_features: int
    ) -> int:
        """The number of parameters that are not kept."""
        kept, model = self.kept, model_of(covariance_type)
        n_weights, n_means, n_covariances = (
            int(n_components - np.count_nonzero(mask))
            for mask in (kept.of_weights, kept.of_means, kept.of_covariances)
        )
        free = max(n_weights - 1, 0) + n_means * n_features
        return free + (model.n_parameters(n_covariances, n_features) if n_covariances else 0)
