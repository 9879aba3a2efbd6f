"""From `frozen` and the initial parameters to the family of mixtures that keep these parts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.covariance.types import model_of, with_factors
from fastgmm.em.frozen import Frozen
from fastgmm.em.kept import Kept, Spreads
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray
from fastgmm.validation import check_means_init, check_precisions_init, check_weights_init

INITIAL_OF = {
    "weights": "weights_init",
    "means": "means_init",
    "covariances": "precisions_init",
}
"""The parameter of the constructor that gives each part."""


def frozen_family(params: Any, n_features: int, mixture: Mixture | None) -> Frozen:
    """The family of mixtures that keep what the constructor says.

    Parameters
    ----------
    params : object
        It has the constructor's parameters as attributes, checked and plain.
    n_features : int
    mixture : Mixture, optional
        What is gone on from: it has the parts that initial parameters do not give.

    Returns
    -------
    Frozen

    Raises
    ------
    ValueError
        When a part is not known, or flags do not fit the components.
    """
    shape = params.n_components, n_features
    if mixture is not None and mixture.means.shape != shape:
        mixture = None
    k = params.n_components
    for part in INITIAL_OF:
        if not isinstance(_flags(params, part), bool):
            frozen_mask(params, part, k)  # it tells of flags that are too few or too many
    kept = {part for part in INITIAL_OF if np.any(_flags(params, part))}
    for part in kept:
        if getattr(params, INITIAL_OF[part]) is None and mixture is None:
            raise ValueError(
                f"frozen keeps the {part} as {INITIAL_OF[part]} gives them, and that is None: pass "
                f"{INITIAL_OF[part]}, or go on from a fitted model with warm_start=True"
            )
    # These come first: a file may ask for any number of components, and flags take room for all.
    values = (
        _weights(params, mixture) if "weights" in kept else None,
        _means(params, mixture, n_features) if "means" in kept else None,
        _spreads(params, mixture, n_features) if "covariances" in kept else None,
    )
    masks = {part: frozen_mask(params, part, k) for part in INITIAL_OF}
    return Frozen(Kept(masks["weights"], masks["means"], masks["covariances"], *values))


def _flags(params: Any, part: str) -> Any:
    """Whether all components keep a part, or which, as the user says it."""
    frozen = params.frozen
    return frozen.get(part, False) if isinstance(frozen, dict) else part in frozen


def frozen_mask(params: Any, part: str, n_components: int) -> NDArray[np.bool_]:
    """(K,): which components keep a part.

    Raises
    ------
    ValueError
        When flags do not fit them.
    """
    k, flags = n_components, _flags(params, part)
    if isinstance(flags, bool):
        return np.full(k, flags)
    mask = np.asarray(flags, dtype=bool)
    if mask.shape != (k,):
        raise ValueError(
            f"frozen has {len(mask)} flags for the {part} of {k} components: pass True or False "
            "for each component, or the name of the part for all"
        )
    model = model_of(with_factors(params.covariance_type, getattr(params, "n_factors", None)))
    alone = not model.tied and model.unrestricted
    if part == "covariances" and not alone and mask.any() and not mask.all():
        raise ValueError(
            f"the components of a {params.covariance_type} mixture share what their covariances "
            "are made of: freeze those of all components, or of none"
        )
    return mask


def _weights(params: Any, mixture: Mixture | None) -> FloatArray:
    if params.weights_init is not None:
        return check_weights_init(params.weights_init, params.n_components)
    assert mixture is not None
    return mixture.weights


def _means(params: Any, mixture: Mixture | None, n_features: int) -> FloatArray:
    if params.means_init is not None:
        return check_means_init(params.means_init, params.n_components, n_features)
    assert mixture is not None
    return mixture.means


def _spreads(params: Any, mixture: Mixture | None, n_features: int) -> Spreads:
    if params.precisions_init is None:
        assert mixture is not None
        return mixture.covariances, mixture.factors, mixture.inverse_factors
    kind, k = params.covariance_type, params.n_components
    form = model_of(kind).form
    precisions = check_precisions_init(params.precisions_init, kind, k, n_features)
    factors, inverses = form.factor_precisions(precisions)
    return form.squares(factors), factors, inverses
