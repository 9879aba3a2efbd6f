"""Results for machines: JSON with keys that stay."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from fastgmm import Repair
from fastgmm.cli.models import Model


def print_json(value: Mapping[str, Any], stream: IO[str] | None = None) -> None:
    """Write one object on one line.

    Parameters
    ----------
    value : mapping
        Numbers of NumPy and arrays included; what is not finite becomes null.
    stream : text stream, optional
        Standard output by default.
    """
    print(json.dumps(_plain(value), allow_nan=False), file=stream)


def model_facts(model: Model, names: list[str]) -> dict[str, Any]:
    """What a model is, with its parameters.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
        Fitted.
    names : list of str
        The names of its columns.

    Returns
    -------
    dict
        `covariances` has the shape of `GaussianMixture.covariances_`; `noise` is there only where
        there is noise.
    """
    noise = {"weight": model.noise_weight_, "volume": model.noise_volume_}
    return {
        "n_components": len(model.weights_),
        "covariance_type": model.covariance_type,
        "columns": names,
        "precision": str(model.means_.dtype),
        "n_iter": getattr(model, "n_iter_", None) or None,
        "converged": bool(getattr(model, "converged_", False)),
        "repairs": [_repair(one) for one in getattr(model, "repairs_", ())],
        "lower_bound": model.lower_bound_ if getattr(model, "n_iter_", None) else None,
        "weights": model.weights_,
        "means": model.means_,
        "covariances": model.covariances_,
        **({"noise": noise} if model.noise_weight_ > 0.0 else {}),
    }


def _repair(one: Repair) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("n_iter", "component", "reason", "action")}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
