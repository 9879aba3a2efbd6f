"""The mixture of rows that have labels: the M-step of responsibilities that are 0 or 1."""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.estimate import LARGEST, PIVOT_ROUNDING
from fastgmm.covariance.types import model_of
from fastgmm.em.m_step import maximization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import Points, StartRows
from fastgmm.typing import FloatArray

PSEUDO_COUNTS = 10
"""In each cluster the pooled covariance counts for this many rows more than there are columns that
vary."""


def of_labels(
    data: StartRows, points: Points, labels: np.ndarray, centers: FloatArray, n_varying: int
) -> Mixture:
    """The mixture of points with labels (n,); a component without a point is around its centre.

    Covariances are pulled to the pooled one, since a cluster of few rows would otherwise start with
    one of lower rank than D.

    Raises
    ------
    IllDefinedCovarianceError
        When a covariance is singular and nothing regularises it.
    """
    kind, regularization = data.start.covariance_type, data.start.regularization.in_units(1.0)
    model, (k, d) = model_of(kind), centers.shape
    held, weights, means = np.empty(k), np.empty(k), centers.copy()
    shape = model.sums.shape(d) if model.tied else (k, *model.sums.shape(d))
    second, covariances, factors, inverses = (np.empty(shape) for _ in range(4))
    good = kernels.labelled_mixture(
        model.sums.name,
        model.tied,
        points.rows,
        points.weight,
        labels,
        float(PSEUDO_COUNTS + n_varying),
        np.atleast_1d(regularization.ridge(model.sums)),
        PIVOT_ROUNDING,
        LARGEST[data.dtype],
        held,
        weights,
        means,
        second,
        covariances,
        factors,
        inverses,
    )
    if good and model.unrestricted and regularization.prior is None:
        arrays = weights, means, covariances, factors, inverses
        return Mixture.of_arrays(kind, arrays, data.dtype)
    # A prior, a repair or an error: they are all in one place.
    statistics = SufficientStatistics(
        covariance_type=kind,
        reference=means,
        component_weight=held,
        first_moment=np.zeros((k, d)),
        second_moment=second,
        n_samples=len(labels),
        weight=float(held.sum()),
        log_likelihood=0.0,
        dtype=data.dtype,
    )
    return maximization(statistics, regularization)
