"""What a fitted mixture says about rows: densities, responsibilities, labels, criteria."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.estimators.fitted import Fitted
from fastgmm.limits.room import check_result
from fastgmm.limits.scalars import as_array
from fastgmm.mixture import density as _density
from fastgmm.mixture.criteria import Criteria, classified, scored
from fastgmm.mixture.mixture import Mixture
from fastgmm.tables.containers import is_spread
from fastgmm.typing import ArrayLike, Labels, Rows
from fastgmm.validation import (
    as_rows,
    as_sample_weight,
    as_table,
    check_feature_names,
    check_out,
    has_gaps,
)

if TYPE_CHECKING:
    from fastgmm.data.partitions import PartitionData

_FLOAT32 = np.dtype(np.float32)
"""NumPy has one object for this dtype in native byte order, so that `is` suffices to tell it."""
_FLOAT64 = np.dtype(np.float64)
"""The same holds for this one."""
MANY = 1 << 24
"""Results of fewer numbers take no memory worth asking for."""


class Scoring(Fitted):
    """What a fitted state says of rows by its mixture; an estimator and a snapshot inherit it.

    float32 rows give float32 results, all others float64.
    """

    def _rows(
        self,
        X: Any,
        mixture: Mixture,
        names: np.ndarray | None,
        method: str,
    ) -> tuple[np.ndarray, bool]:
        """The rows of X, and whether they have gaps, as they may where `missing` says so."""
        if names is not None or type(X) is not np.ndarray:
            X = as_table(X)
            check_feature_names(X, names)
        elif (X.dtype is _FLOAT64 or X.dtype is _FLOAT32) and mixture.packed(X.dtype).takes(X):
            return X, False  # This check costs a third of as_rows, which one row would feel.
        may, n_threads = self.missing == "em", self._threads()
        rows = as_rows(
            X, n_features=mixture.n_features, method=method, n_threads=n_threads, gaps=may
        )
        return rows, may and has_gaps(rows, n_threads)

    # ------------------------------------------------------------------ scores

    def score_samples(self, X: ArrayLike, *, out: Rows | None = None) -> Rows:
        """Log density of each row, log sum_k weight_k N(x | mean_k, covariance_k).

        Noise adds its weight over its volume to the sum.

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
        if type(X) is not np.ndarray and is_spread(X):
            lazy_scores: np.ndarray = self._of_partitions("score_samples", X, out)
            return lazy_scores
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "score_samples")
        if out is None:
            if len(rows) > MANY:
                check_result((len(rows),), rows.dtype)
            out = np.empty(len(rows), rows.dtype)
        else:
            check_out(out, (len(rows),), rows)
        n_threads = None if self.n_threads is None else self._threads()
        return _density.log_density(mixture, rows, out, n_threads, gaps=gaps)

    def score_one(self, x: ArrayLike) -> float:
        """Log density of one row, without an array for the result.

        Parameters
        ----------
        x : array_like of shape (n_features,)
            A row; an ndarray of float64 or float32 in C order is read as it is, in half the time.

        Returns
        -------
        float
            What `score_samples` says of it, in nats.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> round(model.score_one(np.array([1.0])), 6)
        -1.418939
        """
        mixture, names = self._fitted()
        if type(x) is np.ndarray and (x.dtype is _FLOAT64 or x.dtype is _FLOAT32) and names is None:
            density: float | None = mixture.packed(x.dtype).log_density_of_one(x)
            if density is not None:
                return density
        row = as_array(x, "x")
        if row.ndim != 1:
            raise ValueError(
                f"score_one takes one row of {mixture.n_features} numbers, got an array of the "
                f"shape {row.shape}: pass several rows to score_samples."
            )
        return float(self.score_samples(row[np.newaxis])[0])

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
        mixture, data = self._weighed(X, sample_weight, "score")
        what = partial(_density.log_likelihood, mixture, n_threads=data.n_threads, gaps=data.gapped)
        return data.summed(what) / data.extent.weight

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
        if type(X) is not np.ndarray and is_spread(X):
            lazy_scores: np.ndarray = self._of_partitions("component_log_density", X)
            return lazy_scores
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "component_log_density")
        check_result((len(rows), mixture.n_components), rows.dtype)
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
            Each row sums to 1; with noise to 1 less `noise_proba`.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]]
        ... )
        >>> model.predict_proba([[3.5]]).round(6)
        array([[0.547243, 0.452757]])
        """
        if type(X) is not np.ndarray and is_spread(X):
            lazy_scores: np.ndarray = self._of_partitions("predict_proba", X, out)
            return lazy_scores
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "predict_proba")
        shape = (len(rows), mixture.n_components)
        if out is None:
            if len(rows) * shape[1] > MANY:
                check_result(shape, rows.dtype)
            out = np.empty(shape, rows.dtype)
        else:
            check_out(out, shape, rows)
        n_threads = None if self.n_threads is None else self._threads()
        return _density.responsibilities(mixture, rows, out, n_threads, gaps=gaps)

    def predict(self, X: ArrayLike) -> Labels:
        """The label of the most probable component of each row, the first of equals; -1 is noise.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of int64, shape (n_samples,)
        """
        if type(X) is not np.ndarray and is_spread(X):
            lazy_scores: np.ndarray = self._of_partitions("predict", X)
            return lazy_scores
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "predict")
        if len(rows) > MANY:
            check_result((len(rows),), np.int64)
        n_threads = None if self.n_threads is None else self._threads()
        return _density.labels(mixture, rows, n_threads, gaps=gaps)

    def noise_proba(self, X: ArrayLike) -> Rows:
        """Probability that a row is noise, of no component; 0 of a mixture without noise.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            What `predict_proba` lacks to 1.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.9], [[0.0]], [[[1.0]]], noise=100.0
        ... )
        >>> model.noise_proba([[0.0], [9.0]]).round(3)
        array([0.003, 1.   ])
        """
        mixture, names = self._fitted()
        rows, gaps = self._rows(X, mixture, names, "noise_proba")
        if len(rows) > MANY:
            check_result((len(rows), 2), rows.dtype)
        out = np.zeros(len(rows), rows.dtype)
        if mixture.noise is None:
            return out
        return _density.noise_probabilities(mixture, rows, out, self._threads(), gaps=gaps)

    # ------------------------------------------------------------------ criteria

    def _weighed(
        self, X: ArrayLike, sample_weight: ArrayLike | None, method: str
    ) -> "tuple[Mixture, RowData | PartitionData]":
        """The mixture, and the rows with their weights as data."""
        mixture, names = self._fitted()
        if is_spread(X):
            # What clusters need is loaded with the first of them.
            from fastgmm.estimators.spread import Asked, spread_data

            may, n_threads = self.missing == "em", self._threads()
            asked = Asked(method, n_threads, may, mixture.n_features, names)
            spread = spread_data(X, sample_weight, None, asked)
            if spread is not None:
                return mixture, spread
        rows, gaps = self._rows(X, mixture, names, method)
        weights = as_sample_weight(sample_weight, len(rows))
        return mixture, RowData(rows, weights, self._threads(), gapped=gaps)

    def _of_partitions(self, method: str, X: Any, out: np.ndarray | None = None) -> Any:
        """The scores of rows of dask, which are computed where those lie, later."""
        # What clusters need is loaded with the first of them.
        from fastgmm.estimators.spread import scores

        return scores(self, method, X, out)

    def _criteria(self, X: ArrayLike, sample_weight: ArrayLike | None, method: str) -> Criteria:
        """The criteria of rows; the ICL is NaN, as it takes a pass of its own."""
        return self._criteria_of(*self._weighed(X, sample_weight, method))

    @staticmethod
    def _criteria_of(mixture: Mixture, data: "RowData | PartitionData") -> Criteria:
        what = partial(scored, mixture, n_threads=data.n_threads, gaps=data.gapped)
        log_likelihood, n = data.summed(what).tolist()
        return Criteria(log_likelihood, mixture.n_parameters, n)

    def bic(self, X: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion, -2 log L + p log n with p free parameters.

        Lower is better.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts; n is the sum of the weights.  Rows without any value, with
            ``missing="em"``, are not counted.

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
            How often each row counts; n is the sum of the weights.  Rows without any value, with
            ``missing="em"``, are not counted.

        Returns
        -------
        float
        """
        mixture, data = self._weighed(X, sample_weight, "icl")
        what = partial(classified, mixture, n_threads=data.n_threads, gaps=data.gapped)
        log_likelihood, certainty, n = data.summed(what).tolist()
        # The ICL is the BIC of rows that are complete: each with the label of its component.
        return Criteria(log_likelihood + certainty, mixture.n_parameters, n, 0.0).icl
