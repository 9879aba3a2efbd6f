"""A fit that begins with responsibilities of its rows: the M-step comes first."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.covariance.types import n_factors_of
from fastgmm.data.parts import Part
from fastgmm.data.rows import RowData
from fastgmm.data.sample import weight_of_row
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import sharp
from fastgmm.validation.responsibilities import as_responsibilities

if TYPE_CHECKING:
    from fastgmm.data.partitions import PartitionData
    from fastgmm.fits.plan import Plan

FEW = 4096
"""A ridge and a prior that follow the rows are made of so many of them, for the first M-step."""


def begun_with(
    plan: "Plan", data: "RowData | PartitionData", responsibilities: Any, params: Any
) -> "Plan":
    """The plan that begins with the mixture of these responsibilities, in place of its start.

    Parameters
    ----------
    plan : Plan
    data : RowData
    responsibilities : array_like of shape (n_samples, n_components)
    params : object
        The parameters of the constructor as attributes.

    Raises
    ------
    TypeError
        When the rows lie on a cluster.
    ValueError
        When something else says where the fit begins, or they are not those of these rows.
    """
    start = plan.start
    _check_alone(data, params, start.covariance_type)
    assert isinstance(data, RowData)
    shape = len(data.rows), start.n_components
    given = as_responsibilities(responsibilities, *shape, noise=params.noise is not None)
    regularizing = plan.settings.regularizing
    regularization = regularizing.of_rows(lambda: data.sample(0, FEW), data.n_features)

    def of_part(part: Part, begin: int, end: int) -> np.ndarray:
        return np.ascontiguousarray(given[begin:end], dtype=data.dtype)

    center = data.rows.mean(axis=0, dtype=np.float64)
    centers = np.repeat(center[None], start.n_components, axis=0)
    about = sharp(centers, np.ones(data.n_features), start.covariance_type, data.dtype)
    statistics = expectation(about, data, given=of_part)
    row_weight = weight_of_row(data.sample_weight)
    found = maximization(statistics, regularization.in_units(row_weight))
    held = float(statistics.component_weight.sum()) / statistics.weight
    return replace(plan, warm=_with_rest(found, held, params.noise is not None), trail=None)


def _with_rest(mixture: Mixture, held: float, noise: bool) -> Mixture:
    """The mixture with weights of the share that components hold; the rest is for noise."""
    return replace(mixture, weights=mixture.weights * held) if noise else mixture


def _check_alone(data: "RowData | PartitionData", params: Any, covariance_type: str) -> None:
    if not isinstance(data, RowData):
        raise TypeError(
            "responsibilities are of rows in memory, and these lie on a cluster: pass weights_init,"
            " means_init and precisions_init."
        )
    said = [
        name
        for name in ("weights_init", "means_init", "precisions_init")
        if getattr(params, name) is not None
    ]
    said += ["labels"] * data.labelled + ["frozen"] * bool(params.frozen)
    if said:
        raise ValueError(
            f"responsibilities say where the fit begins, and so does {said[0]}: pass one of them."
        )
    if data.gapped:
        raise ValueError(
            "responsibilities do not say what the gaps of rows hold: impute the rows first, or "
            "begin with means_init."
        )
    if n_factors_of(covariance_type) is not None:
        raise ValueError(
            "responsibilities make no factors: fit 'diag' with them, and give its means as "
            "means_init."
        )
