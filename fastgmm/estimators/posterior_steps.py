"""The two steps of variational Bayes, for users who make a fit of their own of them."""

from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

from fastgmm.em.e_step import expectation
from fastgmm.em.regularization import Regularization
from fastgmm.em.variational import VariationalBayes
from fastgmm.estimators.planning import regularization_of
from fastgmm.estimators.posterior_attributes import PosteriorAttributes
from fastgmm.estimators.scoring import Scoring
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.mixture.statistics import check as check_statistics
from fastgmm.typing import ArrayLike


class PosteriorSteps(PosteriorAttributes, Scoring):
    """E-step and M-step of a fitted posterior; `BayesianGaussianMixture` inherits them."""

    @abstractmethod
    def _params(self) -> Any:
        """The parameters of the constructor, checked."""

    def e_step(
        self, X: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> SufficientStatistics:
        """The sufficient statistics of rows under the posterior; those of several batches add.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        SufficientStatistics
        """
        mixture, data = self._weighed(X, sample_weight, "e_step")
        return expectation(mixture, data, reg_covar=self._regularization().reg_covar)

    def m_step(self, statistics: SufficientStatistics) -> Self:
        """Replace the posterior by that of the statistics and the same prior.

        Parameters
        ----------
        statistics : SufficientStatistics
            From `e_step` of this model, or a sum of such.

        Returns
        -------
        self
            `lower_bound_` is that of this step, and `n_iter_` counts it.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> X = np.random.default_rng(0).normal(size=(1000, 2))
        >>> model = fastgmm.BayesianGaussianMixture(n_components=2, random_state=0).fit(X)
        >>> total = sum(model.e_step(batch) for batch in np.array_split(X, 7))
        >>> model.m_step(total).weights_.sum().round(6)
        np.float64(1.0)
        """
        mixture, state = self._posterior(), self._state
        assert state is not None
        check_statistics(statistics, mixture.covariance_type, mixture.means.shape)
        family, regularization = VariationalBayes(mixture.prior), self._regularization()
        bound = family.bound(mixture, statistics, regularization)
        after = family.maximize(statistics, regularization)
        report = state.report.stepped(bound)
        # A stream goes on from here, of rows of the same weight.
        seen = statistics.weight
        self._state = replace(
            state, mixture=after, given=report, seen=seen, learner=None, trail=None
        )
        return self

    def _regularization(self) -> Regularization:
        assert self._state is not None
        return regularization_of(self._params(), self._state)
