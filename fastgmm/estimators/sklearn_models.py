"""Mixtures of scikit-learn's classes become ours, and ours become its, without a fit."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.estimators.conventions import defaults_of
from fastgmm.estimators.state import Report
from fastgmm.typing import CovarianceType
from fastgmm.validation import check_no_factors

LIKE: dict[CovarianceType, str] = {"tied_diag": "diag", "tied_spherical": "spherical"}
"""scikit-learn lacks these types, and has the same covariances as one copy per component."""


def parameters_for_sklearn(params: dict[str, Any], kind: CovarianceType, k: int) -> dict[str, Any]:
    """The parameters of scikit-learn's class that mean what ours do, as far as it has them.

    Parameters
    ----------
    params : dict
        Parameters of our constructor, as the user gave them.
    kind : str
        The covariance type of the mixture.
    k : int
        Its number of components.
    """
    from sklearn.mixture import GaussianMixture  # whoever asks has it

    defaults = defaults_of(GaussianMixture.__init__)
    found = {name: params[name] for name in defaults if name in params}
    free = model_of(kind).free_type
    found |= {"n_components": k, "covariance_type": LIKE.get(free, free)}
    for name, ours in (("init_params", "ward"), ("reg_covar", "auto")):
        if isinstance(found[name], str) and found[name] == ours:
            found[name] = defaults[name]
    if isinstance(found["random_state"], np.random.Generator):
        # It takes the older class, which may draw from the same stream.
        found["random_state"] = np.random.RandomState(found["random_state"].bit_generator)
    if found["precisions_init"] is not None:
        found["precisions_init"] = _per_component(found["precisions_init"], kind, k)
    return found


def _per_component(spreads: Any, kind: CovarianceType, k: int) -> np.ndarray:
    """Covariances, or what has their shape, as scikit-learn has them: an array to write to."""
    array = np.array(spreads)
    return np.repeat(array[np.newaxis], k, axis=0) if model_of(kind).name in LIKE else array


def to_sklearn(model: Any, params: dict[str, Any]) -> Any:
    """A GaussianMixture of scikit-learn with the parameters and fitted attributes of ours."""
    from sklearn.mixture import GaussianMixture  # whoever asks has it

    if not model.is_fitted:
        kind, k = params["covariance_type"], params["n_components"]
        check_no_factors(kind, "a class of scikit-learn that is not fitted")
        return GaussianMixture(**parameters_for_sklearn(params, kind, k))
    # The parameters may have been set to others after the fit.
    mixture, _ = model._gaussians("to_sklearn")
    # Covariances of low rank are shown written out.
    kind, k = mixture.dense.covariance_type, mixture.n_components
    theirs = GaussianMixture(**parameters_for_sklearn(params, kind, k))
    for name in ("weights_", "means_"):
        setattr(theirs, name, np.array(getattr(model, name)))
    for name in ("covariances_", "precisions_", "precisions_cholesky_"):
        setattr(theirs, name, _per_component(getattr(model, name), kind, k))
    for name in ("converged_", "n_iter_", "lower_bound_", "n_features_in_"):
        setattr(theirs, name, getattr(model, name))
    theirs.lower_bounds_ = list(model.lower_bounds_)
    if hasattr(model, "feature_names_in_"):
        theirs.feature_names_in_ = np.array(model.feature_names_in_)
    return theirs


def parameters_of_sklearn(model: Any, ours: Collection[str]) -> dict[str, Any]:
    """The parameters of a mixture of scikit-learn that our class has, too.

    Raises
    ------
    TypeError
        When it is no such mixture.
    """
    from sklearn.mixture import BayesianGaussianMixture, GaussianMixture  # the model is theirs

    if not isinstance(model, GaussianMixture | BayesianGaussianMixture):
        raise TypeError(
            "from_sklearn takes a GaussianMixture or a BayesianGaussianMixture of scikit-learn, "
            f"got {type(model).__name__}: make other models by from_parameters(weights, means, "
            "covariances)"
        )
    found: dict[str, Any] = model.get_params(deep=False)
    return {name: value for name, value in found.items() if name in ours}


def report_of_sklearn(model: Any) -> Report:
    """What a fitted mixture of scikit-learn says of the way to its parameters.

    Attributes may be missing, as where somebody has set the parameters by hand.
    """
    from sklearn.mixture import GaussianMixture  # the model is theirs

    n_iter = int(getattr(model, "n_iter_", 0))
    report = Report(bool(getattr(model, "converged_", False)), n_iter=n_iter, n_passes=n_iter)
    if not isinstance(model, GaussianMixture):
        return report  # its bounds are those of a posterior, and no mean log-likelihoods
    bounds = tuple(map(float, getattr(model, "lower_bounds_", ())))
    bound = float(getattr(model, "lower_bound_", -np.inf))
    return replace(report, lower_bound=bound, lower_bounds=bounds)
