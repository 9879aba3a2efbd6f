"""BayesianGaussianMixture: a posterior of mixtures by variational Bayes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal, Self

from fastgmm.covariance.types import model_of
from fastgmm.data.batches import BatchData
from fastgmm.data.passes import Data
from fastgmm.data.rows import RowData
from fastgmm.errors import InvalidParameterError
from fastgmm.estimators.conventions import defaults_of
from fastgmm.estimators.drawing import Drawing
from fastgmm.estimators.fixed import with_fixed_attributes
from fastgmm.estimators.given import row_data
from fastgmm.estimators.posterior_planning import (
    NOT_PARAMETERS,
    posterior_plan,
    pruned_fit,
    warn_of_posterior,
)
from fastgmm.estimators.posterior_stream import PosteriorStream
from fastgmm.estimators.sklearn_base import sklearn_estimator
from fastgmm.estimators.state import State
from fastgmm.estimators.summarized import Summarized
from fastgmm.fits.fit import Fit, fit, fit_keeping
from fastgmm.fits.plan import Callback, Hooks
from fastgmm.mixture.density import labels
from fastgmm.mixture.predictive import predictive_log_density
from fastgmm.typing import (
    COVARIANCE_TYPES,
    Acceleration,
    ArrayLike,
    CovarianceType,
    InitParams,
    Labels,
    RandomStateLike,
    Rows,
    WeightsPrior,
)
from fastgmm.validation import (
    check_callback,
    check_enough_rows,
    check_no_factors,
    check_parameters,
    plain_parameters,
)
from fastgmm.validation.batches import CheckedBatches


@sklearn_estimator("DensityMixin")
@with_fixed_attributes
class BayesianGaussianMixture(Drawing, PosteriorStream, Summarized):
    """A posterior of Gaussian mixtures, fitted by variational Bayes.

    Parameters, methods and attributes are scikit-learn's, with the additions below.  Components
    that the rows do not ask for end with next to no weight.  `score_samples` and what builds on it
    take the expected logarithms of weights and precisions, as scikit-learn does.

    Parameters
    ----------
    n_components : int, default=1
        Largest number of components, K.
    covariance_type : str, default="full"
        As in `GaussianMixture`.
    tol : float, default=1e-3
        The change of the lower bound, in nats of all rows together, under which a fit ends; with
        acceleration, the predicted distance to its limit.
    reg_covar : float or "auto", default=1e-6
        What is added to the diagonal of the rows' covariance in each component.
    max_iter : int, default=100
        Largest number of iterations per start.
    n_init : int, default=1
        Number of starts, of which the one with the highest lower bound is kept.
    init_params : {"ward", "kmeans", "k-means++", "random", "random_from_data"}, default="ward"
        How a start is found, as in `GaussianMixture`.
    weight_concentration_prior_type : {"dirichlet_process", "dirichlet_distribution"}
        The prior of the weights: sticks that are broken off one after the other (the default), or
        a Dirichlet distribution.
    weight_concentration_prior : float, optional
        Its concentration: low ones leave more components empty.  By default 1 / n_components.
    mean_precision_prior : float, optional
        The number of rows that `mean_prior` counts for in each component.  By default 1.
    mean_prior : array_like of shape (n_features,), optional
        By default the mean of the rows.
    degrees_of_freedom_prior : float, optional
        Of the Wishart prior of the precisions, more than n_features - 1.  By default n_features.
    covariance_prior : float or array_like, optional
        The inverse of the Wishart's scale, in the shape of one covariance.  By default the
        covariance of the rows, or its diagonal, or the mean of that.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Source of random numbers for the start and for `sample`.
    warm_start : bool, default=False
        True: `fit` goes on from the posterior of the last fit.
    verbose : int, default=0
        1 prints the iterations, 2 the changes and the times too.
    verbose_interval : int, default=10
        Iterations between two prints.
    n_threads : int, optional
        Threads per pass, as in `GaussianMixture`.
    acceleration : {"auto", "lbfgs"} or None, default="auto"
        None is scikit-learn's path, iteration by iteration.  "lbfgs" goes on with L-BFGS steps
        after ten passes where that turns out slow; "auto" does so, too, except with ``tol=0``.
    prune : bool, default=False
        True: components that hold less than one row are dropped after a fit, and it goes on with
        the others until none is left to drop.  `lower_bounds_` are then those since the last drop,
        since the bound depends on the number of components.
    half_life : float, optional
        `partial_fit` forgets: rows after which older ones count half. None: all count.
    learning_exponent : float, default=0.8
        `partial_fit` gives a batch of b rows after n the share (b / (n + b)) ** learning_exponent.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Expected weights.
    means_ : ndarray of shape (n_components, n_features)
    covariances_ : ndarray
        The inverses of the expected precisions, in the shapes of `GaussianMixture`.
    precisions_ : ndarray
    precisions_cholesky_ : ndarray
    weight_concentration_ : ndarray of shape (n_components,), or a pair of them
        Of the Dirichlet distribution; of the sticks, both parameters of their beta distributions.
    weight_concentration_prior_ : float
    mean_precision_ : ndarray of shape (n_components,)
        The number of rows that each mean is known by.
    mean_precision_prior_ : float
    mean_prior_ : ndarray of shape (n_features,)
    degrees_of_freedom_ : ndarray of shape (n_components,), or float if tied
    degrees_of_freedom_prior_ : float
    covariance_prior_ : ndarray, or float if spherical
    converged_ : bool
        Whether the best start has met the rule of `tol`; False of a stream, which has no end.
    n_iter_ : int
        Iterations of the best start; updates of a stream.
    n_passes_ : int
        Passes over the rows of the best start.
    lower_bound_ : float
        The lower bound of the log evidence, in nats and of all rows together, but for constants; of
        a stream, the running mean of the log density per row from before it was learned.
    lower_bounds_ : list of float
        That of each iteration.
    gap_ : float
        Predicted distance of `lower_bound_` from its limit, nats; inf where unknown.
    initializations_ : list of Initialization
        What each start has reached.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
    n_parameters : int
        Number of free parameters of the expected mixture.
    n_samples_seen_ : int
        Rows given to `partial_fit`; there only after it.
    is_fitted : bool

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (500, 2)), rng.normal(9, 1, (500, 2))])
    >>> model = fastgmm.BayesianGaussianMixture(n_components=6, random_state=0).fit(X)
    >>> np.sort(model.weights_).round(2)[-3:]
    array([0. , 0.5, 0.5])
    """

    _of_all_rows = True

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float | Literal["auto"] = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: InitParams = "ward",
        weight_concentration_prior_type: WeightsPrior = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: ArrayLike | float | None = None,
        random_state: RandomStateLike = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_threads: int | None = None,
        acceleration: Acceleration | None = "auto",
        prune: bool = False,
        half_life: float | None = None,
        learning_exponent: float = 0.8,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_threads = n_threads
        self.acceleration = acceleration
        self.prune = prune
        self.half_life = half_life
        self.learning_exponent = learning_exponent

    def _params(self) -> Any:
        """The parameters of the constructor, checked, and their numbers Python's."""
        return SimpleNamespace(**self._checked(), **NOT_PARAMETERS)

    def _checked(self) -> dict[str, Any]:
        checked = check_parameters(self._given(), type(self).__name__)
        check_no_factors(checked["covariance_type"], type(self).__name__)
        if model_of(checked["covariance_type"]).restrict is not None:
            raise InvalidParameterError(
                f"The 'covariance_type' parameter of {type(self).__name__} must be a str among "
                f"{{{', '.join(map(repr, COVARIANCE_TYPES))}}}, or mclust's name of one: "
                "covariances that have something in common have no conjugate prior. Got "
                f"{self.covariance_type!r} instead."
            )
        return checked

    def _plain(self) -> Any:
        return SimpleNamespace(**plain_parameters(self._given()), **NOT_PARAMETERS)

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _PARAMETERS}

    # ------------------------------------------------------------------ fit

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        callback: Callback | None = None,
    ) -> Self:
        """Fit the posterior to rows by variational Bayes.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; at least two, and as many as components.
        y : ignored
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts: weight 2 is the row twice, weight 0 the row left out.
        callback : callable, optional
            Called with a `fastgmm.Iteration` after each iteration, whose lower bound is that of all
            rows together; the start ends when it returns True.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows, weights or a prior are not valid.

        Warns
        -----
        ConvergenceWarning
            When the best start did not converge within `max_iter` iterations.
        """
        self._fit(X, sample_weight, callback)
        return self

    def fit_predict(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        callback: Callback | None = None,
    ) -> Labels:
        """Fit and return the label of each row: what `predict` says of the same rows afterwards.

        Parameters
        ----------
        X, y, sample_weight, callback
            As in `fit`.

        Returns
        -------
        ndarray of int64, shape (n_samples,)
        """
        data = self._fit(X, sample_weight, callback)
        return labels(self._posterior(), data.rows, data.n_threads)

    def _fit(
        self, X: ArrayLike, sample_weight: ArrayLike | None, callback: Callback | None
    ) -> RowData:
        params = self._params()
        check_callback(callback)
        data = row_data(X, sample_weight, "fit", params.n_threads)
        check_enough_rows(len(data.rows), params.n_components)
        self._fit_passes(data, params, callback)
        return data

    def fit_batches(self, batches: Any, *, callback: Callback | None = None) -> Self:
        """Fit the posterior to batches of rows that are never in memory together.

        It is the same fit as `fit`, up to rounding; see `GaussianMixture.fit_batches`.

        Parameters
        ----------
        batches : iterable or callable
            As there.
        callback
            As in `fit`.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            For batches that can be walked over only once.
        ValueError
            As `fit`; when the walks do not give the same rows.  When a batch is not valid or a
            reader fails in the middle, the model keeps the last whole pass.
        """
        params = self._params()
        check_callback(callback)
        checked = CheckedBatches(batches, "fit_batches", n_threads=params.n_threads)
        data = BatchData(checked, params.n_threads)
        data.peek()
        self._fit_passes(data, params, callback)
        return self

    def _fit_passes(self, data: Data, params: Any, callback: Callback | None) -> None:
        """Fit data; a fit that fails leaves its last whole pass."""
        plan, hooks = posterior_plan(params, data, self._state), Hooks(callback)
        if data.resident is None:
            found = fit_keeping(data, plan, hooks, lambda one: self._publish(one, data))
        else:
            found = fit(data, plan, hooks)
        if params.prune:
            found = pruned_fit(found, data, plan, hooks)
        self._publish(found, data)
        warn_of_posterior(found.run, params)

    def _publish(self, found: Fit, data: Data) -> None:
        self._state = State.of_fit(found, data.names, data.extent.weight)

    def predictive_log_density(self, X: ArrayLike) -> Rows:
        """Log density of each row under the posterior predictive, a mixture of Student's t.

        It integrates over what is not known of means and precisions (Bishop 2006, 10.81), where
        `score_samples` takes expectations, and so has heavier tails where rows are few.  The
        weights are the expected ones.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.BayesianGaussianMixture(random_state=0).fit([[1.0], [2.0], [6.0]])
        >>> model.predictive_log_density([[3.0], [30.0]]).round(1)
        array([ -1.9, -10.3])
        """
        mixture, names = self._fitted()
        rows, _ = self._rows(X, mixture, names, "predictive_log_density")
        return predictive_log_density(self._posterior(), rows, self._threads())


_PARAMETERS = tuple(defaults_of(BayesianGaussianMixture.__init__))
"""The constructor of this class has set these, of a subclass as well."""
