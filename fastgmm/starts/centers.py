"""Centres among rows, and mixtures around centres."""

from typing import TYPE_CHECKING

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.estimate import LARGEST, PIVOT_ROUNDING
from fastgmm.covariance.types import model_of
from fastgmm.data.sample import weight_of_row
from fastgmm.em.m_step import maximization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import Points, Start, StartRows

if TYPE_CHECKING:
    from numpy.random import Generator

KMEANS_ROWS = 4000
"""Centres are found among at least this many rows."""


def around_rows(data: StartRows, start: Start, generator: "Generator") -> Mixture:
    """The mixture around K different rows, drawn with their weights as odds."""
    points = data.subset(max(KMEANS_ROWS, start.n_components))
    odds = points.odds()
    chosen = generator.choice(len(odds), start.n_components, replace=False, p=odds)
    return around(data, start, points.rows[chosen], points)


def around(data: StartRows, start: Start, centers: np.ndarray, points: Points) -> Mixture:
    """A mixture of equal weights around the centres, with one covariance for every component.

    It is the pooled covariance of the nearest rows.  scikit-learn starts here with covariances of
    `reg_covar` alone, which means nothing in the units of the data; its next step is the same
    assignment of each row to the nearest centre.
    """
    kind, (rows, weight) = start.covariance_type, data.assigned()
    model, (k, d), unit = model_of(kind), centers.shape, weight_of_row(weight)
    regularization = start.regularization.in_units(unit)
    held, weights = np.empty(k), np.empty(k)
    shape = model.sums.shape(d) if model.tied else (k, *model.sums.shape(d))
    second, covariances, factors, inverses = (np.empty(shape) for _ in range(4))
    good = kernels.pooled_mixture(
        model.sums.name,
        model.tied,
        rows.astype(np.float64, copy=False),
        np.ones(len(rows)) if weight is None else weight,
        centers,
        float(points.common_scale()[0]),
        np.atleast_1d(regularization.ridge(model.sums)),
        PIVOT_ROUNDING,
        LARGEST[data.dtype],
        held,
        weights,
        second,
        covariances,
        factors,
        inverses,
    )
    if good and model.unrestricted and regularization.prior is None:
        arrays = weights, centers, covariances, factors, inverses
        return Mixture.of_arrays(kind, arrays, data.dtype)
    pooled = SufficientStatistics(
        covariance_type=kind,
        reference=centers,
        component_weight=held,
        first_moment=np.zeros_like(centers),
        second_moment=second,
        n_samples=len(rows),
        weight=float(held.sum()),
        log_likelihood=0.0,
        dtype=data.dtype,
    )
    return maximization(pooled, regularization)


def plus_plus(points: Points, start: Start, generator: "Generator") -> np.ndarray:
    """Centres (K, D) by greedy k-means++ (Arthur and Vassilvitskii 2007).

    Each centre is the best of 2 + log K draws by weight times squared distance.
    """
    n_trials = 2 + int(np.log(start.n_components))
    rows, weight = points.rows - points.mean(), points.weight
    squares = np.einsum("ij,ij->i", rows, rows)

    def distances_to(chosen: np.ndarray) -> np.ndarray:
        # These products lose digits, but that decides only between centres that are equally good.
        found: np.ndarray = squares - 2.0 * (rows[chosen] @ rows.T) + squares[chosen, None]
        np.maximum(found, 0.0, out=found)
        found[np.arange(len(chosen)), chosen] = 0.0
        return found

    def draw(odds: np.ndarray, n: int) -> np.ndarray:
        cumulated = np.cumsum(odds)
        drawn = np.searchsorted(cumulated, generator.random(n) * cumulated[-1], side="right")
        within: np.ndarray = drawn.clip(max=len(odds) - 1)
        return within

    chosen = draw(weight, 1).tolist()
    nearest = distances_to(np.array(chosen))[0]
    while len(chosen) < start.n_components:
        odds = weight * nearest
        # With fewer distinct rows than centres, any row will do.
        candidates = (
            draw(odds, n_trials) if odds.sum() > 0 else generator.integers(len(rows), size=1)
        )
        distances = np.minimum(nearest, distances_to(candidates))
        best = int((distances @ weight).argmin())
        chosen.append(int(candidates[best]))
        nearest = distances[best]
    centers: np.ndarray = points.rows[chosen]
    return centers
