"""Learning from a stream: `partial_fit`, drift, novelty, and snapshots for readers."""

import warnings
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.em.collapse import Repair
from fastgmm.em.loop import Run
from fastgmm.em.priors import NormalInverseWishart, Regularizing
from fastgmm.em.regularization import Regularization
from fastgmm.errors import not_fitted_error
from fastgmm.estimators.conventions import Estimator
from fastgmm.estimators.scoring import FittedMixture
from fastgmm.fits.fit import Fit, Initialization
from fastgmm.fits.online import Learner, Pace
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike
from fastgmm.validation import (
    as_generator,
    as_rows,
    as_sample_weight,
    check_feature_names,
    check_parameters,
    feature_names_of,
)


@dataclass(frozen=True)
class Stream:
    """What a stream looked like to the model, each row before it was learned from.

    Parameters
    ----------
    n_samples : int
        Rows seen, those that still wait for their batch included.
    weight : float
        Weight of the rows learned from.
    mean, deviation : float
        Of the log density per row, in nats, over the last 8192 rows or so.
    seen : ndarray of shape (n,)
        The trace of the last 256 batches: weight learned from before each.
    log_density : ndarray of shape (n,)
        Mean log density of each, in nats.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rows = np.random.default_rng(0).normal(size=(1000, 1))
    >>> stream = fastgmm.GaussianMixture(random_state=0).partial_fit(rows).stream_
    >>> stream.n_samples, round(stream.mean, 1)
    (1000, -1.4)
    """

    n_samples: int
    weight: float
    mean: float
    deviation: float
    seen: np.ndarray
    log_density: np.ndarray


class Snapshot(FittedMixture):
    """The parameters of one moment, as an immutable scorer; made by `GaussianMixture.snapshot`.

    Any number of threads may score with it while another thread learns.

    Examples
    --------
    >>> import fastgmm
    >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    >>> before = model.snapshot()
    >>> model = model.partial_fit([[8.0]] * 500)
    >>> before.means_, before.predict([[3.0]])
    (array([[0.]]), array([0]))
    """

    def __init__(self, mixture: Mixture, names: np.ndarray | None, n_threads: int | None) -> None:
        self.__dict__.update(
            _parameters=mixture, _feature_names=names, n_threads=n_threads, random_state=None
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a snapshot does not change: {name!r} cannot be set")

    def __repr__(self) -> str:
        k, d = self._parameters.means.shape
        kind = self._parameters.covariance_type
        return f"<Snapshot of {k} {kind} components in {d} features>"


class StreamingMixture(FittedMixture, Estimator):
    """Methods that learn from a stream."""

    _learner: Learner | None = None
    _seen: float | None = None
    n_components: int
    covariance_type: Any
    _regularization: Regularization | None = None
    reg_covar: float | str
    prior: NormalInverseWishart | None
    half_life: float | None
    learning_exponent: float
    converged_: bool
    n_iter_: int
    n_passes_: int
    repairs_: list[Repair]
    lower_bound_: float
    lower_bounds_: list[float]
    gap_: float
    initializations_: list[Initialization]

    def partial_fit(
        self, X: ArrayLike, y: object = None, *, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from the next rows of a stream by online EM.

        No fit is needed before: the first rows, 4 per free parameter and 100 per component at
        least, are gathered and fitted; a model that is asked for earlier is fitted to what has come
        so far.  From then on rows are learned from in own batches of 64 to 1024, however they come,
        each with the share (b / (n + b))^learning_exponent after n rows, or 1 - 2^(-b / half_life)
        if that is more.  After `fit`, learning goes on from its parameters.

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

        Notes
        -----
        `n_iter_` counts the updates, `lower_bound_` is the running mean of the log density per row
        before it was learned from, `lower_bounds_` its trace; see `stream_`.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> rng = np.random.default_rng(0)
        >>> model = fastgmm.GaussianMixture(2, random_state=0)
        >>> for _ in range(50):
        ...     rows = rng.normal(size=(100, 1)) + 10 * rng.integers(2, size=(100, 1))
        ...     model = model.partial_fit(rows)
        >>> np.sort(model.means_.ravel()).round()
        array([ 0., 10.])
        >>> model.n_samples_seen_
        5000
        """
        learner = self._learner
        if learner is None or type(X) is not np.ndarray or self._feature_names is not None:
            learner, rows = self._opened(X)
        else:
            rows = as_rows(
                X,
                n_features=learner.rows.rows.shape[1],
                min_rows=0,
                method="partial_fit",
                n_threads=self.n_threads,
            )
        weights = as_sample_weight(sample_weight, len(rows), some_positive=False)
        if len(rows) == 0:
            return self
        if rows.dtype != learner.dtype:
            rows = rows.astype(learner.dtype)
        if self._learner is None:
            self._feature_names = feature_names_of(X)
            self._learner = learner
        self._follow_settings(learner)
        learner.learn(rows, weights, self._first_fit)
        self._publish(learner)
        return self

    def _follow_settings(self, learner: Learner) -> None:
        """Take over parameters that were set since the last call."""
        pace = Pace(self.half_life, self.learning_exponent)
        check_parameters({"reg_covar": self.reg_covar})
        if pace != learner.pace:
            check_parameters(self.get_params())
            learner.pace = pace
        if learner.mixture is not None and self.reg_covar != "auto":
            ridge = Regularization.of(self.reg_covar).reg_covar
            known = learner.regularization or Regularization()
            learner.regularization = replace(known, reg_covar=ridge)
        learner.n_threads = self.n_threads

    def _regularizing(self) -> Regularizing:
        return Regularizing(self.reg_covar, self.prior, self.covariance_type, self.n_components)

    def _regularization_of(self, mixture: Mixture) -> Regularization:
        """That of further steps: what the constructor says, or what the fit has made of it."""
        regularizing = self._regularizing()
        if not regularizing.needs_rows:
            return regularizing.without_rows(mixture.n_features)
        return self._regularization or regularizing.of_parameters(mixture)

    def _opened(self, X: ArrayLike) -> tuple[Learner, np.ndarray]:
        """The learner, a new one for the first rows, and the rows."""
        learner = self._learner
        fitted = getattr(self, "_parameters", None)
        if learner is not None or fitted is not None:
            check_feature_names(X, self._feature_names)
        known = fitted.n_features if fitted is not None else None
        if learner is not None:
            known = learner.rows.rows.shape[1]
        rows = as_rows(
            X, n_features=known, min_rows=0, method="partial_fit", n_threads=self.n_threads
        )
        if learner is None:
            check_parameters(self.get_params())
            learner = self._new_learner(rows.shape[1], rows.dtype, fitted)
        return learner, rows

    def _new_learner(self, n_features: int, dtype: np.dtype, mixture: Mixture | None) -> Learner:
        seed = int(as_generator(self.random_state).integers(2**63)) if mixture is None else 0
        return Learner(
            n_features,
            dtype if mixture is None else mixture.dtype,
            Pace(self.half_life, self.learning_exponent),
            None if mixture is None else self._regularization_of(mixture),
            self.n_threads,
            seed,
            self.n_components if mixture is None else mixture.n_components,
            self.covariance_type if mixture is None else mixture.covariance_type,
            mixture,
            self._seen,
        )

    def _take_stream(self, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Go on with the stream of a file; the parameters are there already."""
        rows = arrays["stream_rows"]
        self._learner = Learner(
            rows.shape[1],
            rows.dtype,
            Pace(self.half_life, self.learning_exponent),
            self._regularization_of(self._parameters) if facts["learning"] else None,
            self.n_threads,
            facts["seed"],
            self.n_components,
            self.covariance_type,
            self._parameters if facts["learning"] else None,
        )
        self._learner.take_state(facts, arrays)

    def _first_fit(self, data: RowData, seed: int) -> Fit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._best_fit(data, None, draw_seed=lambda: seed)  # type: ignore[attr-defined, no-any-return]

    def _publish(self, learner: Learner) -> None:
        """Show what the learner has come to; the parameters change in one assignment."""
        if learner.mixture is None:
            self.__dict__.pop("_parameters", None)  # made when it is asked for
            return
        self._parameters, self._regularization = learner.mixture, learner.regularization
        self._show(learner)

    def _show(self, learner: Learner) -> None:
        n, recent = learner.n_updates, learner.recent
        trace = [mean for _, mean in recent.trace]
        self._show_run(Run(None, recent.mean, n, lower_bounds=trace, n_passes=n), ())

    def _show_run(self, run: Run, initializations: tuple[Initialization, ...]) -> None:
        self.converged_, self.n_iter_, self.n_passes_ = run.converged, run.n_iter, run.n_passes
        self.lower_bound_, self.lower_bounds_ = run.lower_bound, run.lower_bounds
        self.gap_, self.repairs_ = run.gap, list(run.repairs)
        self.initializations_ = list(initializations)

    def _fitted(self) -> Mixture:
        try:
            return self._parameters
        except AttributeError:
            learner = self._learner
        fit = learner.first_fit(self._first_fit) if learner is not None else None
        if learner is None:
            raise not_fitted_error(type(self).__name__)
        if fit is None:
            raise not_fitted_error(
                type(self).__name__,
                f"{learner.rows.n} rows have come to partial_fit, too few or too alike for "
                f"{self.n_components} components: give more",
            )
        assert fit.run.mixture is not None
        self._parameters, self._regularization = fit.run.mixture, fit.run.regularization
        self._show_run(fit.run, fit.initializations)
        return fit.run.mixture

    # ------------------------------------------------------------------ the stream

    @property
    def n_samples_seen_(self) -> int:
        """Rows given to `partial_fit`."""
        return self._of_stream().n_samples

    @property
    def stream_(self) -> Stream:
        """What the stream looked like: trace, running mean and deviation of the log density."""
        learner = self._of_stream()
        recent = learner.recent
        trace = np.array(recent.trace, dtype=np.float64).reshape(-1, 2)
        return Stream(
            learner.n_samples,
            learner.seen,
            recent.mean,
            float(np.sqrt(recent.variance)),
            trace[:, 0],
            trace[:, 1],
        )

    def _of_stream(self) -> Learner:
        if self._learner is None:
            raise AttributeError(
                f"this {type(self).__name__} has seen no stream: call partial_fit first"
            )
        return self._learner

    def novelty_threshold(self, quantile: float) -> float:
        """The log density, in nats, under which this share of the recent rows fell.

        The last 8192 rows of `partial_fit` count, each as it was before the model learned from it.

        Parameters
        ----------
        quantile : float
            Between 0 and 1.

        Returns
        -------
        float
        """
        if isinstance(quantile, bool) or not 0.0 <= quantile <= 1.0:
            raise ValueError(f"quantile must be a number between 0 and 1, got {quantile!r}")
        learner = self._of_stream()
        if learner.recent.n_window == 0:
            raise ValueError(
                f"no row has been scored yet: {learner.n_samples} rows have come, and the first "
                f"model is fitted to {learner.buffer_rows}; give more to partial_fit"
            )
        return learner.recent.quantile(float(quantile))

    def is_novel(self, X: ArrayLike, *, quantile: float = 0.01) -> np.ndarray:
        """Whether each row's log density is under `novelty_threshold(quantile)`.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        quantile : float, default=0.01

        Returns
        -------
        ndarray of bool, shape (n_samples,)
        """
        threshold = self.novelty_threshold(quantile)
        novel: np.ndarray = self.score_samples(X) < threshold
        return novel

    def snapshot(self) -> Snapshot:
        """The present parameters as an immutable scorer, in microseconds.

        Returns
        -------
        Snapshot
            With the scoring methods and fitted attributes of the model; threads may share it.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> model.snapshot().score_samples([[0.0]]).round(6)
        array([-0.918939])
        """
        return Snapshot(self._fitted(), self._feature_names, self.n_threads)
