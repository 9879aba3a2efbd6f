"""Agglomerative clustering of a few thousand points: Ward's tree, and merging by likelihood.

Ward's method joins what lies near in one metric.  It knows round clusters only, so that what it
finds depends on the units.  The deviations of the columns are the first choice.  Where a few rows
lie far from all others they are most of a deviation, and the tree cuts them off: ranks know no far.
Clusters that are long in the same direction look round once the rows are whitened.

Clusters of different shapes want the likelihood itself as the criterion (Murtagh and Raftery 1984;
Fraley 1998), which is dear for many clusters and without a meaning for single points: it takes over
where Ward's tree has left a few per component.
"""

from typing import Literal

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.types import model_of
from fastgmm.errors import data_range_error
from fastgmm.starts.points import Points, StartRows
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

TREE_ROWS = 1000
"""Ward's clustering takes all rows where they are at most so many: a row of weight two is then the
row twice."""
TREE_PASSES = 5
"""Of more rows a tree gets as many as so many passes of EM pay for, up to `TREE_ROWS`: Ward's
clustering of n rows takes some n^2 D operations, and a pass over N rows N K D^2."""
FEWEST_TREE_ROWS = 300
"""It gets at least this many.  Fits of 160 mixtures (2 to 10 components, 1 to 12 features, 600 to
5,000 rows) ended as high on average, and as often higher as lower, as with 1,000."""
TREE_ROWS_PER_COMPONENT = 30
"""Ward's clustering takes this many rows for each component, where that is more."""
MOST_TREE_ROWS = 4000
"""Ward's clustering takes at most this many rows whatever components want."""
KEPT_NUMBERS = 1 << 16
"""A tree keeps its rows where they are at most this many numbers, 512 kB: a sample can have many
trees."""

Units = Literal["column", "between", "white", "ranks"]
"""The coordinates of a tree: columns in units of their deviations; between these and one unit for
all; whitened; ranks."""


@dataclass(frozen=True, eq=False)
class Tree:
    """Ward's tree of a few rows, which can be cut at every number of clusters.

    Parameters
    ----------
    key : tuple
        Index of the start, number of rows, whether there is one scale, and the name of the units.
    center, scale : ndarray of shape (D,)
        The means and the units of the columns.
    turn : ndarray
        What maps rows to the coordinates of the tree beside these; see `kernels.grow`.
    n_varying : int
        The number of columns that are not constant.
    merged : ndarray of shape (n - 1, 2)
        The pairs of clusters that are merged in turn.
    heights : ndarray of shape (n - 1,)
        The cost of each merge.
    kept : Points, optional
        The rows, where they are few.
    """

    key: tuple[int, int, bool, Units]
    center: FloatArray
    scale: FloatArray
    turn: FloatArray
    n_varying: int
    merged: np.ndarray
    heights: FloatArray
    kept: Points | None

    def points(self, data: StartRows) -> Points:
        """The rows of the tree."""
        return self.kept or data.subset(self.key[1])

    def assigned(self, data: StartRows, rows: FloatArray, n_clusters: int) -> "Assigned":
        """The rows given to the nearest of the centres of so many clusters."""
        own = self.points(data)
        centers, held = np.empty((n_clusters, rows.shape[1])), np.empty(n_clusters)
        labels = np.empty(len(rows), dtype=np.int64)
        n_found = kernels.assign_to_cut(
            self.key[3],
            self.center,
            self.scale,
            self.turn,
            own.rows,
            own.weight,
            self.merged,
            centers,
            held,
            rows,
            labels,
        )
        return Assigned(labels, centers, held, n_found)

    def is_clear(self, n_clusters: int, factor: float) -> bool:
        """Whether the next merge would cost more than `factor` times the last one."""
        after = len(self.heights) - n_clusters + 1
        return bool(after > 0 and self.heights[after] > factor * self.heights[after - 1])


@dataclass(frozen=True, eq=False)
class Assigned:
    """Rows given to the clusters of a tree.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    centers, held : ndarray of shape (K, D), (K,)
        The means and the weights of the tree's own rows.
    n_found : int
        The number of clusters that have got a row.
    """

    labels: np.ndarray
    centers: FloatArray
    held: FloatArray
    n_found: int


def tree_of(data: StartRows, units: Units) -> Tree:
    """The tree of this start's rows, made once for all fits that share the sample."""
    start, n = data.start, _wanted_rows(data)
    if start.index:
        n = min(n, 2 * data.n_counted // 3)
    n = max(n, start.n_components)
    one_scale = model_of(start.covariance_type).form.isotropic
    key = (start.index, n, one_scale, units)
    tree: Tree = data.sample.made.once(key, lambda: _grown(key, data.subset(n)))
    return tree


def _wanted_rows(data: StartRows) -> int:
    """How many rows a tree is made of, where there are as many."""
    most, d = max(data.start.n_components, data.start.largest), data.sample.rows.shape[1]
    n = TREE_ROWS
    if data.n_counted > TREE_ROWS:
        in_proportion = int((TREE_PASSES * data.n_counted * most * d) ** 0.5)
        n = max(min(in_proportion, TREE_ROWS), FEWEST_TREE_ROWS)
    return min(max(n, TREE_ROWS_PER_COMPONENT * most), MOST_TREE_ROWS)


def _grown(key: tuple[int, int, bool, Units], points: Points) -> Tree:
    n, d = points.rows.shape
    _, _, one_scale, units = key
    center, scale = np.empty(d), np.empty(d)
    turn = np.empty({"white": d * d, "ranks": d * (2 * n + 1)}.get(units, 0))
    merged, heights = np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1)
    n_varying = kernels.grow(
        units, one_scale, points.rows, points.weight, center, scale, turn, merged, heights
    )
    if n_varying < 0:
        raise data_range_error(points.rows.dtype)
    kept = points if points.rows.size <= KEPT_NUMBERS else None
    return Tree(key, center, scale, turn, n_varying, merged, heights, kept)


def cut_tree(merged: np.ndarray, n_clusters: int) -> np.ndarray:
    """(n,): labels 0 .. n_clusters - 1 of the points when `n_clusters` clusters are left.

    They are in the order of the clusters' smallest points.
    """
    labels = np.empty(len(merged) + 1, dtype=np.int64)
    kernels.cut(merged, n_clusters, labels)
    return labels


def likelihood_tree(points: Points, tree: Tree, labels: np.ndarray, form: str) -> np.ndarray:
    """(M - 1, 2): the pairs of clusters that are merged in turn, named after their smallest.

    The clusters are those of the labels (n,) of points, all of 0 .. M - 1.  Each time the pair is
    merged that costs the classification likelihood least, with covariances of this form, in the
    units of a tree, shrunk to the pooled one by as many rows as span them.
    """
    merged = np.empty((int(labels.max()), 2), dtype=np.int64)
    kernels.merge_by_likelihood(
        form, points.rows, points.weight, tree.center, tree.scale, labels, merged
    )
    return merged
