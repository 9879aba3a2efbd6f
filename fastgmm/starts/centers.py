"""Centres among rows, and mixtures around centres."""

from typing import TYPE_CHECKING

import numpy as np

from fastgmm.covariance.model import CovarianceModel
from fastgmm.covariance.types import model_of
from fastgmm.data.sample import weight_of_row
from fastgmm.em.m_step import maximization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import Points, Start, StartRows, common_scale

if TYPE_CHECKING:
    from numpy.random import Generator

KMEANS_ROWS = 4000
"""Centres are found among at least this many rows."""
NUMBERS_AT_ONCE = 1 << 16
"""Rows of so many numbers or distances, 512 kB, are given to their nearest centres at a time: they
stay in the cache."""


def around_rows(data: StartRows, start: Start, generator: "Generator") -> Mixture:
    """The mixture around K different rows, drawn with their weights as odds."""
    points = data.subset(max(KMEANS_ROWS, start.n_components))
    odds = np.maximum(points.weight / points.weight.sum(), np.finfo(np.float64).tiny)
    chosen = generator.choice(len(odds), start.n_components, replace=False, p=odds)
    return around(data, start, points.rows[chosen], points)


def around(data: StartRows, start: Start, centers: np.ndarray, points: Points) -> Mixture:
    """A mixture of equal weights around the centres, with one covariance for every component.

    It is the pooled covariance of the nearest rows.  scikit-learn starts here with covariances of
    `reg_covar` alone, which means nothing in the units of the data; its next step is the same
    assignment of each row to the nearest centre.
    """
    k, (rows, weight) = start.n_components, data.assigned()
    model, scale = model_of(start.covariance_type), common_scale(points)
    second = _pooled(model, (rows, weight), centers, scale)
    if not model.tied:
        second = np.repeat(second[None] / k, k, axis=0)
    total = float(len(rows) if weight is None else weight.sum())
    pooled = SufficientStatistics(
        covariance_type=start.covariance_type,
        reference=centers,
        component_weight=np.full(k, total / k),
        first_moment=np.zeros_like(centers),
        second_moment=second,
        n_samples=len(rows),
        weight=total,
        log_likelihood=0.0,
        dtype=data.dtype,
    )
    return maximization(pooled, start.regularization.in_units(weight_of_row(weight)))


def _pooled(
    model: CovarianceModel,
    weighted: tuple[np.ndarray, np.ndarray | None],
    centers: np.ndarray,
    scale: np.ndarray,
) -> np.ndarray:
    """The sum of the second moments of rows about their nearest centres, in the model's form."""
    rows, weight = weighted
    # Distances by products want small numbers.
    middle = centers.mean(axis=0)
    near = (centers - middle) / scale
    doubled, squares = 2.0 * near.T, (near**2).sum(axis=1)
    total = np.zeros(model.sums.shape(centers.shape[1]))
    step = max(1, NUMBERS_AT_ONCE // max(centers.shape))
    for begin in range(0, len(rows), step):
        some = rows[begin : begin + step].astype(np.float64, copy=False)
        nearest = (((some - middle) / scale) @ doubled - squares).argmax(axis=1)
        off = some - centers[nearest]
        if weight is not None:
            off *= np.sqrt(weight[begin : begin + step])[:, None]
        if model.sums.ndim == 2:
            total += off.T @ off
        else:
            # One variance for all features has the sum of all squares.
            total += (off**2).sum(axis=0 if model.sums.ndim else None)
    return total


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
