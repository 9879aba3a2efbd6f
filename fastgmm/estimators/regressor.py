"""GaussianMixtureRegressor: a mixture of rows and targets together tells targets of rows."""

from __future__ import annotations

from typing import Any, Literal, Self, overload

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.em.priors import NormalInverseWishart
from fastgmm.errors import not_fitted_error, warn_user
from fastgmm.estimators.conventions import Estimator
from fastgmm.estimators.fixed import fixed_copy
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.pickled import plain, whole
from fastgmm.estimators.sklearn_base import sklearn_estimator
from fastgmm.typing import (
    ALL_COVARIANCE_TYPES,
    Acceleration,
    ArrayLike,
    CovarianceType,
    InitParams,
    Missing,
    Names,
    OnCollapse,
    RandomStateLike,
    Rows,
)
from fastgmm.validation import (
    as_rows,
    as_sample_weight,
    as_table,
    check_feature_names,
    check_no_factors,
    feature_names_of,
    features_error,
)
from fastgmm.validation.questions import as_targets


@sklearn_estimator("RegressorMixin")
class GaussianMixtureRegressor(Estimator):
    """Regression by a Gaussian mixture of the features and the targets together.

    A prediction is the expectation of the targets given the features: a mean of the components'
    linear regressions, each with the probability of its component at that row.  One component is
    linear regression; more bend the line, and tell where it is uncertain.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    covariance_type : str, default="full"
        As in `GaussianMixture`.  Of "full" and "tied" the components have slopes; with diagonals
        and single variances a component predicts its mean.
    tol, reg_covar, max_iter, n_init, init_params, random_state, n_threads, gap_tol, acceleration, \
on_collapse, prior : optional
        As in `GaussianMixture`, of rows that hold the features and then the targets.
    missing : {"error", "em"}, default="error"
        With "em" NaN is a value that is missing at random, in the rows and, where the mixture is
        fitted, in the targets: what was observed of a row is learned from, and tells.

    Attributes
    ----------
    mixture_ : GaussianMixture
        The mixture of the features and, after them, the targets.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; there only where the rows of the fit had names.
    n_outputs_ : int
        Number of targets.
    n_iter_ : int
        Iterations of the fit.
    is_fitted : bool
        Whether there is a mixture to predict with.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> X = np.linspace(-3, 3, 200)[:, None]
    >>> y = np.abs(X[:, 0]) + np.random.default_rng(0).normal(0.0, 0.02, 200)
    >>> model = fastgmm.GaussianMixtureRegressor(2, random_state=0).fit(X, y)
    >>> model.predict([[-2.0], [2.0]]).round(1)
    array([2., 2.])
    >>> model.score(X, y) > 0.99
    True
    """

    _learned: tuple[GaussianMixture, np.ndarray | None, int, bool] | None = None

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float | Literal["auto"] = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: InitParams = "ward",
        random_state: RandomStateLike = None,
        n_threads: int | None = None,
        gap_tol: float | Literal["auto"] | None = "auto",
        acceleration: Acceleration | None = "auto",
        on_collapse: OnCollapse = "repair",
        prior: NormalInverseWishart | None = None,
        missing: Missing = "error",
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.random_state = random_state
        self.n_threads = n_threads
        self.gap_tol = gap_tol
        self.acceleration = acceleration
        self.on_collapse = on_collapse
        self.prior = prior
        self.missing = missing

    def fit(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture to rows and targets.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; at least two, and as many as components.
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, which take the dtype of the rows; with ``missing="em"`` NaN is one that is not
            known, and its row tells of the features.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows, targets or weights are not valid, and as `GaussianMixture.fit`.
        """
        check_no_factors(self.covariance_type, type(self).__name__)
        table = as_table(X)
        names = feature_names_of(table)
        mixture = GaussianMixture(**self.get_params(deep=False))
        may = self.missing == "em"
        rows = as_rows(table, min_rows=2, method="fit", gaps=may)
        targets = as_targets(y, len(rows), gaps=may)
        with np.errstate(over="ignore"):
            columns = targets.reshape(len(rows), -1).astype(rows.dtype, copy=False)
        if not (np.isfinite(columns) | (np.isnan(columns) & may)).all():
            raise ValueError(
                f"y has numbers beyond {rows.dtype}, the dtype of X: pass X as float64, or scale y."
            )
        mixture.fit(np.concatenate([rows, columns], axis=1), sample_weight=sample_weight)
        self._learned = mixture, names, columns.shape[1], targets.ndim == 1
        return self

    def __getstate__(self) -> dict[str, Any]:
        kept = plain(self.__dict__)
        if (learned := kept.pop("_learned", None)) is not None:
            mixture, names, n_outputs, flat = learned
            known = None if names is None else names.tolist()
            kept["_stored"] = mixture.__getstate__(), known, n_outputs, flat
        return kept

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        own = whole(pickled)
        if (stored := own.pop("_stored", None)) is not None:
            of_mixture, known, n_outputs, flat = stored
            mixture = GaussianMixture()
            mixture.__setstate__(of_mixture)
            names = None if known is None else np.array(known, dtype=object)
            own["_learned"] = mixture, names, n_outputs, flat
        self.__dict__.update(own)

    def _found(self) -> tuple[GaussianMixture, np.ndarray | None, int, bool]:
        """The mixture, the names of its features, the number of targets, and whether y was 1-D."""
        if self._learned is None:
            raise not_fitted_error(type(self).__name__)
        return self._learned

    @property
    def mixture_(self) -> GaussianMixture:
        """The mixture of the features and, after them, the targets."""
        return self._found()[0]

    @property
    def n_outputs_(self) -> int:
        """The number of targets."""
        return self._found()[2]

    @property
    def n_features_in_(self) -> int:
        """The number of features."""
        mixture, _, n_outputs, _ = self._found()
        return mixture.n_features_in_ - n_outputs

    @property
    def feature_names_in_(self) -> Names:
        """The names of the features; an AttributeError where the rows had none."""
        names = self._found()[1]
        if names is None:
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute 'feature_names_in_': "
                "the rows of its fit had no names"
            )
        return fixed_copy(names)

    @property
    def n_iter_(self) -> int:
        """The iterations of the fit."""
        return self.mixture_.n_iter_

    @property
    def is_fitted(self) -> bool:
        """Whether there is a mixture to predict with."""
        return self._learned is not None

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted

    @overload
    def predict(
        self,
        X: ArrayLike,
        *,
        return_std: Literal[False] = False,
        return_cov: Literal[False] = False,
    ) -> Rows: ...

    @overload
    def predict(
        self, X: ArrayLike, *, return_std: Literal[True], return_cov: Literal[False] = False
    ) -> tuple[Rows, Rows]: ...

    @overload
    def predict(
        self, X: ArrayLike, *, return_std: Literal[False] = False, return_cov: Literal[True]
    ) -> tuple[Rows, Rows]: ...

    def predict(
        self, X: ArrayLike, *, return_std: bool = False, return_cov: bool = False
    ) -> Rows | tuple[Rows, Rows]:
        """The expectation of the targets given each row.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return the standard deviations of the targets as well.
        return_cov : bool, default=False
            Whether to return the covariances of the targets as well; one of the two at most.

        Returns
        -------
        means : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As `y` was; float32 for float32 rows, else float64.
        deviations : ndarray of the shape of the means
            Only with `return_std`.
        covariances : ndarray of shape (n_samples, n_outputs, n_outputs)
            Only with `return_cov`; (n_samples, 1, 1) for a `y` of one axis.

        Raises
        ------
        ValueError
            When the rows are not valid, or both `return_std` and `return_cov` are true.
        """
        mixture, names, n_outputs, flat = self._found()
        if return_std and return_cov:
            raise ValueError(
                "At most one of return_std or return_cov can be requested: the deviations are the "
                "roots of the covariances' diagonals."
            )
        table = as_table(X)
        check_feature_names(table, names, type(self).__name__)
        rows = as_rows(table, method="predict", gaps=mixture.missing == "em")
        n_features = mixture.n_features_in_ - n_outputs
        if rows.shape[1] != n_features:
            raise features_error(rows.shape[1], n_features, type(self).__name__)
        targets = list(range(n_features, n_features + n_outputs))
        if not (return_std or return_cov):
            means = mixture.regress(rows, targets)
            return means[:, 0] if flat else means
        means, covariances = mixture.regress(rows, targets, return_cov=True)
        means = means[:, 0] if flat else means
        if return_cov:
            return means, covariances
        deviations = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        return means, deviations[:, 0] if flat else deviations

    def score(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """The coefficient of determination R^2 of the predictions, the mean over the targets.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.
        y : array_like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        float
            1 at best; 0 for what knows the mean of the targets only.  A target that is constant
            counts 1 where it is met exactly, else 0.  NaN, with a warning, for a single row.
        """
        means = self.predict(X)
        targets = as_targets(y, len(means)).astype(np.float64)
        if targets.size != means.size:
            raise ValueError(
                f"y has the shape {targets.shape}, and predictions have {means.shape}: pass the "
                "targets that the model was fitted on."
            )
        if len(means) < 2:
            warn_user("R^2 score is not well-defined with less than two samples.")
            return float("nan")
        targets = targets.reshape(len(means), -1)
        weights = as_sample_weight(sample_weight, len(means))
        weights = np.ones(len(means)) if weights is None else weights
        missed = weights @ (targets - means.reshape(targets.shape)) ** 2
        spread = weights @ (targets - weights @ targets / weights.sum()) ** 2
        of_constant = np.where(missed == 0.0, 1.0, 0.0)
        share = np.divide(missed, spread, out=1.0 - of_constant, where=spread > 0.0)
        return float(np.mean(1.0 - share))

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so that it is loaded already.
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        # Without covariances of features and targets a component predicts its mean: few of them
        # do worse than scikit-learn's checks expect of a regressor.
        known = self.covariance_type in ALL_COVARIANCE_TYPES
        poor = not known or model_of(self.covariance_type).form.ndim < 2
        tags.regressor_tags = RegressorTags(poor_score=poor)
        return tags
