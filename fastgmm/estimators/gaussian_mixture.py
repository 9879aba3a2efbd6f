"""GaussianMixture: what users touch."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np

from fastgmm.data.rows import BatchData, Data, RowData
from fastgmm.data.sample import Sample
from fastgmm.em.collapse import summary
from fastgmm.em.e_step import expectation
from fastgmm.em.loop import Run
from fastgmm.em.m_step import maximization
from fastgmm.em.priors import NormalInverseWishart, check_prior
from fastgmm.em.stopping import Stopping
from fastgmm.errors import (
    CollapseWarning,
    convergence_warning_class,
    warn_user,
)
from fastgmm.estimators.model_file import INITIAL, StoredMixture
from fastgmm.fits.checkpoint import Checkpoint
from fastgmm.fits.fit import Callback, Fit, Settings, fit
from fastgmm.mixture.density import labels
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.mixture.statistics import check as check_statistics
from fastgmm.starts.points import Start
from fastgmm.typing import Acceleration, ArrayLike, CovarianceType, InitParams, OnCollapse
from fastgmm.validation import (
    as_generator,
    as_rows,
    as_sample_weight,
    check_covariances,
    check_enough_rows,
    check_means_init,
    check_parameters,
    check_precisions_init,
    check_weights_init,
    feature_names_of,
)
from fastgmm.validation.batches import CheckedBatches


class GaussianMixture(StoredMixture):
    """A mixture of Gaussians, fitted by expectation-maximisation.

    Parameters, methods and attributes are scikit-learn's, with the additions below; from the same
    initial parameters the fit takes the same path.

    Parameters
    ----------
    n_components : int, default=1
        Number of components, K.
    covariance_type : str, default="full"
        "full": a covariance matrix per component; "diag": a diagonal; "spherical": a variance.
        "tied", "tied_diag", "tied_spherical": one of these for all components.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood per row changes by less than this (nats); see
        `gap_tol`.
    reg_covar : float or "auto", default=1e-6
        Added to the diagonal of each covariance, in the squared units of the data; "auto" is 1e-6
        times each column's variance, whatever its units.
    max_iter : int, default=100
        Largest number of iterations per start; 0 leaves the initial parameters as they are.
    n_init : int, default=1
        Number of starts.  Those of "ward" are compared after a few passes over a subset of the
        rows, and the best goes on; of the others each runs to its end, and the highest is kept.
    init_params : {"ward", "kmeans", "k-means++", "random", "random_from_data"}, default="ward"
        How a start is found: Ward's clustering of a sample of the rows; k-means; k-means++ seeds;
        random responsibilities; random rows.
    weights_init, means_init, precisions_init : array_like, optional
        Initial weights (K,), means (K, D) and inverse covariances (shape of `covariances_`), in
        place of the estimated ones.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Source of random numbers for the start and for `sample`.
    warm_start : bool, default=False
        True: `fit` goes on from the parameters of the last fit.
    verbose : int, default=0
        1 prints the iterations, 2 the changes and the times too.
    verbose_interval : int, default=10
        Iterations between two prints.
    n_threads : int, optional
        Threads per pass; None means the processors that this process may use. No result depends on
        it.
    half_life : float, optional
        `partial_fit` forgets: rows after which older ones count half. None: all count.
    learning_exponent : float, default=0.8
        `partial_fit` gives a batch of b rows after n the share (b / (n + b)) ** learning_exponent.
    gap_tol : float, "auto" or None, default="auto"
        The predicted distance of the mean log-likelihood to its limit (nats) under which a fit
        stops.  "auto" wants the change under `tol` and this distance under a tenth of it; a number
        decides alone; None leaves it to the change, as scikit-learn does.
    acceleration : {"auto", "lbfgs"} or None, default="auto"
        None is plain EM.  "lbfgs" goes on with L-BFGS steps after ten passes where EM turns out
        slow; "auto" does so, too, except with ``tol=0``, which asks for `max_iter` iterations.
    on_collapse : {"repair", "warn", "raise"}, default="repair"
        What is done about a component that holds less than one row, or loses its extent in some
        direction.  "repair": the first is moved to where the model explains the rows worst, the
        second held at the floor of `reg_covar`, or moved, too, where there is none.  "warn": both
        are held.  "raise": an error.
    prior : NormalInverseWishart, optional
        For maximum a posteriori estimates where components have few rows.

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : ndarray
        The parameters; float32 if the rows of the fit were.
    converged_ : bool
        Whether the best start has met the rule of `tol` and `gap_tol`.
    n_iter_ : int
        Iterations of the best start.
    n_passes_ : int
        Its passes over the rows: more, where accelerated steps have failed.
    lower_bound_ : float
        Mean log-likelihood per row that the last iteration began with, nats; with a prior, its log
        density per row on top.
    lower_bounds_ : list of float
        That of each iteration.
    gap_ : float
        Predicted distance of `lower_bound_` from its limit, nats; inf where unknown.
    repairs_ : list of Repair
        What collapsed in the best start, and what was done: n_iter, component, reason, action.
    initializations_ : list of Initialization
        What each start has reached: index, lower_bound, chosen, failure.
    n_features_in_, feature_names_in_
        Number of features and, for frames, their names.

    Notes
    -----
    Where `weights_init`, `means_init` and `precisions_init` are all given, the "auto" of `gap_tol`
    and `acceleration` mean None: the fit takes scikit-learn's path, iteration by iteration.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> X = np.array([[1.0], [2.0], [3.0], [11.0], [12.0], [13.0]])
    >>> model = fastgmm.GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> np.sort(model.means_.ravel()).round(6)
    array([ 2., 12.])
    >>> model.predict([[0.0], [14.0]]).tolist() == model.predict([[2.0], [12.0]]).tolist()
    True
    """

    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType = "full",
        tol: float = 1e-3,
        reg_covar: float | str = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: InitParams = "ward",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_threads: int | None = None,
        half_life: float | None = None,
        learning_exponent: float = 0.8,
        gap_tol: float | str | None = "auto",
        acceleration: Acceleration | None = "auto",
        on_collapse: OnCollapse = "repair",
        prior: NormalInverseWishart | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_threads = n_threads
        self.half_life = half_life
        self.learning_exponent = learning_exponent
        self.gap_tol = gap_tol
        self.acceleration = acceleration
        self.on_collapse = on_collapse
        self.prior = prior

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        *,
        covariance_type: CovarianceType = "full",
        **params: Any,
    ) -> Self:
        """Make a fitted model of known parameters.

        Parameters
        ----------
        weights : array_like of shape (n_components,)
            They sum to 1.
        means : array_like of shape (n_components, n_features)
        covariances : array_like
            (K, D, D) for full, (K, D) for diag, (K,) for spherical; (D, D), (D,) and () for the
            tied types.
        covariance_type : str, default="full"
        **params : object
            Further parameters of the constructor.

        Returns
        -------
        GaussianMixture
            float32 if all three arrays are.

        Raises
        ------
        ValueError
            When shapes do not fit, weights do not sum to 1 or a covariance is not positive
            definite.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]]
        ... )
        >>> model.score_samples([[3.5]]).round(6)
        array([-1.951902])
        """
        single = all(getattr(a, "dtype", None) == np.float32 for a in (weights, means, covariances))
        checked_means = check_means_init(means, None)
        n_components, n_features = checked_means.shape
        model = cls(n_components, covariance_type=covariance_type, **params)
        check_parameters(model.get_params())
        model._parameters = Mixture.from_covariances(
            check_weights_init(weights, n_components),
            checked_means,
            check_covariances(covariances, covariance_type, n_components, n_features),
            covariance_type,
            np.float32 if single else np.float64,
        )
        model._show_run(Run(model._parameters, float("-inf")), ())
        return model

    # ------------------------------------------------------------------ fit

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        callback: Callback | None = None,
    ) -> Self:
        """Fit the mixture to rows by expectation-maximisation.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; at least two, and as many as components.
        y : ignored
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts: weight 2 is the row twice, weight 0 the row left out.
        callback : callable, optional
            Called with an `em.Iteration` (n_iter, lower_bound, change, init) after each iteration;
            the start ends when it returns True.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows, weights or initial parameters are not valid, or every start ends with a
            singular covariance (possible with ``reg_covar=0``).

        Warns
        -----
        ConvergenceWarning
            When the best start did not converge within `max_iter` iterations.
        CollapseWarning
            When components collapsed, and were moved or held.
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
    ) -> np.ndarray:
        """Fit and return the label of each row: what `predict` says of the same rows afterwards."""
        data = self._fit(X, sample_weight, callback)
        return labels(self._parameters, data.rows, self.n_threads)

    def _fit(
        self, X: ArrayLike, sample_weight: ArrayLike | None, callback: Callback | None
    ) -> RowData:
        check_parameters(self.get_params())
        names = feature_names_of(X)
        rows = as_rows(X, min_rows=2, method="fit", n_threads=self.n_threads)
        check_enough_rows(len(rows), self.n_components)
        weights = as_sample_weight(sample_weight, len(rows))
        data = RowData(rows, weights, self.n_threads, names)
        self._take(self._best_fit(data, callback), names)
        self._seen = data.extent.weight
        return data

    def _best_fit(
        self,
        data: Data,
        callback: Callback | None,
        checkpoint: Checkpoint | None = None,
        after_pass: Callable[[Run], None] | None = None,
        draw_seed: Callable[[], int] | None = None,
        sample: Sample | None = None,
        largest: int = 0,
    ) -> Fit:
        if self.prior is not None:
            check_prior(self.prior)
        warm = self._warm_parameters(data.n_features)
        return fit(
            data,
            replace(self._start(data.n_features), largest=largest),
            self._settings(),
            draw_seed or (lambda: int(as_generator(self.random_state).integers(2**63))),
            warm=warm,
            history=self._history() if warm else (),
            callback=callback,
            checkpoint=checkpoint,
            after_pass=after_pass,
            sample=None if sample is None else lambda: sample,
        )

    def _fit_shared(
        self, data: RowData, sample: Sample, seed: int, largest: int, callback: Callback
    ) -> None:
        """One of several fits that share their rows and a sample of them; without warnings."""
        found = self._best_fit(
            data, callback, draw_seed=lambda: seed, sample=sample, largest=largest
        )
        self._set(found.run, data.names, found.initializations)
        self._seen = data.extent.weight

    def _settings(self) -> Settings:
        as_scikit_learn = all(getattr(self, name) is not None for name in INITIAL)
        gap_tol, acceleration = self.gap_tol, self.acceleration
        if as_scikit_learn:
            gap_tol = None if gap_tol == "auto" else gap_tol
            acceleration = None if acceleration == "auto" else acceleration
        number = None if gap_tol is None or isinstance(gap_tol, str) else float(gap_tol)
        return Settings(
            Stopping(self.tol, number, gap_tol == "auto", self.max_iter),
            self.n_init,
            self._regularizing(),
            acceleration,
            self.on_collapse,
            self.verbose,
            self.verbose_interval,
        )

    def _history(self) -> tuple[float, ...]:
        """The last lower bounds of the fit that a warm start goes on with."""
        bounds = self.lower_bounds_[-3:]
        if not bounds or bounds[-1] != self.lower_bound_:
            bounds = [self.lower_bound_] if np.isfinite(self.lower_bound_) else []
        return tuple(bounds)

    def _take(self, found: Fit, names: np.ndarray | None) -> None:
        """Become what a fit has found, and warn where it did not converge or had to repair."""
        run = found.run
        self._set(run, names, found.initializations)
        if run.repairs:
            warn_user(summary(run.repairs), CollapseWarning)
        if not (run.converged or run.stopped) and self.max_iter > 0:
            warn_user(self._not_converged(run), convergence_warning_class())

    def _not_converged(self, run: Run) -> str:
        rule = f"tol={self.tol:g}"
        if self.gap_tol is not None and self.gap_tol != "auto":
            rule = f"gap_tol={self.gap_tol:g}"
        where = "cannot be foretold yet"
        if np.isfinite(run.gap):
            where = f"is predicted to be {run.gap:.1e} nats per row"
        raised = f"max_iter (now {self.max_iter}) or {rule.partition('=')[0]}"
        return (
            f"Best performing initialization did not converge: after {run.n_iter} iterations the "
            f"distance of the log-likelihood to its limit {where}, and {rule}; raise {raised}, or "
            "try another init_params."
        )

    def fit_batches(
        self,
        batches: Any,
        *,
        callback: Callback | None = None,
        checkpoint: "str | os.PathLike[str] | None" = None,
    ) -> Self:
        """Fit the mixture to batches of rows that are never in memory together.

        The same EM as `fit`: the same start, the same iterations and, up to rounding, the same
        parameters, however the rows are cut.  After a look at the first one, the batches are walked
        over once to count the rows and to draw a sample for the start, and once per iteration; the
        next one is read while this one is worked on.

        Parameters
        ----------
        batches : iterable or callable
            A list or another object that can be walked over again and again, such as
            `fastgmm.sources.batches` gives, or a callable that returns a fresh iterator.  Its items
            are arrays or frames of rows, or pairs (rows, sample_weight), all of one dtype.
        callback : callable, optional
            As in `fit`.
        checkpoint : str or path, optional
            A file that is written after each pass, in one step.  Where it exists the fit goes on
            from it, and ends with the same bytes as one that was never stopped.  It can be loaded
            as a model.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            For batches that can be walked over only once.
        ValueError
            As `fit`; when the walks do not give the same rows; when the checkpoint was made with
            other parameters.  When a batch is not valid or a reader fails in the middle, the model
            keeps the last whole pass.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> X = np.random.default_rng(0).normal(size=(1000, 2))
        >>> model = fastgmm.GaussianMixture(2, random_state=0)
        >>> batched = model.fit_batches(np.array_split(X, 7)).means_
        >>> bool(np.allclose(batched, model.fit(X).means_))
        True
        """
        check_parameters(self.get_params())
        checked = CheckedBatches(batches, "fit_batches", n_threads=self.n_threads)
        data = BatchData(checked, self.n_threads)
        data.peek()
        kept = None
        if checkpoint is not None:
            kept = Checkpoint(checkpoint, self._identity(), self._described)
        last: list[Run] = []

        def note(run: Run) -> None:
            last[:] = [run]

        try:
            found = self._best_fit(data, callback, kept, note)
        except BaseException:
            if last:
                self._set(last[0], data.names)
            raise
        self._take(found, data.names)
        self._seen = data.extent.weight
        return self

    def _start(self, n_features: int) -> Start:
        k, kind = self.n_components, self.covariance_type
        weights = means = precisions = None
        if self.weights_init is not None:
            weights = check_weights_init(self.weights_init, k)
        if self.means_init is not None:
            means = check_means_init(self.means_init, k, n_features)
        if self.precisions_init is not None:
            precisions = check_precisions_init(self.precisions_init, kind, k, n_features)
        return Start(self.init_params, k, kind, weights, means, precisions, n_init=self.n_init)

    def _warm_parameters(self, n_features: int) -> Mixture | None:
        """The parameters to go on from, or None for a fresh start."""
        if not (self.warm_start and hasattr(self, "_parameters")):
            return None
        old = self._parameters
        shape = (self.n_components, n_features)
        if old.means.shape != shape or old.covariance_type != self.covariance_type:
            raise ValueError(
                f"warm_start=True goes on from {old.n_components} {old.covariance_type} components "
                f"in {old.n_features} features, and this fit is of {shape[0]} "
                f"{self.covariance_type} components in {shape[1]}: set warm_start=False"
            )
        return old

    # ------------------------------------------------------------------ statistics

    def e_step(
        self, X: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> SufficientStatistics:
        """Sufficient statistics of rows under the current parameters; those of several batches add.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        SufficientStatistics

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(1000, 2))
        >>> model = fastgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> total = sum(model.e_step(batch) for batch in np.array_split(X, 7))
        >>> total.n_samples
        1000
        >>> model = model.m_step(total)
        """
        mixture = self._fitted()
        rows = self._rows(X, mixture, "e_step")
        return expectation(
            mixture,
            rows,
            as_sample_weight(sample_weight, len(rows)),
            reg_covar=self._regularization_of(mixture).reg_covar,
            n_threads=self.n_threads,
        )

    def m_step(self, statistics: SufficientStatistics) -> Self:
        """Replace the parameters by those that maximise the statistics.

        The covariances' diagonals get `reg_covar` on top.

        Parameters
        ----------
        statistics : SufficientStatistics
            From `e_step` of this model, or a sum of such.

        Returns
        -------
        self
            `lower_bound_` is the statistics' mean log-likelihood, and `n_iter_` counts this step.
        """
        mixture = self._fitted()
        check_statistics(statistics, mixture.covariance_type, mixture.means.shape)
        if not statistics.component_weight.sum() > 0:
            raise ValueError(
                "the statistics hold no weight: add those of at least one row before m_step"
            )
        self._parameters = maximization(statistics, self._regularization_of(mixture))
        self.lower_bound_ = statistics.log_likelihood / statistics.weight
        self.lower_bounds_ = [*self.lower_bounds_, self.lower_bound_]
        self.n_iter_ += 1
        self.n_passes_ += 1
        if self._learner is not None and self._learner.mixture is not None:
            self._learner.mixture = self._parameters  # a stream goes on from these
        return self


def load(path: "str | os.PathLike[str]") -> GaussianMixture:
    """Read a model that `GaussianMixture.save` wrote.

    Raises
    ------
    FileFormatError
        When the file is not such a model, was changed or cut off, or needs a newer fastgmm; a
        pickle is refused.
    FileNotFoundError
        When there is none.

    Examples
    --------
    >>> import fastgmm
    >>> import pathlib, tempfile
    >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[4.0]]])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.gmm"
    >>> model.save(path)
    >>> fastgmm.load(path).covariances_
    array([[[4.]]])
    """
    return GaussianMixture._load(path)
