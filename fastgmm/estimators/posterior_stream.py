"""Streams of a posterior: `partial_fit`, by the learner of online EM with another family."""

from dataclasses import replace
from operator import attrgetter
from typing import Any, Self

import numpy as np

from fastgmm.em.posterior_priors import VariationalStream
from fastgmm.estimators.planning import plan_of
from fastgmm.estimators.posterior_planning import settings_of, wishes_of
from fastgmm.estimators.posterior_saving import SavedPosterior
from fastgmm.estimators.state import State
from fastgmm.estimators.streams import begun, fitted_early, following
from fastgmm.fits.plan import Plan
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike
from fastgmm.validation import (
    as_rows,
    as_sample_weight,
    as_table,
    check_feature_names,
    feature_names_of,
)

_WISHES = attrgetter("n_threads", "half_life", "learning_exponent", "reg_covar")
"""A stream follows these parameters where they change."""


class PosteriorStream(SavedPosterior):
    """Learning from a stream; `BayesianGaussianMixture` inherits it."""

    half_life: float | None
    learning_exponent: float
    reg_covar: Any

    def partial_fit(
        self, X: ArrayLike, y: object = None, *, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from the next rows of a stream by stochastic variational Bayes.

        Batches, their shares and what is set aside are those of `GaussianMixture.partial_fit`; the
        statistics are blended, and each posterior is that of as many rows as have been learned from
        and are not forgotten (Hoffman et al. 2013).  The first rows are gathered and fitted, and
        what the prior takes from rows it takes from these.  After `fit`, learning goes on from its
        posterior and its prior.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; one is enough, and none changes nothing.
        y : ignored
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows or weights are not valid; the model is then what it was.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> rng = np.random.default_rng(0)
        >>> model = fastgmm.BayesianGaussianMixture(n_components=2, random_state=0)
        >>> for _ in range(50):
        ...     rows = rng.normal(size=(100, 1)) + 10 * rng.integers(2, size=(100, 1))
        ...     model = model.partial_fit(rows)
        >>> np.sort(model.means_.ravel()).round()
        array([ 0., 10.])
        """
        params, state, table = self._params(), self._state, as_table(X)
        learner = None if state is None else state.learner
        if state is None:
            names = feature_names_of(table)
        else:
            check_feature_names(table, state.names)
            names = state.names
        rows = as_rows(
            table,
            n_features=None if state is None else state.n_features,
            min_rows=0,
            method="partial_fit",
            n_threads=params.n_threads,
        )
        weights = as_sample_weight(sample_weight, len(rows), some_positive=False)
        if len(rows) == 0:
            return self
        if learner is None:
            learner = begun(rows, params, state, VariationalStream(wishes_of(params)))
        if _WISHES(params) != learner.wishes:
            learner = following(learner, params, _WISHES(params))
        if rows.dtype != learner.target.dtype:
            rows = rows.astype(learner.target.dtype)
        learner = learner.learn(rows, weights, self._planned)
        self._state = State.of_stream(learner, names, state)
        return self

    def _planned(self, n_features: int) -> Plan:
        """The plan of the first fit."""
        params = self._params()
        plan = plan_of(params, n_features)
        return replace(plan, settings=settings_of(plan, params))

    def _fitted(self) -> tuple[Mixture, np.ndarray | None]:
        """The posterior and the names of its features; the first rows of a stream are fitted."""
        state = self._state
        if state is not None and state.mixture is None and state.learner is not None:
            plan = self._planned(state.learner.target.n_features)
            self._state = fitted_early(state, plan, type(self).__name__)
        return super()._fitted()

    @property
    def n_samples_seen_(self) -> int:
        """The number of rows given to `partial_fit`."""
        learner = None if self._state is None else self._state.learner
        if learner is None:
            raise AttributeError(
                f"this {type(self).__name__} has seen no stream: call partial_fit first"
            )
        return learner.n_samples
