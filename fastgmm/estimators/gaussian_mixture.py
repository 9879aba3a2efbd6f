"""GaussianMixture, the estimator that users touch, and `load`, which reads one from a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import prod
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from fastgmm.covariance.types import model_of, with_factors
from fastgmm.data.passes import Data
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.em.collapse import Repair
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, Family
from fastgmm.em.priors import NormalInverseWishart
from fastgmm.em.regularization import Regularization
from fastgmm.errors import not_fitted_error
from fastgmm.estimators.adapting import Adapting
from fastgmm.estimators.conventions import defaults_of
from fastgmm.estimators.endings import warn_of, warn_of_ridge
from fastgmm.estimators.fixed import FixedList, fixed_copy, with_fixed_attributes
from fastgmm.estimators.given import labels_of, row_data, with_labels
from fastgmm.estimators.pickled import plain, whole
from fastgmm.estimators.planning import (
    INITIAL,
    family_keeping,
    family_of,
    plan_of,
    regularization_of,
)
from fastgmm.estimators.sklearn_base import sklearn_estimator
from fastgmm.estimators.snapshot import Snapshot, Stream
from fastgmm.estimators.state import State
from fastgmm.estimators.summarized import Summarized
from fastgmm.fits.plan import Callback, Hooks, Plan
from fastgmm.limits.room import check_room
from fastgmm.limits.scalars import as_float, is_word, shown
from fastgmm.mixture.density import labels
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.mixture.statistics import check as check_statistics
from fastgmm.tables.containers import is_spread
from fastgmm.typing import (
    LOW_RANK_TYPES,
    Acceleration,
    ArrayLike,
    CovarianceType,
    Flags,
    InitParams,
    Labels,
    Missing,
    OnCollapse,
    Part,
    RandomStateLike,
)
from fastgmm.validation import (
    as_order,
    as_rows,
    as_sample_weight,
    as_table,
    check_callback,
    check_covariances,
    check_enough_rows,
    check_feature_names,
    check_low_rank,
    check_means_init,
    check_parameters,
    check_weights_init,
    feature_names_of,
    has_gaps,
    plain_parameters,
)
from fastgmm.validation.gaps import warn_of_apart

if TYPE_CHECKING:
    from fastgmm.data.partitions import PartitionData
    from fastgmm.fits.fit import Fit
    from fastgmm.fits.online import Learner


@sklearn_estimator("DensityMixin")
@with_fixed_attributes
class GaussianMixture(Adapting, Summarized):
    """A mixture of Gaussians, fitted by expectation-maximisation.

    Parameters, methods and attributes are scikit-learn's, with the additions below; from the same
    initial parameters the fit takes the same path.

    Parameters
    ----------
    n_components : int, default=1
        Number of components, K.
    covariance_type : str, default="full"
        "full": a covariance matrix per component; "diag": a diagonal; "spherical": a variance.
        "tied", "tied_diag", "tied_spherical": one of these for all components.  Or one of mclust's
        fourteen: "EII", "VII", "EEI", "VVI", "EEE" and "VVV" are other names of these six, and of
        "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV" and "EVV" the components have volume, shape
        or axes in common (E) or not (V): see docs/fourteen.md.  "low_rank": factors and a diagonal
        of noise per component, see `n_factors`; "low_rank_spherical": with one variance of noise
        for all features (PPCA).
    tol : float, default=1e-3
        EM stops when the mean log-likelihood per row changes by less than this (nats); see
        `gap_tol`.
    reg_covar : float or "auto", default=1e-6
        What is added to the diagonal of each covariance, in the squared units of the data; "auto"
        is 1e-6 times each column's variance, whatever its units.
    max_iter : int, default=100
        Largest number of iterations per start; 0 leaves the initial parameters as they are.
    n_init : int, default=1
        Number of starts, of which the highest is kept.  Each runs to its end, but for those of
        "ward" where that would cost more than to compare them: there the best after a few passes
        over a subset of the rows goes on, and the first.
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
        Threads per pass; None means the processors that this process may use and no other pass
        does, or as many as OMP_NUM_THREADS and its like say. No result depends on it.
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
        A prior of means and covariances, for maximum a posteriori estimates where components have
        few rows.
    missing : {"error", "em"}, default="error"
        What NaN is.  "error": nothing that is fitted or scored.  "em": a value missing at random,
        which EM integrates out exactly; each row counts with what was observed of it.
    noise : "uniform", float or None, default=None
        Rows that are of no component: one more share of constant density 1 / V, as in mclust.
        "uniform": V is the volume of a box around the rows, along their columns or their principal
        components, whichever is smaller; of a stream around its first rows.  A number is V itself.
        `weights_init` may sum to less than 1 then, and noise begins with the rest.
    frozen : collection of {"weights", "means", "covariances"} or dict, default=()
        Parts that stay as `weights_init`, `means_init` and `precisions_init` give them, to the last
        bit.  A dict says of which components: ``{"means": [True, False]}`` keeps the first mean.
        Weights that are free share what the others leave, and a covariance is about the mean that
        is kept.  What lacks initial parameters is kept as the model has it where a warm start, a
        stream or `m_step` goes on from one.
    n_factors : int, optional
        Number of factors, q, of the types "low_rank" and "low_rank_spherical": a covariance is
        Lam Lam^T + Psi with Lam (D, q) and Psi diagonal.  Time and memory grow with D q where those
        of "full" grow with D^2.  With these types `reg_covar` is the least variance of the noise.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights of the components; they and `noise_weight_` sum to 1.
    means_ : ndarray of shape (n_components, n_features)
    covariances_ : ndarray
        (K, D, D) for "full", (K, D) for "diag", (K,) for "spherical"; the tied types lack the K.
        Of low rank they are written out, (K, D, D), when they are asked for.
    factors_ : ndarray of shape (n_components, n_features, n_factors)
        Loadings, where there are factors: those that explain most of the noise's variance first.
    noise_variances_ : ndarray of shape (n_components, n_features)
        Variances of the noise beside the factors, where there are factors.
    precisions_ : ndarray
        Inverses of the covariances, in their shape.
    precisions_cholesky_ : ndarray
        Upper triangular U with precision = U U^T ("full", "tied"), else 1 / standard deviation.
    noise_weight_ : float
        Share of noise; 0 without.
    noise_volume_ : float
        The volume over which noise is uniform; nan without.
    n_parameters : int
        Number of free parameters: weights, means and covariances that are not frozen; noise has two
        more, as in mclust.
    is_fitted : bool
        Whether there is a mixture to score with.  To ask is no error and fits nothing; all other
        attributes raise an error where there is no fit.
    converged_ : bool
        Whether the best start has met the rule of `tol` and `gap_tol`; False of a stream, which
        has no end.
    n_iter_ : int
        Iterations of the best start; updates of a stream.
    n_passes_ : int
        Passes over the rows of the best start: more than iterations where accelerated steps have
        failed.
    lower_bound_ : float
        Mean log-likelihood per row that the last iteration began with, nats; with a prior, its log
        density per row on top; of a stream, the running mean from before each row was learned.
    lower_bounds_ : list of float
        That of each iteration, or of the last batches of a stream.
    gap_ : float
        Predicted distance of `lower_bound_` from its limit, nats; inf where unknown.
    repairs_ : list of Repair
        What collapsed in the best start, and what was done: n_iter, component, reason, action.
    initializations_ : list of Initialization
        What each start has reached: index, lower_bound, chosen, failure.
    n_features_in_ : int
        Number of features, D.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; there only where the rows of the fit had names.
    n_samples_seen_ : int
        Rows given to `partial_fit`; there only after it.
    stream_ : Stream
        What the stream looked like to the model; there only after `partial_fit`.

    Notes
    -----
    The attributes are read-only, and so are their arrays and lists: copy one to change it.
    `from_parameters` makes a model of known parameters, and `reorder` puts the components in
    another order.  The arrays are float32 if the rows of the fit were, else float64.

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

    # Pickles that are older than these parameters lack them.
    noise: Literal["uniform"] | float | None = None
    frozen: Part | Iterable[Part] | Mapping[Part, Any] = ()
    n_factors: int | None = None

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
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: RandomStateLike = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_threads: int | None = None,
        half_life: float | None = None,
        learning_exponent: float = 0.8,
        gap_tol: float | Literal["auto"] | None = "auto",
        acceleration: Acceleration | None = "auto",
        on_collapse: OnCollapse = "repair",
        prior: NormalInverseWishart | None = None,
        missing: Missing = "error",
        noise: Literal["uniform"] | float | None = None,
        frozen: Part | Iterable[Part] | Mapping[Part, Any] = (),
        n_factors: int | None = None,
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
        self.missing = missing
        self.noise = noise
        self.frozen = frozen
        self.n_factors = n_factors

    def _params(self, *names: str) -> Any:
        """The parameters of the constructor, checked, and their numbers Python's; all or these.

        `get_params` gives what the user gave, and this is what is read.  Of a subclass it gives the
        parameters of this class, which its constructor has set, under whatever names it takes them.
        """
        return SimpleNamespace(**check_parameters(self._given(*names), type(self).__name__))

    def _given(self, *names: str) -> dict[str, Any]:
        """What `_params` checks."""
        return {name: getattr(self, name) for name in names or _PARAMETERS}

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
            They sum to 1; with a volume of `noise` to less, and the rest is the share of noise.
        means : array_like of shape (n_components, n_features)
        covariances : array_like
            (K, D, D) for full, (K, D) for diag, (K,) for spherical; (D, D), (D,) and () for the
            tied types; of mclust's other types (K, D) for VEI and EVI, else (K, D, D).  Of low rank
            a pair: factors (K, D, q), and variances (K, D) of the noise.
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
        if "n_components" in params:
            raise TypeError("from_parameters takes n_components from the means: leave it out.")
        low_rank = is_word(covariance_type, LOW_RANK_TYPES)
        spreads: Any = covariances if low_rank else (covariances,)
        # Numbers in the other order of bytes are single numbers as well.
        dtypes = (getattr(a, "dtype", None) for a in (weights, means, *spreads))
        single = all(getattr(dtype, "str", "")[1:] == "f4" for dtype in dtypes)
        checked_means = check_means_init(means, None)
        k, d = checked_means.shape
        if low_rank:
            # Few models have factors: what they need is loaded with the first of them.
            from fastgmm.covariance.low_rank import LowRankForm

            factors, noise = check_low_rank(covariances, covariance_type, k, d)
            checked = LowRankForm(factors.shape[2]).joined(factors, noise)
            params.setdefault("n_factors", factors.shape[2])
        model = cls(k, covariance_type=covariance_type, **params)
        asked = model._params()
        if not low_rank:
            # Covariances as float64, their factors, and those as the kernels read them.
            held = 3 * 8 * prod(model_of(asked.covariance_type).shape(k, d))
            check_room(held, "A mixture of such covariances", "fewer components take less")
        kind = asked.covariance_type
        if low_rank:
            kind = with_factors(covariance_type, factors.shape[2])
        else:
            checked = check_covariances(covariances, covariance_type, k, d)
        mixture = Mixture.from_covariances(
            check_weights_init(weights, k, noise=asked.noise is not None),
            checked_means,
            checked,
            kind,
            np.float32 if single else np.float64,
        )
        if asked.noise is not None:
            # What noise needs is loaded with the first of it.
            from fastgmm.em.noise import with_rest

            mixture = with_rest(mixture, asked.noise)
        family = family_keeping(asked, mixture)
        model._state = State(family.begun(mixture, Regularization(), 1.0))
        return model

    @classmethod
    def from_sklearn(cls, model: Any, **params: Any) -> Self:
        """Make a model of one of scikit-learn, fitted or not, without a fit.

        Parameters
        ----------
        model : sklearn.mixture.GaussianMixture or BayesianGaussianMixture
            Of a Bayesian mixture the model gets the weights, means and covariances, and not the
            posterior around them, which that class scores with as well, nor its lower bounds.
        **params : object
            Parameters of the constructor, in place of the model's and besides.

        Returns
        -------
        GaussianMixture
            With the model's parameters, as far as this class has them; if the model is fitted, with
            its mixture, and all that it says of its fit.

        Raises
        ------
        TypeError
            When it is another kind of model.
        ValueError
            When its arrays are those of no mixture.

        Examples
        --------
        >>> import fastgmm
        >>> import sklearn.mixture
        >>> theirs = sklearn.mixture.GaussianMixture(tol=1e-6).fit([[1.0], [2.0], [6.0]])
        >>> ours = fastgmm.GaussianMixture.from_sklearn(theirs, n_threads=1)
        >>> ours, ours.means_
        (GaussianMixture(tol=1e-06, n_threads=1), array([[3.]]))
        """
        # What other libraries' models need is loaded with the first of them.
        from fastgmm.estimators import sklearn_models

        given = sklearn_models.parameters_of_sklearn(model, cls._get_param_names()) | params
        if not hasattr(model, "weights_"):
            return cls(**given)
        made = cls.from_parameters(
            model.weights_, model.means_, model.covariances_, covariance_type=model.covariance_type
        ).set_params(**given)
        assert made._state is not None
        report = sklearn_models.report_of_sklearn(model)
        names = getattr(model, "feature_names_in_", None)
        made._state = replace(made._state, given=report, names=names)
        return made

    def to_sklearn(self) -> Any:
        """A ``sklearn.mixture.GaussianMixture`` with the same parameters and the same fit.

        What knows that class alone, such as skl2onnx, takes it.  It lacks the tied types of
        diagonals and single variances: of these it gets a copy per component, which scores the
        same, and counts more parameters in `bic` and `aic`.  Covariances that have something in
        common, such as those of "VEE", become "full" or "diag" in the same way.
        In place of what only this class has, such as ``init_params="ward"`` and
        ``reg_covar="auto"``, it has its own defaults.

        Returns
        -------
        sklearn.mixture.GaussianMixture
            Fitted if this model is.

        Examples
        --------
        >>> import fastgmm
        >>> ours = fastgmm.GaussianMixture(covariance_type="tied_diag").fit([[1.0], [2.0], [6.0]])
        >>> theirs = ours.to_sklearn()
        >>> theirs, theirs.means_
        (GaussianMixture(covariance_type='diag'), array([[3.]]))
        """
        # What other libraries' models need is loaded with the first of them.
        from fastgmm.estimators import sklearn_models

        return sklearn_models.to_sklearn(self, self._given())

    # ------------------------------------------------------------------ fit

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        responsibilities: ArrayLike | None = None,
        callback: Callback | None = None,
        client: Any = None,
    ) -> Self:
        """Fit the mixture to rows by expectation-maximisation.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; at least two, and as many as components.
        y : ignored
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts: weight 2 is the row twice, weight 0 the row left out.
        labels : array_like of int, shape (n_samples,), or of bool, optional
            The component of each row where it is known, else -1: component k keeps the meaning of
            label k.  Or bool of shape (n_samples, n_components): which components a row may be of.
        responsibilities : array_like of shape (n_samples, n_components), optional
            What EM begins with, in place of `init_params` and `n_init`: the probability of each
            component given the row, as from another clustering.  Each row sums to 1; with `noise`
            to less, and the rest is noise.
        callback : callable, optional
            Called with a `fastgmm.Iteration` after each iteration; the start ends when it returns
            True.
        client : distributed.Client, optional
            Of the cluster on which a dask array or frame is; None: the current one.  Such rows stay
            on its workers.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows, weights, labels or initial parameters are not valid, or every start ends with
            a singular covariance (possible with ``reg_covar=0``).

        Warns
        -----
        ConvergenceWarning
            When the best start did not converge within `max_iter` iterations.
        CollapseWarning
            When components collapsed, and were moved or held, or end on fewer rows than a
            covariance needs.
        UserWarning
            When `reg_covar` is large beside the variance of a column: its units are smaller than
            the number was made for.
        """
        params = self._params()
        check_callback(callback)
        data = self._fit_data(X, sample_weight, params, client, "fit")
        data = with_labels(data, labels, params.n_components)
        self._fit(params, data, callback, responsibilities)
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
        params = self._params()
        check_callback(callback)
        data = self._fit_data(X, sample_weight, params, None, "fit")
        mixture = self._fit(params, data, callback)
        if not isinstance(data, RowData):
            return self.predict(X)
        return labels(mixture, data.rows, data.n_threads, gaps=data.gapped)

    def _fit(
        self,
        params: Any,
        data: RowData | PartitionData,
        callback: Callback | None,
        responsibilities: ArrayLike | None = None,
    ) -> Mixture:
        # What fits need is loaded with the first of them: a fifth of the import.
        from fastgmm.fits.fit import fit

        plan = plan_of(params, data.n_features, self._state)
        if responsibilities is not None:
            # So is what few fits begin with.
            from fastgmm.estimators.begun import begun_with

            plan = begun_with(plan, data, responsibilities, params)
        found = fit(data, plan, Hooks(callback))
        mixture = self._publish(found, data.names, data.extent.weight)
        warn_of(found, params, data.names)
        return mixture

    def _fit_data(
        self, X: Any, sample_weight: Any, params: Any, client: Any, method: str
    ) -> RowData | PartitionData:
        """The rows of a fit as data, in memory or on a cluster."""
        may = params.missing == "em"
        if client is not None or is_spread(X):
            # What clusters need is loaded with the first of them.
            from fastgmm.estimators.spread import Asked, spread_data

            spread = spread_data(X, sample_weight, client, Asked(method, params.n_threads, may))
            if spread is not None:
                check_enough_rows(spread.extent.n_samples, max(2, params.n_components))
                return spread
        data = row_data(X, sample_weight, method, params.n_threads, gaps=may)
        check_enough_rows(len(data.rows), params.n_components)
        return data

    def _fit_shared(
        self,
        data: RowData | PartitionData,
        sample: Sample,
        seed: int,
        largest: int,
        cancelled: Callable[[], bool],
    ) -> None:
        """Run one of several fits that share their rows and a sample of them; it never warns."""
        # What fits need is loaded with the first of them: a fifth of the import.
        from fastgmm.fits.fit import fit

        plan = plan_of(self._params(), data.n_features, self._state)
        start = replace(plan.start, largest=largest)
        hooks = Hooks(cancelled=cancelled)
        found = fit(data, replace(plan, start=start, sample=sample, seed=seed), hooks)
        self._publish(found, data.names, data.extent.weight)

    def _publish(self, found: Fit, names: np.ndarray | None, seen: float | None) -> Mixture:
        """Become what a fit has found; a stream begins anew from here."""
        assert found.run.mixture is not None
        self._state = State.of_fit(found, names, seen)
        return found.run.mixture

    def fit_batches(
        self,
        batches: Any,
        *,
        callback: Callback | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        client: Any = None,
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
            are arrays or frames of rows, pairs (rows, sample_weight), or triples (rows,
            sample_weight, labels) with labels as in `fit`, all of one dtype; None stands for
            weights and labels that a batch lacks.  The partitions of a dask array or frame stay
            where they are.
        callback, client
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
        params = self._params()
        check_callback(callback)
        gaps = params.missing == "em"
        data: Data
        if is_spread(batches):
            data = self._fit_data(batches, None, params, client, "fit_batches")
        else:
            # What batches need is loaded with the first of them.
            from fastgmm.data.batches import BatchData
            from fastgmm.validation.batches import CheckedBatches

            k, n_threads = params.n_components, params.n_threads
            checked = CheckedBatches(
                batches, "fit_batches", n_threads=n_threads, gaps=gaps, n_components=k
            )
            data = BatchData(checked, params.n_threads, gaps)
            data.peek()
        return self._fit_passes(data, params, callback, checkpoint)

    def _fit_passes(
        self,
        data: Data,
        params: Any,
        callback: Callback | None,
        checkpoint: str | os.PathLike[str] | None,
    ) -> Self:
        """Fit data whose passes cost time: a fit that fails leaves its last whole pass."""
        # What fits need is loaded with the first of them: a fifth of the import.
        from fastgmm.fits.fit import fit_keeping

        kept = None
        if checkpoint is not None:
            # What files need is loaded with the first of them.
            from fastgmm.estimators.model_file import CheckpointFile

            kept = CheckpointFile(checkpoint, vars(params))
        plan = plan_of(params, data.n_features, self._state)
        hooks = Hooks(callback, kept)
        found = fit_keeping(data, plan, hooks, lambda one: self._publish(one, data.names, None))
        self._publish(found, data.names, data.extent.weight)
        warn_of(found, params, data.names)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        client: Any = None,
    ) -> Self:
        """Learn from the next rows of a stream by online EM.

        No fit is needed before: the first rows, 4 per free parameter and 100 per component at
        least, are gathered and fitted, or the whole first call, where it brings as many; a model
        that is asked for earlier is fitted to what has come so far.  From then on rows are learned
        from in own batches of 64 to 4096, however they come, each with the share
        (b / (n + b))^learning_exponent after n rows, or 1 - 2^(-b / half_life) if that is more.
        After `fit`, learning goes on from its parameters.

        Now and then another mixture is tried on a sample of the rows, so that sorted rows end near
        what `fit` finds.  A row that alone would outweigh all others, unless many such rows come,
        is set aside and counted (``stream_.n_skipped``).  A call that is interrupted changes
        nothing.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; one is enough, and none changes nothing.
        y : ignored
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.
        labels : array_like of int, shape (n_samples,), or of bool, optional
            As in `fit`.  A call with labels is a batch of its own; without a fit before, the first
            one must bring enough rows for it.
        client : distributed.Client, optional
            As in `fit`: the model goes from partition to partition of a dask array or frame.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows or weights are not valid; the model is then what it was.

        Warns
        -----
        UserWarning
            After the first fit, when `reg_covar` is large beside the variance of a column, or, with
            ``missing="em"``, two columns have not come together so far.

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
        if type(X) is not np.ndarray and (client is not None or is_spread(X)):
            # What clusters need is loaded with the first of them.
            from fastgmm.estimators.spread import learned as learned_there

            there = learned_there(self, X, sample_weight, client, labels)
            if there is not None:
                self._state = there._state
                return self
        state = self._state
        names = None if state is None else state.names
        learner = None if state is None else state.learner
        if learner is None or type(X) is not np.ndarray or names is not None:
            learner, rows, names = self._opened(X)
        elif sample_weight is labels is None and self._is_followed(learner) and learner.takes(X):
            return self
        else:
            rows = as_rows(
                X,
                n_features=learner.target.n_features,
                min_rows=0,
                method="partial_fit",
                n_threads=learner.n_threads,
                gaps=self.missing == "em",
            )
        weights = as_sample_weight(sample_weight, len(rows), some_positive=False)
        if len(rows) == 0:
            return self
        gaps = self.missing == "em" and has_gaps(rows, learner.n_threads)
        if rows.dtype != learner.target.dtype:
            rows = rows.astype(learner.target.dtype)
        begun = learner.learned is not None
        learner = self._following_settings(learner)
        known = labels_of(labels, len(rows), learner.target.n_components)
        if known is None:
            learner = learner.learn(rows, weights, self._planned, gaps)
        else:
            # What labels need is loaded with the first of them.
            from fastgmm.fits.labelled import LabelledRows, learned_with_labels

            learner = learned_with_labels(
                learner, LabelledRows(rows, weights, known), self._planned
            )
        self._publish_stream(learner, names)
        if not begun and (learned := learner.learned) is not None:
            warn_of_apart(learner.apart, names, " that has come so far")
            warn_of_ridge(learned.mixture, learned.regularization, learned.seen, names)
        return self

    def _planned(self, n_features: int) -> Plan:
        """The plan of a fit of rows with so many features."""
        # The learner knows the family.
        return plan_of(self._params(), n_features, family=MAXIMUM_LIKELIHOOD)

    def _opened(self, X: ArrayLike) -> tuple[Learner, np.ndarray, np.ndarray | None]:
        """The learner (a new one for the first rows), the rows, and the names of their features."""
        state, learner, known = self._state, None, None
        table = as_table(X)
        if state is None:
            names = feature_names_of(table)
        else:
            check_feature_names(table, state.names)
            names, learner, known = state.names, state.learner, state.n_features
        rows = as_rows(
            table,
            n_features=known,
            min_rows=0,
            method="partial_fit",
            n_threads=self._threads(),
            gaps=is_word(self.missing, ("em",)),
        )
        if learner is None:
            # What streams need is loaded with the first of them.
            from fastgmm.estimators import streams

            learner = streams.begun(rows, self._params(), state)
            if state is not None:
                names = feature_names_of(table)
        return learner, rows, names

    def _following_settings(self, learner: Learner) -> Learner:
        """The learner with the parameters that were set since the last call."""
        if self._is_followed(learner):
            return learner
        wishes = (self.n_threads, self.half_life, self.learning_exponent, self.reg_covar)
        params = self._params("n_threads", "half_life", "learning_exponent", "reg_covar")
        # What streams need is loaded with the first of them.
        from fastgmm.estimators import streams

        return streams.following(learner, params, wishes)

    def _is_followed(self, learner: Learner) -> bool:
        """Whether the parameters are the objects of the last call, which were checked then."""
        n_threads, half_life, learning_exponent, reg_covar = learner.wishes
        return (
            self.n_threads is n_threads
            and self.half_life is half_life
            and self.learning_exponent is learning_exponent
            and self.reg_covar is reg_covar
        )

    def _publish_stream(self, learner: Learner, names: np.ndarray | None) -> None:
        """Become what the learner has come to, in one assignment."""
        state = self._state
        waits = learner.learned is not None and state is not None and state.learner is learner
        if not waits:  # else the rows wait for their batch
            self._state = State.of_stream(learner, names, state)

    def _fitted(self) -> tuple[Mixture, np.ndarray | None]:
        """The mixture and the names of its features; the first rows of a stream are fitted."""
        state = self._state
        if state is None:
            raise not_fitted_error(type(self).__name__)
        if state.mixture is None:
            # What streams need is loaded with the first of them.
            from fastgmm.estimators import streams

            assert state.learner is not None
            plan = self._planned(state.learner.target.n_features)
            state = self._state = streams.fitted_early(state, plan, type(self).__name__)
            assert state.mixture is not None
        return state.mixture, state.names

    # ------------------------------------------------------------------ the way to the mixture

    @property
    def repairs_(self) -> list[Repair]:
        """What collapsed in the best start, and what was done."""
        return FixedList(self._report().repairs)

    # ------------------------------------------------------------------ statistics

    def e_step(
        self,
        X: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> SufficientStatistics:
        """The sufficient statistics of rows under the mixture; those of several batches add.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        sample_weight : array_like of shape (n_samples,), optional
        labels : array_like of int, shape (n_samples,), or of bool, optional
            As in `fit`.  A row counts with the log density that it has under the components that it
            may be of, at their weights.

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
        mixture, data = self._weighed(X, sample_weight, "e_step")
        data = with_labels(data, labels, mixture.n_components)
        return expectation(mixture, data, reg_covar=self._regularization().reg_covar)

    def _regularization(self) -> Regularization:
        assert self._state is not None
        names = "reg_covar", "prior", "covariance_type", "n_factors", "n_components"
        params = self._params(*names)
        return regularization_of(params, self._state)

    def _family(self, mixture: Mixture) -> Family:
        """The rule of the M-step that goes on from a mixture."""
        names = "n_components", "covariance_type", "noise", "frozen", *INITIAL
        return family_of(self._params(*names), mixture.n_features, mixture)

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
        mixture, _ = self._fitted()
        check_statistics(statistics, mixture.covariance_type, mixture.means.shape)
        if not statistics.component_weight.sum() > 0:
            raise ValueError(
                "the statistics hold no weight: add those of at least one row before m_step"
            )
        state, regularization = self._state, self._regularization()
        assert state is not None
        mixture = self._family(mixture).maximize(statistics, regularization, mixture)
        report = state.report.stepped(statistics.log_likelihood / statistics.weight)
        learner = state.learner
        if learner is not None and learner.learned is not None:
            # A stream goes on from these, or from the mixture where a prior has added to them.
            learned = learner.learned.replaced(mixture, regularization, learner.target.family)
            if regularization.prior is None:
                of_one = replace(statistics.scaled(1.0 / statistics.weight), dtype=mixture.dtype)
                learned = replace(learned, statistics=of_one)
            learner = learner.going_on_from(learned)
        self._state = replace(state, mixture=mixture, given=report, learner=learner, trail=None)
        return self

    def reorder(self, order: ArrayLike) -> Self:
        """Put the components in another order; the mixture stays the same.

        All that is said per component follows: parameters, labels and responsibilities, `repairs_`,
        and what a stream has learned.  Snapshots that were taken before stay as they are.

        Parameters
        ----------
        order : array_like of int, shape (n_components,)
            The present number of the component that becomes the first one, of that which becomes
            the second, and so on, as `np.argsort` gives them: the new means are ``means_[order]``.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When the numbers are not those of all components, each once; when the first rows of a
            stream are still gathered, since their fit makes an order of its own; or when parts are
            frozen, since the constructor says of which components.
        TypeError
            When they are not integers.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters(
        ...     [0.6, 0.4], [[5.0], [2.0]], [[[1.0]], [[2.0]]]
        ... )
        >>> model = model.reorder(np.argsort(model.means_[:, 0]))
        >>> model.weights_, model.means_.ravel(), model.predict([[2.0]])
        (array([0.4, 0.6]), array([2., 5.]), array([0]))
        """
        mixture, _ = self._fitted()
        places = as_order(order, mixture.n_components)
        if self._params("frozen").frozen:
            raise ValueError(
                "reorder would give frozen parts to other components than frozen and the initial "
                "parameters say: put these in the order, or set frozen=() before"
            )
        state = self._state
        assert state is not None
        learner = state.learner
        if learner is not None and learner.learned is None:
            raise ValueError(
                f"reorder cannot keep an order yet: {learner.waiting.n} rows of the stream wait "
                f"for its first fit, which makes one of its own with {learner.first_rows}; give "
                "more to partial_fit"
            )
        mixture, present = mixture.reordered(places), np.argsort(places)
        if learner is not None and learner.learned is not None:
            learner = learner.having(learned=learner.learned.reordered(mixture, places))
        report = state.given
        if report is not None and report.repairs:
            repairs = tuple(
                replace(one, component=int(present[one.component])) for one in report.repairs
            )
            report = replace(report, repairs=repairs)
        self._state = replace(state, mixture=mixture, given=report, learner=learner)
        return self

    # ------------------------------------------------------------------ the stream

    @property
    def n_samples_seen_(self) -> int:
        """The number of rows given to `partial_fit`."""
        return self._of_stream().n_samples

    @property
    def stream_(self) -> Stream:
        """What the stream looked like: trace, running mean and deviation of the log density."""
        learner = self._of_stream()
        assert self._state is not None
        recent = learner.recent
        trace = fixed_copy(np.array(recent.trace, dtype=np.float64).reshape(-1, 2))
        return Stream(
            learner.n_samples,
            learner.seen,
            recent.mean,
            recent.deviation,
            trace[:, 0],
            trace[:, 1],
            learner.n_skipped,
            float(self._state.seen or 0.0),
        )

    def _of_stream(self) -> Learner:
        learner = None if self._state is None else self._state.learner
        if learner is None:
            raise AttributeError(
                f"this {type(self).__name__} has seen no stream: call partial_fit first"
            )
        return learner

    def novelty_threshold(self, quantile: float) -> float:
        """The log density, in nats, under which this share of the recent rows fell.

        The last 8192 rows of `partial_fit` count, each as it was before the model learned from it.
        After `fit` there are none: `density_region` and quantiles of `score_samples` say as much of
        a model that has seen all its rows.

        Parameters
        ----------
        quantile : float
            Between 0 and 1.

        Returns
        -------
        float
        """
        if not 0.0 <= as_float(quantile) <= 1.0:
            raise ValueError(
                f"quantile must be a number between 0 and 1, got {shown(quantile)}; thresholds are "
                "of the rows that partial_fit has seen"
            )
        if self._state is not None and self._state.learner is None:
            raise AttributeError(
                f"this {type(self).__name__} has seen no stream, whose recent rows set the "
                "threshold: call partial_fit, or compare score_samples(X) with a threshold of your "
                "own, such as numpy.quantile(model.score_samples(X_train), 0.01) or "
                "density_region(0.99)"
            )
        learner = self._of_stream()
        if learner.recent.n_window == 0:
            raise ValueError(
                f"no row has been scored yet: {learner.n_samples} rows have come, and the first "
                f"model is fitted to {learner.first_rows}; give more to partial_fit"
            )
        return learner.recent.quantile(float(quantile))

    def is_novel(self, X: ArrayLike, *, quantile: float = 0.01) -> Flags:
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
        novel: Flags = self.score_samples(X) < threshold
        return novel

    def snapshot(self) -> Snapshot:
        """The present mixture as an immutable scorer, which takes microseconds to make.

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
        mixture, names = self._fitted()
        return Snapshot(mixture, names, self._threads(), self._params("missing").missing)

    # ------------------------------------------------------------------ files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one file that `fastgmm.load` reads.

        The file holds no pickle, has a version and a checksum, and takes the place of an old one in
        one step, so that a crash leaves the old one whole; its mode and owner are kept, and a
        symbolic link goes on to point to it.  A pipe or a device is written to.  A `random_state`
        that is not an int is not kept, nor what a subclass adds.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        NotFittedError
            When there is no mixture yet.
        InvalidParameterError
            When a parameter was set to what `fit` would refuse; nothing is written then.
        OSError
            When the file cannot be written; the old one is whole then.
        """
        # What files need is loaded with the first of them.
        from fastgmm.estimators import model_file

        # Of two names of a covariance type the file keeps the user's.
        params = vars(self._params()) | {"covariance_type": str(self.covariance_type)}
        self._fitted()
        assert self._state is not None
        contents = model_file.Contents(model_file.stored(self._state))
        model_file.write_checked(path, params, contents)

    def __getstate__(self) -> dict[str, Any]:
        kept = plain(self.__dict__)
        state = kept.pop("_state", None)
        if state is not None:
            # A pickle holds what a file does, which is loaded with the first of them.
            from fastgmm.estimators import model_file

            kept["_stored"] = model_file.described(state)
        return kept

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        # A pickle holds what a file does, which is loaded with the first of them.
        from fastgmm.estimators import model_file

        own, of = model_file.unpickled(whole(pickled))
        self.__dict__.update(own)
        if of is not None:
            params = SimpleNamespace(**plain_parameters(self._given()))
            self._state = model_file.restored(of, params)


_PARAMETERS = tuple(defaults_of(GaussianMixture.__init__))
"""The constructor of this class has set these, of a subclass as well."""


def load(path: str | os.PathLike[str]) -> GaussianMixture:
    """Read a model that `GaussianMixture.save` wrote.

    Returns
    -------
    GaussianMixture
        Whatever subclass wrote the file: it holds the parameters of this class and no others.  A
        pickle keeps the class and its own parameters.

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
    # What files need is loaded with the first of them.
    from fastgmm.estimators import model_file

    params, contents, _ = model_file.read(path)
    try:
        model = GaussianMixture(**params)
        model._state = model_file.restored(contents.state, model._params())
    except model_file.UNREADABLE as error:
        raise model_file.not_ours_error(path, error) from error
    return model
