"""First mixtures from data: five ways to find centres, one assignment pass, one M-step."""

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fastgmm.data.parts import Part
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample, weight_of_row
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.centers import KMEANS_ROWS, around, around_rows, plus_plus
from fastgmm.starts.points import Start, StartRows, assign, needs_sample, sharp
from fastgmm.starts.turns import ward_start
from fastgmm.threads import rows_per_block

if TYPE_CHECKING:
    from fastgmm.data.span import Span

if TYPE_CHECKING:
    from numpy.random import Generator

KMEANS_ROWS_PER_COMPONENT = 50
"""k-means takes this many rows for each component, where that is more."""
LLOYD_ITERATIONS = 300
"""There are at most this many of Lloyd's iterations."""
LLOYD_TOLERANCE = 1e-4
"""Lloyd's iterations end when the centres move by less than this, in units of the columns' mean
variance (squared distances)."""


class Draws(Protocol):
    """What a start may ask for; nothing is drawn before it asks."""

    n_threads: int | None

    @property
    def sample(self) -> Sample:
        """The rows to estimate from."""

    @property
    def seed(self) -> int:
        """The seed that all random numbers come from."""

    @property
    def span(self) -> "Span | None":
        """The directions in which mixtures are made, if not those of the features."""


def initial_parameters(draws: Draws, start: Start, dtype: np.dtype, index: int = 0) -> Mixture:
    """The mixture that EM begins with; what the user gave stands in place of what is estimated.

    `index` counts the starts of one fit: each takes other rows.  Where there are few, Ward's
    method, in which nothing else is random, takes two thirds of them from the second start on.
    """
    weights, means, precisions = start.weights, start.means, start.precisions
    if needs_sample(start):
        chosen = StartRows(
            draws.sample, replace(start, index=index), draws.n_threads, draws.seed, span=draws.span
        )
        method = _from_means if "means" in start.frozen else _METHODS[start.method]
        # Ward's trees know the columns; no other start does.
        rows = chosen if method is _from_ward else chosen.within
        generator = np.random.default_rng([draws.seed, index])
        estimated = method(rows, chosen.start, generator)
        if means is None and weights is not None and "weights" in start.frozen:
            estimated = _in_order_of(weights, estimated)
        weights = estimated.weights if weights is None else weights
        means = estimated.means if means is None else means
        if precisions is None:
            return replace(estimated, weights=weights, means=means)
    assert weights is not None
    assert means is not None
    assert precisions is not None
    return Mixture.from_precisions(weights, means, precisions, start.covariance_type, dtype)


def _in_order_of(weights: np.ndarray, mixture: Mixture) -> Mixture:
    """The mixture with its components in the order of weights (K,): the largest where that is."""
    order = np.empty(len(weights), dtype=np.intp)
    order[np.argsort(weights, kind="stable")] = np.argsort(mixture.weights, kind="stable")
    return mixture.reordered(order)


def _from_ward(data: StartRows, start: Start, generator: "Generator") -> Mixture:
    return ward_start(data)


def _from_kmeans(data: StartRows, start: Start, generator: "Generator") -> Mixture:
    points = data.subset(max(KMEANS_ROWS, KMEANS_ROWS_PER_COMPONENT * start.n_components))
    centers = plus_plus(points, start, generator)
    plain = replace(start, covariance_type="spherical")
    scale = points.common_scale()
    for _ in range(LLOYD_ITERATIONS):
        statistics = assign(points.rows, points.weight, centers, scale, plain, data.n_threads)
        weight = np.maximum(statistics.component_weight, np.finfo(np.float64).tiny)[:, None]
        means = statistics.reference + statistics.first_moment / weight
        step = float(((means - centers) ** 2).sum())
        centers = means
        if step <= LLOYD_TOLERANCE * scale[0] ** 2:
            break
    rows, counts = data.assigned()
    statistics = assign(rows, counts, centers, scale, start, data.n_threads)
    return maximization(statistics, start.regularization.in_units(weight_of_row(counts)))


def _from_plus_plus(data: StartRows, start: Start, generator: "Generator") -> Mixture:
    points = data.subset(max(KMEANS_ROWS, KMEANS_ROWS_PER_COMPONENT * start.n_components))
    return around(data, start, plus_plus(points, start, generator), points)


def _from_means(data: StartRows, start: Start, generator: "Generator") -> Mixture:
    assert start.means is not None
    points = data.subset(max(KMEANS_ROWS, KMEANS_ROWS_PER_COMPONENT * start.n_components))
    return around(data, start, start.means, points)


def _from_random(data: StartRows, start: Start, generator: "Generator") -> Mixture:
    """The mixture of random responsibilities, uniform and then normalised.

    Each block of rows has a stream of random numbers of its own.
    """
    rows, sample_weight = data.assigned()
    seed = int(generator.integers(2**63))
    k, dtype = start.n_components, data.dtype
    center = data.subset(1000).mean()
    block = rows_per_block(k, len(center))

    def draw(part: Part, begin: int, end: int) -> np.ndarray:
        drawn = np.random.default_rng([seed, begin // block]).random((end - begin, k))
        drawn /= drawn.sum(axis=1, keepdims=True)
        return drawn.astype(dtype, copy=False)

    reference = sharp(
        np.repeat(center[None], k, axis=0), np.ones(len(center)), start.covariance_type, dtype
    )
    statistics = expectation(reference, RowData(rows, sample_weight, data.n_threads), given=draw)
    return maximization(statistics, start.regularization.in_units(weight_of_row(sample_weight)))


_METHODS = {
    "ward": _from_ward,
    "kmeans": _from_kmeans,
    "k-means++": _from_plus_plus,
    "random": _from_random,
    "random_from_data": around_rows,
}
"""Each start, by the `init_params` of users, is a function of its rows, itself and a generator."""
