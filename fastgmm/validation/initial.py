"""Weights, means, precisions and covariances that the user gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.covariance.restricted import agrees
from fastgmm.covariance.types import model_of
from fastgmm.typing import CovarianceType, FloatArray
from fastgmm.validation.conversion import as_small_floats


def check_weights_init(weights: Any, n_components: int, *, noise: bool = False) -> FloatArray:
    """Check the weights of the components.

    Parameters
    ----------
    weights : array_like of shape (n_components,)
        What the user gave.
    n_components : int
        The number of components.
    noise : bool
        Whether they may leave something for noise, and sum to less than 1.

    Returns
    -------
    ndarray of shape (n_components,), float64

    Raises
    ------
    ValueError
        If the shape is another, or the weights are not in [0, 1] or do not sum to 1 within
        1e-8 (1e-6 for float32).
    """
    array = as_small_floats(weights, "weights")
    _check_shape(array, (n_components,), "weights")
    if array.min() < 0.0 or array.max() > 1.0:
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{array.max():.5f}, min value {array.min():.5f}: pass shares of the whole."
        )
    tolerance = 1e-6 if array.dtype == np.float32 else 1e-8
    # The sum is compared in the dtype of the input, so that scikit-learn accepts the same weights.
    if noise and array.sum() < 1.0:
        return _owned(array)
    if abs(1.0 - array.sum()) > tolerance:
        raise ValueError(
            "The parameter 'weights' should be normalized, but got sum(weights) = "
            f"{array.sum():.5f}: divide them by their sum."
        )
    return _owned(array)


def check_means_init(
    means: Any, n_components: int | None, n_features: int | None = None
) -> FloatArray:
    """Check the means of the components.

    Parameters
    ----------
    means : array_like of shape (n_components, n_features)
        What the user gave.
    n_components : int or None
        The number of components; None where the means decide it.
    n_features : int, optional
        The number of features; None where the means decide it.

    Returns
    -------
    ndarray of shape (n_components, n_features), float64

    Raises
    ------
    ValueError
        If the shape is another, or a value is not finite.
    """
    array = as_small_floats(means, "means")
    _check_shape(
        array,
        (
            "n_components" if n_components is None else n_components,
            "n_features" if n_features is None else n_features,
        ),
        "means",
    )
    return _owned(array)


def check_precisions_init(
    precisions: Any, covariance_type: CovarianceType, n_components: int, n_features: int
) -> FloatArray:
    """Check the precisions: the inverses of the covariances.

    Parameters
    ----------
    precisions : array_like
        Of shape (n_components, n_features, n_features) for "full", (n_components, n_features) for
        "diag" and (n_components,) for "spherical"; without the components for the tied types.  Of
        mclust's other types they are as of "full", those of VEI and EVI as of "diag", and need not
        obey them: the first M-step sees to it.
    covariance_type : str
    n_components : int
        The number of components.
    n_features : int
        The number of features.

    Returns
    -------
    ndarray of float64, of the shape above
        The input itself if it is so already: K matrices may be large.

    Raises
    ------
    ValueError
        If the shape is another, a value is not finite, a matrix is not symmetric and positive
        definite, or a variance's inverse is not positive.
    """
    return _check_spreads(precisions, covariance_type, n_components, n_features, "precision")


def check_covariances(
    covariances: Any, covariance_type: CovarianceType, n_components: int, n_features: int
) -> FloatArray:
    """Check covariances given as parameters of a model.

    Parameters
    ----------
    covariances : array_like
        Of the shape that `check_precisions_init` lists.
    covariance_type : str
    n_components : int
        The number of components.
    n_features : int
        The number of features.

    Returns
    -------
    ndarray of float64, of that shape

    Raises
    ------
    ValueError
        As `check_precisions_init`, or if they are not of the type.
    """
    given = _check_spreads(covariances, covariance_type, n_components, n_features, "covariance")
    model = model_of(covariance_type)
    if not agrees(model, given):
        raise ValueError(
            f"the covariances are not of covariance_type={covariance_type!r}, in which components "
            f"have volume, shape or axes in common: give such, or "
            f"covariance_type={model.free_type!r}, which takes all"
        )
    return _owned(given)


def _check_spreads(
    values: Any, covariance_type: CovarianceType, n_components: int, n_features: int, what: str
) -> FloatArray:
    name = f"{covariance_type} {what}"
    model = model_of(covariance_type)
    wanted = model.shape(n_components, n_features)
    dims = min(1, len(wanted)), max(2, len(wanted))
    array = as_small_floats(values, f"{what}s", dims=dims)
    _check_shape(array, wanted, name)
    fault = model.form.fault(array, f"{what}s")
    if fault is not None:
        raise ValueError(f"'{name}' should be {fault}.")
    return np.asarray(array, dtype=np.float64)


def _check_shape(array: NDArray[Any], shape: tuple[int | str, ...], name: str) -> None:
    """Compare shapes; a name in place of a number stands for any size."""
    sizes_agree = all(
        isinstance(n, str) or n == m for n, m in zip(shape, array.shape, strict=False)
    )
    if array.ndim != len(shape) or not sizes_agree:
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(
            f"The parameter '{name}' should have the shape of ({wanted}), but got {array.shape}."
        )


def _owned(array: NDArray[Any]) -> FloatArray:
    """Copy, so that the caller may go on changing what was given."""
    return np.array(array, dtype=np.float64)
