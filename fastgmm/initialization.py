"""First parameters from data: five ways to find centres, one assignment pass, one M-step.

Hard assignment is the E-step of a mixture whose components share a vanishing covariance (Bishop
2006, section 9.3.2), so that k-means and every assignment below are `expectation` with such
parameters: there is no second E-step here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from fastgmm import kernels
from fastgmm.expectation import expectation
from fastgmm.maximization import maximization
from fastgmm.parallel import rows_per_block
from fastgmm.parameters import Parameters, n_parameters
from fastgmm.regularization import Regularization
from fastgmm.sampling import Sample
from fastgmm.shapes import shape_of
from fastgmm.statistics import SufficientStatistics
from fastgmm.typing import CovarianceType, InitParams

if TYPE_CHECKING:
    from numpy.random import Generator

COMPARED_ROWS = (1000, 3)
"""Candidates are compared on max(first, second times the free parameters) rows."""
COMPARED_PASSES = 5
SHARPNESS = 1e-10
"""Variance of the components of a hard assignment, in units of the columns' variance."""
WARD_ROWS = (1000, 30, 4000)
"""Ward's clustering takes max(first, second times K) rows, at most the third: its cost grows with
their square."""
PSEUDO_COUNTS = 10
"""More than there are columns that vary: the rows that the pooled covariance counts for in each
cluster of Ward's."""
KMEANS_ROWS = (4000, 50)
"""k-means takes max(first, second times K) rows."""
ASSIGNED_ROWS = (10_000, 20)
"""The first M-step takes max(first, second times the free parameters) rows, or all where there are
not twice as many: EM's first pass makes up for what their number leaves uncertain."""
ASSIGNED_NUMBERS = 1 << 22
"""Of all these rows together, at the most: 32 MB."""
LLOYD_ITERATIONS = 300
LLOYD_TOLERANCE = 1e-4
"""Lloyd's iterations end when the centres move by less than this, in units of the columns' mean
variance (squared distances)."""


@dataclass(frozen=True)
class Points:
    """A few thousand rows (n, D), float64, with weights (n,): what centres are found among."""

    rows: np.ndarray
    weight: np.ndarray

    def mean(self) -> np.ndarray:
        """(D,)."""
        return np.average(self.rows, axis=0, weights=self.weight)

    def deviations(self) -> np.ndarray:
        """(D,): root of the columns' variances; 0 where that is the rounding of a constant."""
        deviations = np.sqrt(
            np.average((self.rows - self.mean()) ** 2, axis=0, weights=self.weight)
        )
        return np.where(
            deviations > 64 * np.finfo(np.float64).eps * np.abs(self.rows).max(axis=0),
            deviations,
            0.0,
        )


@dataclass(frozen=True)
class Start:
    """What a start is made for: the constructor's parameters that matter to it."""

    method: InitParams
    n_components: int
    covariance_type: CovarianceType
    weights: np.ndarray | None = None
    means: np.ndarray | None = None
    precisions: np.ndarray | None = None
    index: int = 0
    regularization: Regularization = field(default_factory=Regularization)


@dataclass(frozen=True)
class StartRows:
    """The rows of a start, and how to choose among them."""

    sample: Sample
    start: Start
    n_threads: int | None

    @property
    def n_counted(self) -> int:
        """Rows of positive weight."""
        return len(self.sample.order)

    @property
    def dtype(self) -> np.dtype:
        """Of the rows."""
        return self.sample.rows.dtype

    def subset(self, n: int) -> Points:
        """All rows of positive weight, weighted, or n drawn ones."""
        chosen = self.sample.drawn(n, self.start.index)
        rows = self.sample.rows[chosen].astype(np.float64)
        weight = self.sample.weight
        if weight is None or len(chosen) < self.n_counted:
            return Points(rows, np.ones(len(rows)))
        relative = weight[chosen] / weight[chosen].max()
        return Points(rows, np.maximum(relative, np.finfo(np.float64).tiny))

    def assigned(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows, and their weights, for the first M-step."""
        n = _assigned_rows(self.start, self.sample.rows.shape[1])
        return self.first(n, all_of=2 * n)

    def first(self, n: int, all_of: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
        """The same n rows whatever the start's index; all, where they are not more than `all_of`.

        With weights where they are all.
        """
        if self.sample.whole and self.n_counted <= max(n, all_of):
            return self.sample.rows, self.sample.weight
        return self.sample.rows[self.sample.drawn(n)], None


def sample_size(start: Start, n_features: int) -> int:
    """Rows that `initial_parameters` wants to choose from: all, where there are not more."""
    return 2 * _assigned_rows(start, n_features)


def _assigned_rows(start: Start, n_features: int) -> int:
    at_least, per_parameter = ASSIGNED_ROWS
    free = n_parameters(start.covariance_type, start.n_components, n_features)
    return max(at_least, min(per_parameter * free, ASSIGNED_NUMBERS // n_features))


def compare(
    sample: Sample, candidate: Parameters, start: Start, n_threads: int | None
) -> tuple[Parameters, float]:
    """A candidate after a few passes of EM over a subset of the rows, and its log-likelihood there.

    The same rows for all candidates of a fit: 3 per free parameter rank them as all rows would in
    most cases, and the best goes on from here.
    """
    n = max(COMPARED_ROWS[0], COMPARED_ROWS[1] * candidate.n_parameters)
    n = min(n, max(COMPARED_ROWS[0], ASSIGNED_NUMBERS // candidate.n_features))
    rows, weight = StartRows(sample, start, n_threads).first(n)
    for _ in range(COMPARED_PASSES):
        statistics = expectation(
            candidate,
            rows,
            weight,
            reg_covar=start.regularization.reg_covar,
            n_threads=n_threads,
        )
        candidate = maximization(statistics, start.regularization)
    statistics = expectation(candidate, rows, weight, n_threads=n_threads)
    return candidate, statistics.log_likelihood / statistics.weight


def needs_sample(start: Start) -> bool:
    """Whether anything is left to estimate."""
    return start.weights is None or start.means is None or start.precisions is None


def initial_parameters(
    sample: "Callable[[], Sample]",
    start: Start,
    dtype: np.dtype,
    seed: "Callable[[], int]",
    *,
    index: int = 0,
    n_threads: int | None = None,
) -> Parameters:
    """Parameters to begin EM with; those that the user gave stand in place of the estimated ones.

    Sample and seed are asked for only where something is estimated.  `index` counts the starts of
    one fit: each takes other rows, and Ward's method, which has no other chance in it, two thirds
    of few rows from the second on.
    """
    weights, means, precisions = start.weights, start.means, start.precisions
    if needs_sample(start):
        chosen = StartRows(sample(), replace(start, index=index), n_threads)
        estimated = _METHODS[start.method](
            chosen, chosen.start, np.random.default_rng([seed(), index])
        )
        weights = estimated.weights if weights is None else weights
        means = estimated.means if means is None else means
        if precisions is None:
            return replace(estimated, weights=weights, means=means)
    assert weights is not None
    assert means is not None
    assert precisions is not None
    return Parameters.from_precisions(weights, means, precisions, start.covariance_type, dtype)


def _from_ward(data: StartRows, start: Start, generator: "Generator") -> Parameters:
    at_least, per_component, at_most = WARD_ROWS
    n = min(max(at_least, per_component * start.n_components), at_most)
    if start.index:
        n = min(n, 2 * data.n_counted // 3)
    points = data.subset(max(n, start.n_components))
    scale = _column_scale(points, start.covariance_type)
    labels = cut_tree(
        *ward_tree((points.rows - points.mean()) / scale, points.weight), start.n_components
    )
    centers = _centers(points, labels, start.n_components)
    statistics = assign(*data.assigned(), centers, scale, start, data.n_threads)
    varying = int(np.count_nonzero(points.deviations()))
    return maximization(_shrunk(statistics, PSEUDO_COUNTS + varying), start.regularization)


def _from_kmeans(data: StartRows, start: Start, generator: "Generator") -> Parameters:
    at_least, per_component = KMEANS_ROWS
    points = data.subset(max(at_least, per_component * start.n_components))
    centers = _plus_plus(points, start, generator)
    plain = replace(start, covariance_type="spherical")
    scale = _common_scale(points)
    for _ in range(LLOYD_ITERATIONS):
        statistics = assign(points.rows, points.weight, centers, scale, plain, data.n_threads)
        weight = np.maximum(statistics.component_weight, np.finfo(np.float64).tiny)[:, None]
        moved = statistics.reference + statistics.first_moment / weight
        step = float(((moved - centers) ** 2).sum())
        centers = moved
        if step <= LLOYD_TOLERANCE * scale[0] ** 2:
            break
    statistics = assign(*data.assigned(), centers, scale, start, data.n_threads)
    return maximization(statistics, start.regularization)


def _from_plus_plus(data: StartRows, start: Start, generator: "Generator") -> Parameters:
    at_least, per_component = KMEANS_ROWS
    points = data.subset(max(at_least, per_component * start.n_components))
    centers = _plus_plus(points, start, generator)
    return _around(data, start, centers, points)


def _from_data(data: StartRows, start: Start, generator: "Generator") -> Parameters:
    points = data.subset(max(KMEANS_ROWS[0], start.n_components))
    odds = points.weight / points.weight.sum()
    chosen = generator.choice(len(odds), start.n_components, replace=False, p=odds)
    return _around(data, start, points.rows[chosen], points)


def _around(data: StartRows, start: Start, centers: np.ndarray, points: Points) -> Parameters:
    """Equal weights, the centres themselves as means, and one covariance for every component.

    That is the pooled covariance of the nearest rows.  scikit-learn starts here with covariances of
    `reg_covar` alone, which means nothing in the units of the data; its next step is the same
    assignment of each row to the nearest centre.
    """
    statistics = assign(*data.assigned(), centers, _common_scale(points), start, data.n_threads)
    k = start.n_components
    total = statistics.component_weight.sum()
    second = statistics.second_moment
    if not shape_of(start.covariance_type).tied:
        second = np.repeat(second.sum(axis=0, keepdims=True) / k, k, axis=0)
    pooled = replace(
        statistics,
        reference=centers,
        component_weight=np.full(k, total / k),
        first_moment=np.zeros_like(centers),
        second_moment=second,
    )
    return maximization(pooled, start.regularization)


def _from_random(data: StartRows, start: Start, generator: "Generator") -> Parameters:
    """Responsibilities drawn uniformly and normalised, a stream of numbers per block of rows."""
    rows, sample_weight = data.assigned()
    seed = int(generator.integers(2**63))
    k, dtype = start.n_components, data.dtype
    center = data.subset(1000).mean()
    block = rows_per_block(k, len(center))

    def draw(part: np.ndarray, begin: int) -> np.ndarray:
        drawn = np.random.default_rng([seed, begin // block]).random((len(part), k))
        drawn /= drawn.sum(axis=1, keepdims=True)
        return drawn.astype(dtype, copy=False)

    reference = _sharp(
        np.repeat(center[None], k, axis=0), np.ones(len(center)), start.covariance_type, dtype
    )
    statistics = expectation(reference, rows, sample_weight, n_threads=data.n_threads, given=draw)
    return maximization(statistics, start.regularization)


_METHODS = {
    "ward": _from_ward,
    "kmeans": _from_kmeans,
    "k-means++": _from_plus_plus,
    "random": _from_random,
    "random_from_data": _from_data,
}


def assign(
    rows: np.ndarray,
    sample_weight: np.ndarray | None,
    centers: np.ndarray,
    scale: np.ndarray,
    start: Start,
    n_threads: int | None,
) -> SufficientStatistics:
    """Statistics of the rows with each given to its nearest centre.

    Distances are in units of `scale` (D,) per column.
    """
    sharp = _sharp(centers, scale, start.covariance_type, rows.dtype)
    return expectation(
        sharp, rows, sample_weight, reg_covar=start.regularization.reg_covar, n_threads=n_threads
    )


def _sharp(
    centers: np.ndarray, scale: np.ndarray, covariance_type: CovarianceType, dtype: np.dtype
) -> Parameters:
    """A mixture of equal weights around the centres whose covariances all but vanish."""
    k = len(centers)
    tiny = float(np.finfo(dtype).tiny)
    # kernels multiply by its inverse, or, a single variance, by the square of that
    least = 4.0 * (tiny**0.5 if shape_of(covariance_type).form == "scalar" else tiny)
    deviations = np.maximum(scale * np.sqrt(SHARPNESS), least)
    shape = shape_of(covariance_type)
    factors, inverses = (
        {"matrix": np.diag(values), "diagonal": values, "scalar": values[0]}[shape.form]
        for values in (deviations, 1.0 / deviations)
    )
    if not shape.tied:
        factors, inverses = (np.broadcast_to(a, (k, *np.shape(a))) for a in (factors, inverses))
    return Parameters(
        covariance_type, np.full(k, 1.0 / k), centers, factors**2, factors, inverses, dtype
    )


def _column_scale(points: Points, covariance_type: CovarianceType) -> np.ndarray:
    """Deviation of each column (D,); spherical components know one scale only."""
    if shape_of(covariance_type).form == "scalar":
        return _common_scale(points)
    return _positive(points.deviations())


def _common_scale(points: Points) -> np.ndarray:
    """Root of the columns' mean variance, repeated (D,)."""
    deviations = points.deviations()
    return _positive(np.full(len(deviations), np.sqrt((deviations**2).mean())))


def _positive(deviations: np.ndarray) -> np.ndarray:
    """A constant column gets the scale 1: it does not tell rows apart."""
    return np.where(deviations > 0, deviations, 1.0)


def ward_tree(
    points: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All merges of Ward's method in order.

    (n - 1, 2) names of the clusters merged and (n - 1,) their costs, of points (n, D), each counted
    with its weight (n,), or once.  A cluster is named after its smallest point.
    """
    n = len(points)
    weight = np.ones(n) if weight is None else weight
    merged, heights = np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1)
    kernels.ward(np.ascontiguousarray(points), weight, merged, heights)
    order = np.argsort(heights, kind="stable")
    return merged[order], heights[order]


def cut_tree(merged: np.ndarray, heights: np.ndarray, n_clusters: int) -> np.ndarray:
    """Labels 0 .. n_clusters - 1 of the points when so many clusters are left."""
    n = len(heights) + 1
    owner = list(range(n))

    def root(point: int) -> int:
        while owner[point] != point:
            owner[point] = owner[owner[point]]
            point = owner[point]
        return point

    for one, other in merged[: n - n_clusters].tolist():
        owner[root(other)] = root(one)
    roots = [root(point) for point in range(n)]
    labels: np.ndarray = np.unique(roots, return_inverse=True)[1]
    return labels


def _centers(points: Points, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    centers = []
    for k in range(n_clusters):
        rows, weight = points.rows[labels == k], points.weight[labels == k]
        # about one of them: the mean of equal rows is that row
        centers.append(rows[0] + np.average(rows - rows[0], axis=0, weights=weight))
    return np.stack(centers)


def _shrunk(statistics: SufficientStatistics, pseudo: float) -> SufficientStatistics:
    """Second moments pulled towards the pooled covariance with the weight of so many rows.

    A cluster of few rows would otherwise start with a covariance of lower rank than D.
    """
    if statistics.shape.tied:
        return statistics
    weight = statistics.component_weight
    held = weight > 0
    shape = (-1,) + (1,) * (statistics.second_moment.ndim - 1)
    step = np.where(
        held[:, None], statistics.first_moment / np.where(held, weight, 1.0)[:, None], 0.0
    )
    moved = statistics.moved(statistics.reference + step)
    pooled = moved.second_moment.sum(axis=0) / weight.sum()
    shrunk = (moved.second_moment + pseudo * pooled) * (weight / (weight + pseudo)).reshape(shape)
    return replace(moved, second_moment=shrunk)


def _plus_plus(points: Points, start: Start, generator: "Generator") -> np.ndarray:
    """Greedy k-means++ (Arthur and Vassilvitskii 2007).

    Each centre is the best of 2 + log K draws by weight times squared distance.
    """
    n_trials = 2 + int(np.log(start.n_components))
    rows, weight = points.rows - points.mean(), points.weight
    squares = np.einsum("ij,ij->i", rows, rows)

    def distances_to(chosen: np.ndarray) -> np.ndarray:
        # (len(chosen), n), as products: rounding decides only between centres equally good
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
        # fewer distinct rows than centres: any will do
        candidates = (
            draw(odds, n_trials) if odds.sum() > 0 else generator.integers(len(rows), size=1)
        )
        distances = np.minimum(nearest, distances_to(candidates))
        best = int((distances @ weight).argmin())
        chosen.append(int(candidates[best]))
        nearest = distances[best]
    centers: np.ndarray = points.rows[chosen]
    return centers
