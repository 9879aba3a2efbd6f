"""Candidates from trees of agglomerative clustering: cut at K, or merged on by likelihood."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from fastgmm.covariance.forms import Form
from fastgmm.covariance.scatters import sums_of_labels
from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.data.sample import weight_of_row
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.comparison import effort, rows_needed
from fastgmm.starts.points import Points, Start, StartRows, assign, column_scale, sharp
from fastgmm.starts.spaces import Scaled, Space, space_of
from fastgmm.starts.trees import cut_tree, likelihood_tree, ward_tree

TREE_ROWS = 1000
"""Ward's clustering takes at least this many rows."""
TREE_ROWS_PER_COMPONENT = 30
"""Ward's clustering takes this many rows for each component, where that is more."""
MOST_TREE_ROWS = 4000
"""Ward's clustering takes at most this many rows: its cost grows with their square."""
WARD_ASSIGNED_ROWS = 5000
"""The first M-step after Ward's clustering takes this many rows."""
PSEUDO_COUNTS = 10
"""In each cluster the pooled covariance counts for this many rows more than there are columns that
vary."""
CLEAR = 4.0
"""If the next merge costs this many times the last one, the K clusters are clear and no other
candidate is tried."""
TAIL = 0.1
"""A cluster with less than this share of the mean number of rows is more often the end of a tail
than a cluster."""
ALIKE = 1.1
"""If the largest column deviation is at most this many times the smallest, a tree in other units
would be the same."""
MERGED = 8
"""Merging by likelihood begins with this many times K clusters."""
MERGED_MORE = 56
"""Merging by likelihood begins with at most this many clusters more than K."""
MERGED_MATRICES = 4
"""Merging by likelihood begins with this many times K clusters where they have covariance matrices
of many features: each merge compares determinants."""
MERGED_MATRICES_MORE = 32
"""Merging by likelihood begins with at most this many clusters more than K where they have
covariance matrices of many features."""
FEW_FEATURES = 8
"""Clusters with covariance matrices of at most this many features are merged like those with
diagonals."""
ROWS_PER_FEATURE = 2
"""Clusters with covariance matrices are merged by likelihood where there are this many rows more
for each feature than there are clusters: what they have in common, to which each is shrunk, is
singular below one, and D^3 operations for each pair would compare rounding."""
MERGED_ROWS = 10_000
"""The scatters that are merged by likelihood are made of at least this many rows."""
MERGED_ROWS_PER_FEATURE = 300
"""The scatters that are merged by likelihood are made of this many rows for each feature, where
that is more."""

Maker = Callable[[], list[Mixture]]
"""A function that makes candidates of one kind, or none."""


def ward_candidates(data: StartRows) -> list[Mixture]:
    """Up to five candidates from Ward's trees, of which the last is the plainest.

    The tree of the columns in units of their deviations is cut at K.  Where that cut is not clear,
    two candidates come before it: the same tree cut at some times K, its clusters merged by
    likelihood, and the tree in other units, cut at K.  Where it cuts off a few rows, two from a
    tree of ranks come as well.  Where passes to compare them would cost too much, a single start
    takes the first alone.
    """
    tree, k = _tree(data, "column"), data.start.n_components
    makers: list[Maker] = []
    plain: list[Mixture] = []
    tail = k > 1 and _cuts_a_tail(data, tree)
    if k > 1 and (tail or not _is_clear(tree, k)):
        found: list[Mixture] = []
        with suppress(IllDefinedCovarianceError):
            found = _merged(data, tree)
        if data.start.n_init == 1:
            plain = [] if found else [_from_tree(data, tree)]
            if effort(data, (found or plain)[0])[1] == 0:
                return found or plain
        makers = [lambda: found, lambda: _in_other_units(data, tree)]
    if tail:
        makers.append(lambda: candidates_in(data, "ranks"))
    return sound([*makers, lambda: plain or [_from_tree(data, tree)]])


def candidates_in(data: StartRows, units: str) -> list[Mixture]:
    """The tree in these units, cut at K, and cut at some times K and merged by likelihood."""
    tree = _tree(data, units)
    return sound([lambda: _merged(data, tree), lambda: _from_cut(data, tree)])


def sound(makers: Iterable[Maker]) -> list[Mixture]:
    """What those of the makers make whose covariances are not singular.

    Raises
    ------
    IllDefinedCovarianceError
        When all that is made is singular and nothing regularises it.
    """
    found, failure = [], None
    for make in makers:
        try:
            found += make()
        except IllDefinedCovarianceError as error:
            failure = error
    if failure is not None and not found:
        raise failure
    return found


def _merged(data: StartRows, tree: "Tree") -> list[Mixture]:
    """The candidate of many clusters of a tree, merged by likelihood until K are left; or none."""
    k = data.start.n_components
    form = model_of(data.start.covariance_type).form
    key = ("merged", *tree.key, form.name)
    found = data.sample.made.once(key, lambda: _likelihood_tree(data, tree, form))
    if found is None or len(found[1]) < k:
        return []
    nearest, merged = found
    points = _shared_points(data)
    return [_from_labels(data, points, tree.scale, cut_tree(merged, k)[nearest])]


def _shared_points(data: StartRows) -> Points:
    """The points whose scatters are merged: one copy, the same for all starts."""
    n = max(MERGED_ROWS, MERGED_ROWS_PER_FEATURE * data.sample.rows.shape[1])
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
    wide = form.scatters.factored and d > FEW_FEATURES
    factor, more = (MERGED_MATRICES, MERGED_MATRICES_MORE) if wide else (MERGED, MERGED_MORE)
    own, points = tree.points(data), _shared_points(data)
    few = min(factor * most, most + more, len(own.rows) // 4)
    if few < 2 or (form.scatters.factored and len(points.rows) < few + ROWS_PER_FEATURE * d):
        return None
    centers = _centers(own, cut_tree(tree.merged, few), few)
    nearest = np.unique(tree.nearest(points.rows, centers), return_inverse=True)[1]
    units = Scaled(own.mean(), tree.scale).of(points.rows)
    return nearest, likelihood_tree(units, points.weight, nearest, form)


def _nearest(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """(n,): the nearest centre of each point; a thousand at a time stay in the cache."""
    squares, doubled = (centers**2).sum(axis=1), -2.0 * centers.T
    nearest = np.empty(len(points), dtype=np.intp)
    for begin in range(0, len(points), 1024):
        distances = points[begin : begin + 1024] @ doubled
        distances += squares
        distances.argmin(axis=1, out=nearest[begin : begin + 1024])
    return nearest


def _in_other_units(data: StartRows, tree: "Tree") -> list[Mixture]:
    """The candidate in units between the columns' deviations and one for all; or none.

    The variances of principal components, for example, mean something.
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


def _cuts_a_tail(data: StartRows, tree: "Tree") -> bool:
    """Whether a cluster is more likely the end of a tail.

    It has a tenth of the mean share of the rows at most, or fewer rows than a component needs.
    """
    k, weight = data.start.n_components, tree.points(data).weight
    least = float(np.bincount(cut_tree(tree.merged, k), weight).min() / weight.sum())
    needed = rows_needed(model_of(data.start.covariance_type), len(tree.scale))
    if k * needed > data.n_counted:
        return least * k < TAIL  # however the rows are cut, some component has too few
    return least * k < TAIL or least * data.n_counted < needed


def _same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    n_clusters = int(one.max()) + 1
    return len(np.unique(one * n_clusters + other)) == n_clusters


@dataclass(frozen=True)
class Tree:
    """Ward's tree of a few rows, which can be cut at every number of clusters.

    Parameters
    ----------
    key : tuple
        Index of the start, number of rows, whether there is one scale, and the name of the units.
    scale : ndarray of shape (D,)
        The units of the columns.
    space : Space
        The coordinates of the rows that were clustered.
    merged : ndarray of shape (n - 1, 2)
        The pairs of clusters that are merged in turn.
    heights : ndarray of shape (n - 1,)
        The cost of each merge.
    """

    key: tuple[int, int, bool, str]
    scale: np.ndarray
    space: Space
    merged: np.ndarray
    heights: np.ndarray

    def points(self, data: StartRows) -> Points:
        """The rows of the tree, gathered anew: a sample can have many trees."""
        return data.subset(self.key[1])

    def nearest(self, rows: np.ndarray, centers: np.ndarray) -> np.ndarray:
        """(n,): the centre (., D) that is nearest to each of the rows (n, D)."""
        return _nearest(self.space.of(rows), self.space.of(centers))


def _tree(data: StartRows, units: str) -> Tree:
    """The tree of this start's rows, made once for all fits that share the sample."""
    start = data.start
    per_component = TREE_ROWS_PER_COMPONENT * max(start.n_components, start.largest)
    n = min(max(TREE_ROWS, per_component), MOST_TREE_ROWS)
    if start.index:
        n = min(n, 2 * data.n_counted // 3)
    n = max(n, start.n_components)
    one_scale = model_of(start.covariance_type).form.isotropic
    key = (start.index, n, one_scale, units)

    def make() -> Tree:
        points = data.subset(n)
        space = space_of(points, start.covariance_type, units)
        kind = start.covariance_type
        scale = space.scale if isinstance(space, Scaled) else column_scale(points, kind)
        return Tree(key, scale, space, *ward_tree(space.of(points.rows), points.weight))

    tree: Tree = data.sample.made.once(key, make)
    return tree


def _from_tree(data: StartRows, tree: Tree) -> Mixture:
    """The M-step of rows given to the nearest of K centres, those of the tree's clusters."""
    k, points = data.start.n_components, tree.points(data)
    centers = _centers(points, cut_tree(tree.merged, k), k)
    rows, weight = data.first(WARD_ASSIGNED_ROWS)
    statistics = assign(rows, weight, centers, tree.scale, data.start, data.n_threads)
    return _shrunk_m_step(statistics, points, data.start, weight_of_row(weight))


def _from_cut(data: StartRows, tree: Tree) -> list[Mixture]:
    """The M-step of rows given to the clusters of a tree in any coordinates; or none.

    There are none where some cluster gets no row.
    """
    k, own = data.start.n_components, tree.points(data)
    points = data.points(WARD_ASSIGNED_ROWS)
    nearest = tree.nearest(points.rows, _centers(own, cut_tree(tree.merged, k), k))
    if len(np.unique(nearest)) < k:
        return []
    return [_from_labels(data, points, tree.scale, nearest)]


def _from_labels(data: StartRows, points: Points, scale: np.ndarray, labels: np.ndarray) -> Mixture:
    """The M-step of rows given to components by label: nearest centres know no shapes."""
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


def _centers(points: Points, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    # The sums are about one row of each cluster, so that the mean of equal rows is that row.
    first = points.rows[np.unique(labels, return_index=True)[1]]
    off = points.weight[:, None] * (points.rows - first[labels])
    held = np.bincount(labels, points.weight, n_clusters)[:, None]
    centers: np.ndarray = first + sums_of_labels(off, labels, n_clusters) / held
    return centers


def _shrunk(statistics: SufficientStatistics, pseudo: float) -> SufficientStatistics:
    """Statistics whose covariances are pulled to the pooled one, which has the weight `pseudo`.

    A cluster of few rows would otherwise start with a covariance of lower rank than D.
    """
    if statistics.covariance_model.tied:
        return statistics
    weight = statistics.component_weight
    held = weight > 0
    shape = (-1,) + (1,) * (statistics.second_moment.ndim - 1)
    step = np.where(
        held[:, None], statistics.first_moment / np.where(held, weight, 1.0)[:, None], 0.0
    )
    # About the new means, the first moments are zero, and N step step^T is taken off the second.
    rooted = np.sqrt(weight)[:, None] * step
    second = statistics.second_moment - statistics.covariance_model.products(rooted, rooted)
    pooled = second.sum(axis=0) / weight.sum()
    second += pseudo * pooled
    second *= (weight / (weight + pseudo)).reshape(shape)
    return replace(
        statistics,
        reference=statistics.reference + step,
        first_moment=np.zeros_like(step),
        second_moment=second,
    )
