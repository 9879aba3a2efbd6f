"""What a fitted mixture says about rows: densities, responsibilities, labels, criteria."""

from typing import Any

import numpy as np

from fastgmm.errors import not_fitted_error
from fastgmm.estimators.fixed import fixed_copy, with_fixed_attributes
from fastgmm.estimators.state import State
from fastgmm.mixture import density as _density
from fastgmm.mixture.criteria import Criteria
from fastgmm.mixture.density import classification
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike, Labels, Missing, Names, Rows
from fastgmm.validation import (
    as_rows,
    as_sample_weight,
    as_table,
    check_feature_names,
    check_out,
    check_parameters,
    has_gaps,
)

_FLOAT32 = np.dtype(np.float32)
"""NumPy has one object for this dtype in native byte order, so that `is` suffices to tell it."""
_FLOAT64 = np.dtype(np.float64)
"""The same holds for this one."""


@with_fixed_attributes
class Scoring:
    """What a fitted state says by its mixture alone; an estimator and a snapshot inherit it.

    float32 rows give float32 results, all others float64.
    """

    _state: State | None = None
    n_threads: int | None
    random_state: Any
    missing: Missing = "error"

    def _fitted(self) -> tuple[Mixture, np.ndarray | None]:
        """The mixture and the names of its features, of one moment."""
        state = self._state
        if state is None or state.mixture is None:
            raise not_fitted_error(type(self).__name__)
        return state.mixture, state.names

    @property
    def _names(self) -> np.ndarray | None:
        """The names of the features, known before the first mixture of a stream is."""
        return None if self._state is None else self._state.names

    def _rows(
        self,
        X: Any,
        mixture: Mixture,
        names: np.ndarray | None,
        method: str,
        gaps: bool = True,
    ) -> tuple[np.ndarray, bool]:
        """The rows of X, and whether they have gaps.

        They may where `missing` says so and the method takes them.
        """
        if names is not None or type(X) is not np.ndarray:
            X = as_table(X)
            check_feature_names(X, names)
        elif (X.dtype is _FLOAT64 or X.dtype is _FLOAT32) and mixture.packed(X.dtype).takes(X):
            return X, False  # This check costs a third of as_rows, which one row would feel.
        may, n_threads = gaps and self.missing == "em", self._threads()
        rows = as_rows(
            X, n_features=mixture.n_features, method=method, n_threads=n_threads, gaps=may
        )
        return rows, may and has_gaps(rows, n_threads)

    def _threads(self) -> int | None:
        """`n_threads`, checked; scores of one row ask only where it is not None."""
        if self.n_threads is None:
            return None
        params = check_parameters({"n_threads": self.n_threads}, type(self).__name__)
        n_threads: int = params["n_threads"]
        return n_threads

    # ------------------------------------------------------------------ attributes

    def _shown(self, name: str) -> Rows:
        """A read-only copy of an array of the mixture in the dtype of its rows."""
        mixture, _ = self._fitted()
        return fixed_copy(getattr(mixture, name), mixture.dtype)

    @property
    def weights_(self) -> Rows:
        """The weights of the components, (K,); they sum to 1."""
        return self._shown("weights")

    @property
    def means_(self) -> Rows:
        """The means, (K, D)."""
        return self._shown("means")

    @property
    def covariances_(self) -> Rows:
        """Covariances: full (K, D, D), diag (K, D), spherical (K,); tied types lack the K."""
        return self._shown("covariances")

    @property
    def precisions_(self) -> Rows:
        """The inverses of the covariances, in their shape."""
        return self._shown("precisions")

    @property
    def precisions_cholesky_(self) -> Rows:
        """Upper triangular U with precision = U U^T (full, tied); else 1 / standard deviation."""
        return self._shown("precisions_cholesky")

    @property
    def n_features_in_(self) -> int:
        """The number of features, D."""
        mixture, _ = self._fitted()
        return mixture.n_features

    @property
    def feature_names_in_(self) -> Names:
        """The names of the features, (D,); an AttributeError where the rows had none."""
        names = self._names
        if names is None:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute 'feature_names_in_': "
                "the rows of its fit had no names"
            )
        return fixed_copy(names)

    @property
    def n_parameters(self) -> int:
        """The number of free parameters, p of the criteria: weights, means and covariances."""
        mixture, _ = self._fitted()
        return mixture.n_parameters

    def _n_parameters(self) -> int:
        """`n_parameters`, by the name under which tools for scikit-learn's class look for it."""
        return self.n_parameters

    @property
    def is_fitted(self) -> bool:
        """Whether there is a mixture to score with; to ask is no error and fits nothing."""
        return self._state is not None and self._state.mixture is not None

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted

    # ------------------------------------------------------------------ scores

    def score_samples(self, X: ArrayLike, *, out: Rows | None = None) -> Rows:
        """Log density of each row, log sum_k weight_k N(x | mean_k, covariance_k).

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        out : ndarray of shape (n_samples,), optional
            Where to write; of the dtype of the result (float32 for float32 rows, else float64),
            and not in the memory of the rows.  Nothing is allocated then.

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> model.score_samples([[0.0], [1.0]]).round(6)
        array([-0.918939, -1.418939])
        """
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "score_samples")
        if out is None:
            out = np.empty(len(rows), rows.dtype)
        else:
            check_out(out, (len(rows),), rows)
        n_threads = None if self.n_threads is None else self._threads()
        return _density.log_density(mixture, rows, out, n_threads, gaps=gaps)

    def score(
        self, X: ArrayLike, y: object = None, *, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean log density of the rows, in nats.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        y : ignored
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts: a weight of 2 is the row twice.

        Returns
        -------
        float
            The log-likelihood, over the sum of the weights.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> round(model.score([[0.0], [2.0]], sample_weight=[3, 1]), 6)
        -1.418939
        """
        criteria = self._criteria(X, sample_weight, "score")
        return criteria.log_likelihood / criteria.weight

    def component_log_density(self, X: ArrayLike) -> Rows:
        """Log density of each row under each component, log N(x | mean_k, covariance_k).

        The weights take no part.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Nats.

        Examples
        --------
        Two components of variance 1 and 2 at x = 3.5:

        >>> import numpy as np
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]]
        ... )
        >>> np.exp(model.component_log_density([[3.5]])).round(6)
        array([[0.129518, 0.160733]])
        """
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "component_log_density")
        out = np.empty((len(rows), mixture.n_components), rows.dtype)
        threads = self._threads()
        return _density.component_log_density(mixture, rows, out, threads, gaps=gaps)

    def predict_proba(self, X: ArrayLike, *, out: Rows | None = None) -> Rows:
        """Responsibilities: the probability of each component given the row.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        out : ndarray of shape (n_samples, n_components), optional
            Where to write, as in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Each row sums to 1.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]]
        ... )
        >>> model.predict_proba([[3.5]]).round(6)
        array([[0.547243, 0.452757]])
        """
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "predict_proba")
        shape = (len(rows), mixture.n_components)
        if out is None:
            out = np.empty(shape, rows.dtype)
        else:
            check_out(out, shape, rows)
        n_threads = None if self.n_threads is None else self._threads()
        return _density.responsibilities(mixture, rows, out, n_threads, gaps=gaps)

    def predict(self, X: ArrayLike) -> Labels:
        """The label of the most probable component of each row, the first of equals.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of int64, shape (n_samples,)
        """
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "predict")
        n_threads = None if self.n_threads is None else self._threads()
        return _density.labels(mixture, rows, n_threads, gaps=gaps)

    # ------------------------------------------------------------------ criteria

    def _weighed(
        self, X: ArrayLike, sample_weight: ArrayLike | None, method: str
    ) -> tuple[Mixture, np.ndarray, bool, np.ndarray | None, float]:
        """The mixture, rows, whether they have gaps, their weights, and n.

        That is the sum of the weights, or the number of rows.
        """
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, method)
        weights = as_sample_weight(sample_weight, len(rows))
        n = len(rows) if weights is None else float(weights.sum())
        return mixture, rows, gaps, weights, n

    def _criteria(self, X: ArrayLike, sample_weight: ArrayLike | None, method: str) -> Criteria:
        """The criteria of rows; the ICL is NaN, as it takes a pass of its own."""
        mixture, rows, gaps, weights, n = self._weighed(X, sample_weight, method)
        n_threads = self._threads()
        log_likelihood = _density.log_likelihood(mixture, rows, weights, n_threads, gaps=gaps)
        return Criteria(log_likelihood, mixture.n_parameters, n)

    def bic(self, X: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion, -2 log L + p log n with p free parameters.

        Lower is better.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts; n is the sum of the weights.

        Returns
        -------
        float
        """
        return self._criteria(X, sample_weight, "bic").bic

    def aic(self, X: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Akaike's information criterion, -2 log L + 2 p with p free parameters.

        Lower is better.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts in log L.

        Returns
        -------
        float
        """
        return self._criteria(X, sample_weight, "aic").aic

    def icl(self, X: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Integrated completed likelihood, BIC - 2 sum_i log max_k r_ik.

        Lower is better.  The criterion of Biernacki, Celeux and Govaert (2000) with each row given
        to its most probable component, as mclust computes it (there with the sign reversed): BIC
        plus a price for components that overlap.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts; n is the sum of the weights.

        Returns
        -------
        float
        """
        mixture, rows, gaps, weights, n = self._weighed(X, sample_weight, "icl")
        n_threads = self._threads()
        log_likelihood, certainty = classification(mixture, rows, weights, n_threads, gaps=gaps)
        # The ICL is the BIC of rows that are complete: each with the label of its component.
        return Criteria(log_likelihood + certainty, mixture.n_parameters, n, 0.0).icl
