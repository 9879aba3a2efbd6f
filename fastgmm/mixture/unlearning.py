"""Rows are taken out of statistics that hold them, and only out of such."""

from typing import Any

import numpy as np

from fastgmm.typing import FloatArray

TOLERANCES = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}
"""Sums of the same rows, cut otherwise, differ by less than this share of themselves: a thousand
roundings of one block's sums in the dtype of the rows."""
EPS = float(np.finfo(np.float64).eps)
"""An E-step may drop this much responsibility of each row, as it cannot change a sum of ones."""


def difference(whole: Any, part: Any) -> dict[str, Any]:
    """The sums of the rows that are in `whole` and not in `part`, under the names of the fields.

    Both are statistics about the same reference.  What is left of a component within rounding of
    nothing is nothing.

    Raises
    ------
    ValueError
        When `part` holds rows, weight, or a scatter of rows, that are not in `whole`.
    """
    dtype = np.promote_types(whole.dtype, part.dtype)
    share = TOLERANCES[dtype]
    n_samples, weight = whole.n_samples - part.n_samples, whole.weight - part.weight
    if n_samples < 0:
        raise _not_contained(f"it is of {part.n_samples} rows, and the sum of {whole.n_samples}")
    if weight < -share * whole.weight:
        raise _not_contained(f"it weighs {part.weight:g}, and the sum {whole.weight:g}")
    of_component = whole.component_weight - part.component_weight
    rounding = share * whole.component_weight + 4.0 * EPS * whole.weight
    if (of_component < -rounding).any():
        k = int((of_component + rounding).argmin())
        raise _not_contained(
            f"it gives component {k} the weight {part.component_weight[k]:g}, and the sum "
            f"{whole.component_weight[k]:g}"
        )
    left = of_component > rounding
    of_component = np.where(left, of_component, 0.0)
    first = np.where(left[:, None], whole.first_moment - part.first_moment, 0.0)
    second = whole.second_moment - part.second_moment
    if whole.covariance_model.tied:
        second = second if left.any() else np.zeros_like(second)
    else:
        second = np.where(left.reshape(-1, *(1,) * (second.ndim - 1)), second, 0.0)
    _check_scatter(whole, of_component, first, second, share)
    empty = n_samples == 0 and not left.any()
    return {
        "component_weight": of_component,
        "first_moment": first,
        "second_moment": second,
        "n_samples": n_samples,
        "weight": 0.0 if empty else max(weight, 0.0),
        "log_likelihood": 0.0 if empty else whole.log_likelihood - part.log_likelihood,
        "dtype": dtype,
    }


def _check_scatter(
    whole: Any, weight: FloatArray, first: FloatArray, second: FloatArray, share: float
) -> None:
    """Refuse what is left where its rows would scatter less than not at all about their mean."""
    model, n_features = whole.covariance_model, first.shape[1]
    held = np.where(weight > 0.0, weight, 1.0)[:, None]
    of_means = model.sums.mean_squares(first / held) * held
    scale = model.sums.variances(whole.second_moment, n_features)
    scatter = model.sums.variances(second, n_features)
    scatter = scatter - (of_means.sum(axis=0) if model.tied else of_means)
    if (scatter < -share * scale).any():
        raise _not_contained("without it, the rows of the sum would have a variance below zero")


def _not_contained(reason: str) -> ValueError:
    return ValueError(
        f"the statistics on the right of the minus are not in the sum on its left: {reason}; "
        "subtract what was added, of the same rows by the same model"
    )
