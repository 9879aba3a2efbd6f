"""Ward's start: the best of a few candidates from trees of agglomerative clustering."""

from dataclasses import dataclass, replace

import numpy as np

from fastgmm.covariance.types import Form, shape_of
from fastgmm.data.rows import RowData
from fastgmm.data.sample import weight_of_row
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import (
    Points,
    Start,
    StartRows,
    assign,
    column_scale,
    common_scale,
    sharp,
)
from fastgmm.starts.trees import cut_tree, likelihood_tree, sums_of_labels, ward_tree

WARD_ROWS = (1000, 30, 4000)
"""Ward's clustering takes max(first, second times K) rows, at most the third: its cost grows with
their square."""
WARD_ASSIGNED_ROWS = 5000
"""The rows of Ward's first M-step."""
PSEUDO_COUNTS = 10
"""More than there are columns that vary: the rows that the pooled covariance counts for in each
cluster of Ward's."""
CLEAR = 4.0
"""Cost of the next merge over that of the last one: from here on, the cut of a tree is taken."""
ALIKE = 1.1
"""Ratio of the columns' deviations up to which another unit changes nothing."""
MERGED = (8, 56)
"""Clusters that are merged by likelihood: the first times K, at most the second more than K."""
MERGED_MATRICES = (4, 32, 8)
"""The same for covariance matrices of more than the third number of features: each merge compares
determinants."""
MERGED_ROWS = (10_000, 300)
"""Rows whose scatters are merged: max(first, second times D)."""
COMPARED_ROWS = (1000, 3, 30)
"""Candidates are compared on max(first, second times the free parameters) rows, or third times
where the cost allows."""
COMPARED_PASSES = (2, 20)
"""At least so many passes, or a comparison says little and the merged clusters are taken; at most
so many."""
FIRST_PASSES, KEPT = 5, 6
"""Of several starts the best so many candidates after so many passes are compared to the end."""
COMPARED_COST = (100_000_000, 40_000_000)
"""Multiply-adds that a candidate's comparison may take for the least passes, and for more."""


def ward_start(data: StartRows) -> Mixture:
    """The best candidate of one start."""
    comparison = Comparison(data)
    comparison.enter(data)
    return comparison.best()[1]


class Comparison:
    """Candidates of the starts of one fit, of which the most promising are kept.

    Parameters
    ----------
    data : StartRows
        Of any of the starts.
    """

    def __init__(self, data: StartRows) -> None:
        self._data = data
        self._kept: list[_Entry] = []
        self._alone = data.start.n_init == 1

    def enter(self, data: StartRows) -> float:
        """Make the candidates of one start; what the best of them reaches at first."""
        entries = [_Entry(data.start.index, one, one) for one in _candidates(data)]
        if self._alone:
            self._kept = entries
            return np.nan
        for entry in entries:
            entry.go_on(self._data, FIRST_PASSES)
        self._kept = sorted(self._kept + entries, key=lambda one: -one.promise)[:KEPT]
        return max(entry.promise for entry in entries)

    def best(self) -> tuple[int, Mixture, float]:
        """Start, parameters and promise of the best of all."""
        if len(self._kept) > 1:
            for entry in self._kept:
                entry.go_on(self._data, COMPARED_PASSES[1])
        best = max(self._kept, key=lambda one: one.promise)
        return best.index, best.candidate, best.promise


@dataclass
class _Entry:
    """A candidate, and how far some passes of EM over some rows have brought it."""

    index: int
    candidate: Mixture
    reached: Mixture
    promise: float = np.nan
    n_passes: int = 0

    def go_on(self, data: StartRows, most: int) -> None:
        """EM until it has had so many passes, or what they may cost; -inf where it fails.

        The rows are the same for all starts of a fit.
        """
        n, n_passes = _effort(data, self.candidate)
        rows, weight = data.first(n)
        regularization = data.start.regularization.in_units(weight_of_row(weight))
        ridge = regularization.reg_covar
        try:
            for _ in range(min(n_passes, most) - self.n_passes):
                given = RowData(rows, weight, data.n_threads)
                statistics = expectation(self.reached, given, reg_covar=ridge)
                self.reached = maximization(statistics, regularization)
                self.n_passes += 1
        except IllDefinedCovarianceError:
            self.promise = -np.inf
            return
        density = log_density(self.reached, rows, np.empty(len(rows), rows.dtype), data.n_threads)
        self.promise = float(np.average(density, weights=weight))


def _candidates(data: StartRows) -> list[Mixture]:
    """Up to three from Ward's trees.

    The tree of the columns in their deviations cut at K; where that cut is not clear, the same tree
    cut at some times K, its clusters merged by likelihood, and the tree of other units, cut at K.
    """
    tree = _tree(data, "column")
    candidates = []
    if data.start.n_components > 1 and not _is_clear(tree, data.start.n_components):
        candidates += _merged(data, tree)
        if candidates and data.start.n_init == 1 and _effort(data, candidates[0])[1] == 0:
            return candidates
        candidates += _in_other_units(data, tree)
    return [*candidates, _from_tree(data, tree)]


def _merged(data: StartRows, tree: "Tree") -> list[Mixture]:
    """Many clusters of the tree, merged by likelihood until K are left."""
    k = data.start.n_components
    form = shape_of(data.start.covariance_type).form
    key = ("merged", *tree.key, form)
    found = data.sample.made.once(key, lambda: _likelihood_tree(data, tree, form))
    if found is None or len(found[1]) < k:
        return []
    nearest, merged = found
    points = _shared_points(data)
    return [_from_labels(data, points, tree.scale, cut_tree(merged, k)[nearest])]


def _shared_points(data: StartRows) -> Points:
    """Those whose scatters are merged, the same for all starts: one copy."""
    n = max(MERGED_ROWS[0], MERGED_ROWS[1] * data.sample.rows.shape[1])
    found: Points = data.sample.made.once(("points", n), lambda: data.points(n))
    return found


def _likelihood_tree(
    data: StartRows, tree: "Tree", form: Form
) -> tuple[np.ndarray, np.ndarray] | None:
    """The cluster of each shared point, and the merges of these, for all fits of the sample.

    The scatters of the tree's own rows alone are too uncertain to compare: more rows are given to
    the nearest of its clusters.
    """
    d, most = len(tree.scale), max(data.start.n_components, data.start.largest)
    wide = form == "matrix" and d > MERGED_MATRICES[2]
    factor, more = MERGED_MATRICES[:2] if wide else MERGED
    own, points = tree.points(data), _shared_points(data)
    few = min(factor * most, most + more, len(own.rows) // 4)
    if few < 2:
        return None
    center = own.mean()
    centers = (_centers(own, cut_tree(tree.merged, few), few) - center) / tree.scale
    units = (points.rows - center) / tree.scale
    nearest = np.unique(_nearest(units, centers), return_inverse=True)[1]
    return nearest, likelihood_tree(units, points.weight, nearest, form)


def _nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """(n,): the nearest centre of each, a thousand at a time to stay in the cache."""
    squares, doubled = (centers**2).sum(axis=1), -2.0 * centers.T
    nearest = np.empty(len(points), dtype=np.intp)
    for begin in range(0, len(points), 1024):
        distances = points[begin : begin + 1024] @ doubled
        distances += squares
        distances.argmin(axis=1, out=nearest[begin : begin + 1024])
    return nearest


def _in_other_units(data: StartRows, tree: "Tree") -> list[Mixture]:
    """Clusters in units between the columns' deviations and one for all.

    Of principal components, say, the variances mean something.
    """
    if tree.scale.max() <= ALIKE * tree.scale.min():
        return []
    other, k = _tree(data, "between"), data.start.n_components
    if _same_partition(cut_tree(tree.merged, k), cut_tree(other.merged, k)):
        return []
    return [_from_tree(data, other)]


def _is_clear(tree: "Tree", n_clusters: int) -> bool:
    """Whether the next merge of the tree would cost much more than the last one."""
    after = len(tree.heights) - n_clusters + 1
    return bool(after > 0 and tree.heights[after] > CLEAR * tree.heights[after - 1])


def _same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    n_clusters = int(one.max()) + 1
    return len(np.unique(one * n_clusters + other)) == n_clusters


@dataclass(frozen=True)
class Tree:
    """Ward's tree of a few rows: it gives every number of clusters."""

    key: tuple[int, int, bool, str]
    scale: np.ndarray
    merged: np.ndarray
    heights: np.ndarray

    def points(self, data: StartRows) -> Points:
        """Its rows, gathered anew: a sample can have many trees."""
        return data.subset(self.key[1])


def _tree(data: StartRows, units: str) -> Tree:
    """The tree of this start's rows, made once for all fits that share the sample."""
    start = data.start
    at_least, per_component, at_most = WARD_ROWS
    n = min(max(at_least, per_component * max(start.n_components, start.largest)), at_most)
    if start.index:
        n = min(n, 2 * data.n_counted // 3)
    n = max(n, start.n_components)
    one_scale = shape_of(start.covariance_type).form == "scalar"
    key = (start.index, n, one_scale, units)

    def make() -> Tree:
        points = data.subset(n)
        scale = column_scale(points, start.covariance_type)
        if units == "between":
            scale = np.sqrt(scale * common_scale(points))
        merges = ward_tree((points.rows - points.mean()) / scale, points.weight)
        return Tree(key, scale, *merges)

    tree: Tree = data.sample.made.once(key, make)
    return tree


def _from_tree(data: StartRows, tree: Tree) -> Mixture:
    """Rows to the nearest centre of K clusters, and one M-step."""
    k, points = data.start.n_components, tree.points(data)
    centers = _centers(points, cut_tree(tree.merged, k), k)
    rows, weight = data.first(WARD_ASSIGNED_ROWS)
    statistics = assign(rows, weight, centers, tree.scale, data.start, data.n_threads)
    return _shrunk_m_step(statistics, points, data.start, weight_of_row(weight))


def _from_labels(data: StartRows, points: Points, scale: np.ndarray, labels: np.ndarray) -> Mixture:
    """Rows by their label: nearest centres know nothing of shapes."""
    start = data.start
    centers = _centers(points, labels, start.n_components)
    about = sharp(centers, scale, start.covariance_type, np.dtype(np.float64))
    responsibilities = np.eye(start.n_components)[labels]
    statistics = expectation(
        about,
        RowData(points.rows, points.weight, data.n_threads),
        given=lambda _, begin, end: responsibilities[begin:end],
    )
    return _shrunk_m_step(replace(statistics, dtype=data.dtype), points, start)


def _shrunk_m_step(
    statistics: SufficientStatistics, points: Points, start: Start, row_weight: float = 1.0
) -> Mixture:
    pseudo = row_weight * (PSEUDO_COUNTS + np.count_nonzero(points.deviations()))
    regularization = start.regularization.in_units(row_weight)
    return maximization(_shrunk(statistics, float(pseudo)), regularization)


def _effort(data: StartRows, candidate: Mixture) -> tuple[int, int]:
    """Rows and passes that a comparison takes: many where they cost little."""
    k, d = candidate.means.shape
    of_row = k * ((d + 1) * (d + 2) if candidate.shape.form == "matrix" else 4 * (d + 1))
    free = candidate.n_parameters
    at_least, few, many = COMPARED_ROWS
    least, most = COMPARED_PASSES
    n = max(at_least, min(few * free, data.n_counted))
    if (least + 1) * n * of_row > COMPARED_COST[0]:
        # what is seen for the first time needs no pass to be judged by
        return max(at_least, min(n, COMPARED_COST[1] // of_row)), 0
    n_passes = min(max(COMPARED_COST[1] // (n * of_row) - 1, least), most)
    return max(n, min(many * free, COMPARED_COST[1] // ((n_passes + 1) * of_row))), n_passes


def _centers(points: Points, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    # about one row of each: the mean of equal rows is that row
    first = points.rows[np.unique(labels, return_index=True)[1]]
    off = points.weight[:, None] * (points.rows - first[labels])
    held = np.bincount(labels, points.weight, n_clusters)[:, None]
    centers: np.ndarray = first + sums_of_labels(off, labels, n_clusters) / held
    return centers


def _shrunk(statistics: SufficientStatistics, pseudo: float) -> SufficientStatistics:
    """Second moments pulled towards the pooled covariance, which counts for a weight `pseudo`.

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
