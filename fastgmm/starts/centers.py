"""Centres among rows, and mixtures around centres."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.data.sample import weight_of_row
from fastgmm.em.m_step import maximization
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import Points, Start, StartRows, assign, common_scale

if TYPE_CHECKING:
    from numpy.random import Generator

KMEANS_ROWS = 4000
"""Centres are found among at least this many rows."""


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
    rows, weight = data.assigned()
    statistics = assign(rows, weight, centers, common_scale(points), start, data.n_threads)
    k = start.n_components
    total = statistics.component_weight.sum()
    second = statistics.second_moment
    if not model_of(start.covariance_type).tied:
        second = np.repeat(second.sum(axis=0, keepdims=True) / k, k, axis=0)
    pooled = replace(
        statistics,
        reference=centers,
        component_weight=np.full(k, total / k),
        first_moment=np.zeros_like(centers),
        second_moment=second,
    )
    return maximization(pooled, start.regularization.in_units(weight_of_row(weight)))


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
