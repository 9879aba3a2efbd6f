"""Candidates from trees of agglomerative clustering: cut at K, or merged on by likelihood."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from math import sqrt

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import effort, rows_needed
from fastgmm.starts.labels import of_labels
from fastgmm.starts.points import Points, StartRows
from fastgmm.starts.trees import Assigned, Tree, Units, cut_tree, likelihood_tree, tree_of

WARD_ASSIGNED_ROWS = 5000
"""The first M-step after Ward's clustering takes this many rows."""
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
MERGED_ROWS = 10_000
"""The scatters that are merged by likelihood are made of at least this many rows."""
MERGED_ROWS_PER_FEATURE = 300
"""The scatters that are merged by likelihood are made of this many rows for each feature, where
that is more."""
ROWS_PER_FEATURE = 2
"""Clusters with covariance matrices are merged by likelihood where there are this many rows more
for each feature than there are clusters: what they have in common, to which each is shrunk, is
singular below one, and D^3 operations for each pair would compare rounding."""
MERGING_PASSES = 5
"""Merging matrices by likelihood costs at most as much as this many passes of EM over its rows:
M clusters take M^2 determinants of D^3 / 3 multiply-adds."""

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
    tree, k = tree_of(data, "column"), data.start.n_components
    points = data.points(WARD_ASSIGNED_ROWS)
    given = tree.assigned(data, points.rows, k)
    makers: list[Maker] = []
    plain: list[Mixture] = []
    tail = k > 1 and _cuts_a_tail(data, given)
    if k > 1 and (tail or not tree.is_clear(k, CLEAR)):
        found: list[Mixture] = []
        with suppress(IllDefinedCovarianceError):
            found = _merged(data, tree)
        if data.start.n_init == 1:
            plain = [] if found else [_from(data, points, given, tree)]
            if effort(data)[1] == 0:
                return found or plain
        makers = [lambda: found, lambda: _in_other_units(data, tree, given)]
    if tail:
        makers.append(lambda: candidates_in(data, "ranks"))
    return sound([*makers, lambda: plain or [_from(data, points, given, tree)]])


def candidates_in(data: StartRows, units: Units) -> list[Mixture]:
    """The tree in these units, cut at K, and cut at some times K and merged by likelihood."""
    tree = tree_of(data, units)
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


def _from(data: StartRows, points: Points, given: Assigned, tree: Tree) -> Mixture:
    """The M-step of points that were given to the clusters of a tree."""
    centers = given.centers
    if data.span is not None:
        centers, points = data.span.coordinates(centers), data.within.points(len(points.rows))
    return of_labels(data.within, points, given.labels, centers, tree.n_varying)


def _from_cut(data: StartRows, tree: Tree) -> list[Mixture]:
    """The candidate of a tree cut at K; none where some cluster gets no row."""
    points = data.points(WARD_ASSIGNED_ROWS)
    given = tree.assigned(data, points.rows, data.start.n_components)
    return [] if given.n_found < len(given.held) else [_from(data, points, given, tree)]


def _merged(data: StartRows, tree: Tree) -> list[Mixture]:
    """The candidate of many clusters of a tree, merged by likelihood until K are left; or none."""
    k = data.start.n_components
    name = model_of(data.start.covariance_type).form.name
    found = data.sample.made.once(("merged", *tree.key, name), lambda: _likelihood_tree(data, tree))
    if found is None or len(found[1]) < k:
        return []
    nearest, merged = found
    points = _shared_points(data)
    labels = cut_tree(merged, k)[nearest]
    return [of_labels(data, points, labels, np.empty((k, len(tree.scale))), tree.n_varying)]


def _shared_points(data: StartRows) -> Points:
    """The points whose scatters are merged: the same for all starts."""
    return data.points(max(MERGED_ROWS, MERGED_ROWS_PER_FEATURE * data.sample.rows.shape[1]))


def _likelihood_tree(data: StartRows, tree: Tree) -> tuple[np.ndarray, np.ndarray] | None:
    """The cluster of each shared point, and the merges of these, for all fits of the sample.

    The scatters of the tree's own rows alone are too uncertain to compare: more rows are given to
    the nearest of its clusters.
    """
    form, points = model_of(data.start.covariance_type).form, _shared_points(data)
    few = _few(data, tree, len(points.rows))
    matrices, d = form.ndim == 2, len(tree.scale)
    if few < 2 or (matrices and len(points.rows) < few + ROWS_PER_FEATURE * d):
        return None
    given = tree.assigned(data, points.rows, few)
    labels = given.labels
    if given.n_found < few:
        labels = np.unique(labels, return_inverse=True)[1]
    if given.n_found < 2:
        return None
    return labels, likelihood_tree(points, tree, labels, form.name)


def _few(data: StartRows, tree: Tree, n_points: int) -> int:
    """With how many clusters the merging by likelihood begins."""
    d, most = len(tree.scale), max(data.start.n_components, data.start.largest)
    matrices = model_of(data.start.covariance_type).form.ndim == 2
    factor, more = merged_clusters(matrices, d)
    few = min(factor * most, most + more, (len(tree.merged) + 1) // 4)
    if matrices:
        few = min(few, int(sqrt(3.0 * MERGING_PASSES * n_points * most / d)))
    return few


def merged_clusters(matrices: bool, n_features: int) -> tuple[int, int]:
    """How many times K, and how many more than K clusters the merging begins with at most."""
    if matrices and n_features > FEW_FEATURES:
        return MERGED_MATRICES, MERGED_MATRICES_MORE
    return MERGED, MERGED_MORE


def _in_other_units(data: StartRows, tree: Tree, plain: Assigned) -> list[Mixture]:
    """The candidate in units between the columns' deviations and one for all; or none.

    The variances of principal components, for example, mean something.
    """
    if tree.scale.max() <= ALIKE * tree.scale.min():
        return []
    other, points, k = tree_of(data, "between"), data.points(WARD_ASSIGNED_ROWS), len(plain.held)
    given = other.assigned(data, points.rows, k)
    pairs = np.bincount(plain.labels * k + given.labels)
    if np.count_nonzero(pairs) <= k and given.n_found == plain.n_found == k:
        return []
    return [_from(data, points, given, other)]


def _cuts_a_tail(data: StartRows, plain: Assigned) -> bool:
    """Whether a cluster is more likely the end of a tail.

    It has a tenth of the mean share of the rows at most, or fewer rows than a component needs.
    """
    k, d = plain.centers.shape
    # One after the other, as the kernel of small fits adds them: `sum` does so up to Python 3.11.
    least = float(plain.held.min() / np.add.accumulate(plain.held)[-1])
    needed = rows_needed(model_of(data.start.covariance_type), d)
    if k * needed > data.n_counted:
        return bool(least * k < TAIL)  # however the rows are cut, some component has too few
    return bool(least * k < TAIL or least * data.n_counted < needed)
