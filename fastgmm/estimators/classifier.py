"""GaussianMixtureClassifier: a mixture for each class tells the class of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np

from fastgmm.em.priors import NormalInverseWishart
from fastgmm.errors import NotFittedError
from fastgmm.estimators.class_attributes import ClassAttributes, Learned, PerClass
from fastgmm.estimators.class_fits import class_fits, learned_classes
from fastgmm.estimators.conventions import Estimator
from fastgmm.estimators.gaussian_mixture import GaussianMixture
from fastgmm.estimators.pickled import plain, whole
from fastgmm.estimators.sklearn_base import sklearn_estimator
from fastgmm.limits.scalars import as_array, is_word
from fastgmm.mixture.density import log_sum
from fastgmm.typing import (
    Acceleration,
    ArrayLike,
    CovarianceType,
    FloatArray,
    InitParams,
    Missing,
    OnCollapse,
    RandomStateLike,
)
from fastgmm.validation import (
    as_rows,
    as_sample_weight,
    as_table,
    check_feature_names,
    feature_names_of,
    features_error,
)
from fastgmm.validation.classes import as_classes, as_priors, codes_of


@sklearn_estimator("ClassifierMixin")
class GaussianMixtureClassifier(ClassAttributes, Estimator):
    """Classification by a Gaussian mixture for each class (Hastie and Tibshirani 1996).

    A row belongs to the class under whose mixture, times the prior of the class, it is most
    probable.  One full component for each class is quadratic discriminant analysis; more components
    take classes of any shape.  It is mclust's MclustDA.

    Parameters
    ----------
    n_components : int, iterable of int or mapping, default=1
        Components of each class; a mapping of classes has a value for each.  Of several numbers, as
        ``range(1, 6)``, each class gets that of the lowest BIC (see `fastgmm.select`).
    covariance_type : str, sequence of str or mapping, default="full"
        As in `GaussianMixture`, within each class; of several types BIC chooses.  "mclust" stands
        for the fourteen of mclust.
    priors : array_like of shape (n_classes,) or mapping, optional
        The probability of each class, in the order of `classes_`; None: as frequent as in the rows.
    tol, reg_covar, max_iter, n_init, init_params, random_state, n_threads, gap_tol, acceleration, \
on_collapse, prior : optional
        As in `GaussianMixture`, for the rows of each class.
    missing : {"error", "em"}, default="error"
        With "em" NaN is a value that is missing at random: what was observed of a row is learned
        from, and tells its class.
    n_factors : int, optional
        As in `GaussianMixture`, for the classes whose covariance type is of low rank.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    priors_ : ndarray of shape (n_classes,)
        The probability of each class.
    mixtures_ : dict
        The `GaussianMixture` of each class that has rows of positive weight.
    n_parameters : int
        Number of free parameters of all mixtures.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; there only where the rows of the fit had names.
    n_iter_ : int
        The most iterations that a class has taken.
    is_fitted : bool
        Whether there is something to predict with.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 1)) + np.repeat([[-6.0], [0.0], [6.0]], 100, axis=0)
    >>> y = np.repeat(["outer", "inner", "outer"], 100)
    >>> model = fastgmm.GaussianMixtureClassifier({"outer": 2, "inner": 1}, random_state=0)
    >>> model.fit(X, y).predict([[-5.0], [0.5], [7.0]]).tolist()
    ['outer', 'inner', 'outer']
    """

    def __init__(
        self,
        n_components: int | Iterable[int] | PerClass = 1,
        *,
        covariance_type: CovarianceType
        | Literal["mclust"]
        | Iterable[CovarianceType | Literal["mclust"]]
        | PerClass = "full",
        priors: ArrayLike | PerClass | None = None,
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
        n_factors: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.priors = priors
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
        self.n_factors = n_factors

    # ------------------------------------------------------------------ fit

    def fit(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Self:
        """Fit a mixture to the rows of each class.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; of each class at least as many as components.
        y : array_like of shape (n_samples,)
            The class of each row: integers, text, booleans.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows, classes, weights or parameters are not valid, or a class cannot be fitted; it
            is named.
        """
        owner = type(self).__name__
        table = as_table(X)
        names = feature_names_of(table)
        rows = as_rows(table, min_rows=2, method="fit", gaps=is_word(self.missing, ("em",)))
        classes, codes = as_classes(y, len(rows), owner)
        as_priors(self.priors, classes, owner)
        weight = as_sample_weight(sample_weight, len(rows))
        held = np.bincount(codes, weight, len(classes)).astype(np.float64)
        counted = np.flatnonzero(held > 0.0)
        models = class_fits(self._of_mixtures(), owner, (rows, weight), (classes, codes), counted)
        self._learned = Learned(classes, tuple(models), held, rows.shape[1], names)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from the next rows of a stream: each class by `GaussianMixture.partial_fit`.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Rows; a call need not have some of every class.
        y : array_like of shape (n_samples,)
        classes : array_like, optional
            All classes that there will be; wanted in the first call.
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            When rows, classes or weights are not valid; the model is then what it was.
        """
        owner, known = type(self).__name__, self._learned
        table = as_table(X)
        given = None if classes is None else as_array(classes, "classes")
        if known is None:
            if given is None:
                raise ValueError(
                    f"{owner} needs all classes in the first call to partial_fit: pass classes="
                )
            found, _ = as_classes(given, given.size, owner)
        else:
            check_feature_names(table, known.names, owner)
            found = known.classes
            if given is not None and set(given.tolist()) != set(found.tolist()):
                raise ValueError(
                    f"classes={given.tolist()} is not what the first call to "
                    f"partial_fit said, {found.tolist()}: leave it out, or fit anew."
                )
        rows = as_rows(
            table,
            n_features=None if known is None else known.n_features,
            min_rows=0,
            method="partial_fit",
            gaps=is_word(self.missing, ("em",)),
        )
        as_priors(self.priors, found, owner)
        weight = as_sample_weight(sample_weight, len(rows), some_positive=False)
        if len(rows) == 0:
            return self
        codes = codes_of(y, len(rows), found, owner)
        if known is None:
            nothing = (None,) * len(found), np.zeros(len(found))
            known = Learned(found, *nothing, rows.shape[1], feature_names_of(table))
        models = learned_classes(
            self._of_mixtures(), owner, (rows, weight), (found, codes), known.models
        )
        held = known.weight + np.bincount(codes, weight, len(found))
        self._learned = replace(known, models=tuple(models), weight=held)
        return self

    def _of_mixtures(self) -> dict[str, Any]:
        """The parameters of the mixtures."""
        params = self.get_params(deep=False)
        del params["priors"]
        return params

    # ------------------------------------------------------------------ predictions

    def _joint(self, X: ArrayLike, method: str) -> FloatArray:
        """(n, C): log of prior times density, -inf of a class without rows."""
        learned = self._found()
        table = as_table(X)
        check_feature_names(table, learned.names, type(self).__name__)
        rows = as_rows(table, method=method, gaps=is_word(self.missing, ("em",)))
        if rows.shape[1] != learned.n_features:
            raise features_error(rows.shape[1], learned.n_features, type(self).__name__)
        joint = np.full((len(rows), len(learned.classes)), -np.inf)
        for i, model in learned.known:
            try:
                joint[:, i] = model.score_samples(rows)
            except NotFittedError as error:
                label = learned.classes.tolist()[i]
                raise NotFittedError(f"class {label!r}: {error}") from None
        with np.errstate(divide="ignore"):
            joint += np.log(self.priors_)
        return joint

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The most probable class of each row, the first of equals.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            Some of `classes_`.
        """
        joint = self._joint(X, "predict")
        predicted: np.ndarray = self._found().classes[joint.argmax(axis=1)]
        return predicted

    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """The probability of each class given the row.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        odds: FloatArray = np.exp(self.predict_log_proba(X))
        return odds

    def predict_log_proba(self, X: ArrayLike) -> FloatArray:
        """The logarithms of `predict_proba`, which do not underflow.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        joint = self._joint(X, "predict_log_proba")
        return joint - log_sum(joint, 1)

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Log of prior times density of each class; of two classes, by how much the second leads.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) of two classes
            In nats.
        """
        joint = self._joint(X, "decision_function")
        return joint[:, 1] - joint[:, 0] if joint.shape[1] == 2 else joint

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Log density of each row, whatever its class: low where it is like none of them.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats.
        """
        return log_sum(self._joint(X, "score_samples"), 1)[:, 0]

    def score(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
        """The share of rows whose class is predicted.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
        y : array_like of shape (n_samples,)
        sample_weight : array_like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        float
        """
        predicted = self.predict(X)
        classes, codes = as_classes(y, len(predicted), type(self).__name__)
        weights = as_sample_weight(sample_weight, len(predicted))
        met = classes[codes] == predicted
        return float(np.average(met, weights=weights))

    # ------------------------------------------------------------------ files and tags

    def __getstate__(self) -> dict[str, Any]:
        kept = plain(self.__dict__)
        if (learned := kept.pop("_learned", None)) is not None:
            models = [None if one is None else one.__getstate__() for one in learned.models]
            names = None if learned.names is None else learned.names.tolist()
            sizes = learned.weight, learned.n_features
            kept["_stored"] = learned.classes, models, *sizes, names
        return kept

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        own = whole(pickled)
        if (stored := own.pop("_stored", None)) is not None:
            classes, states, weight, n_features, names = stored
            models: list[GaussianMixture | None] = []
            for state in states:
                models.append(None if state is None else GaussianMixture())
                if (model := models[-1]) is not None:
                    model.__setstate__(state)
            known = None if names is None else np.array(names, dtype=object)
            own["_learned"] = Learned(classes, tuple(models), weight, n_features, known)
        self.__dict__.update(own)

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this, so that it is loaded already.
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.target_tags.required = True
        tags.classifier_tags = ClassifierTags()
        return tags
