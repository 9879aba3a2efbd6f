"""Agglomerative clustering of a few thousand points: Ward's tree, and merging by likelihood.

Ward's method joins what lies near in one metric.  Clusters of different shapes want the likelihood
itself as the criterion (Murtagh and Raftery 1984; Fraley 1998), which is dear for many clusters and
without a meaning for single points: it takes over where Ward's tree has left a few per component.
"""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.forms import Form
from fastgmm.covariance.scatters import sums_of_labels
from fastgmm.typing import FloatArray

LEAST = 1e-9
"""Clusters that are merged get at least this share of the points' mean variance on top of
theirs."""
PAIR_NUMBERS = 1 << 16
"""The scatters of the pairs that are looked at in one go hold this many numbers: 512 kB."""


def ward_tree(
    points: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(n - 1, 2): the pairs of clusters that Ward's method merges in turn; (n - 1,): their costs.

    Each of the points (n, D) counts with its weight (n,), or once.  A cluster is named after its
    smallest point.
    """
    n = len(points)
    weight = np.ones(n) if weight is None else weight
    merged, heights = np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1)
    kernels.ward(np.ascontiguousarray(points), weight, merged, heights)
    order = np.argsort(heights, kind="stable")
    return merged[order], heights[order]


def cut_tree(merged: np.ndarray, n_clusters: int) -> np.ndarray:
    """(n,): labels 0 .. n_clusters - 1 of the points when `n_clusters` clusters are left."""
    n = len(merged) + 1
    owner = np.arange(n)
    # Each cluster is merged once, into one of a smaller name.
    owner[merged[: n - n_clusters, 1]] = merged[: n - n_clusters, 0]
    while not np.array_equal(farther := owner[owner], owner):
        owner = farther
    labels: np.ndarray = np.unique(owner, return_inverse=True)[1]
    return labels


def likelihood_tree(
    points: np.ndarray, weight: np.ndarray, labels: np.ndarray, form: Form
) -> np.ndarray:
    """(M - 1, 2): the pairs of clusters that are merged in turn, named as by `ward_tree`.

    The clusters are those of the labels (n,) of points (n, D).  Each time the pair is merged that
    costs the classification likelihood least, with covariances of this form, shrunk to the pooled
    one by as many rows as span them.
    """
    clusters = _Clusters(points, weight, labels, form)
    m = len(clusters.weight)
    costs = np.full((m, m), np.inf)
    ones, others = np.triu_indices(m, 1)
    step = max(PAIR_NUMBERS // clusters.size, 1)
    for begin in range(0, len(ones), step):
        pairs = ones[begin : begin + step], others[begin : begin + step]
        costs[pairs] = clusters.costs(*pairs)
    merged, alive = np.empty((m - 1, 2), dtype=np.int64), np.ones(m, dtype=bool)
    for pair in merged:
        one, other = pair[:] = divmod(int(costs.argmin()), m)
        clusters.merge(one, other)
        alive[[one, other]] = False
        costs[other], costs[:, other] = np.inf, np.inf
        rest = np.flatnonzero(alive)
        alive[one] = True
        costs[np.minimum(one, rest), np.maximum(one, rest)] = clusters.costs(one, rest)
    return merged


class _Clusters:
    """Weights (M,), means (M, D) and scatters (M, D, D) or (M, D) of clusters that merge."""

    def __init__(
        self, points: np.ndarray, weight: np.ndarray, labels: np.ndarray, form: Form
    ) -> None:
        self._form = form.scatters
        m = int(labels.max()) + 1
        self.weight: FloatArray = np.bincount(labels, weight, m).astype(np.float64)
        weighted = weight[:, None] * points
        self._mean = sums_of_labels(weighted, labels, m) / self.weight[:, None]
        off = points - self._mean[labels]
        roots = np.sqrt(weight)[:, None] * off
        self._scatter = self._form.of_labels(roots, labels, m)
        pooled = self._scatter.sum(axis=0) / self.weight.sum()
        # Points that coincide leave no variance within clusters: that between them is the scale.
        middle = np.average(self._mean, axis=0, weights=self.weight)
        between = np.average((self._mean - middle) ** 2, axis=0, weights=self.weight)
        spread = between + self._form.variances(pooled)
        floor = max(LEAST * float(spread.mean()), float(np.finfo(np.float64).tiny))
        self._pooled, self._floor = pooled, floor
        self._pseudo = 1.0 + np.count_nonzero(spread > floor)
        self._own = self._price(self.weight, self._scatter)

    def _price(self, weight: FloatArray, scatter: FloatArray) -> FloatArray:
        """(M,): -2 log of the classification likelihood of each cluster, but for a constant."""
        divisor = (weight + self._pseudo).reshape(-1, *(1,) * self._pooled.ndim)
        shrunk = (scatter + self._pseudo * self._pooled) / divisor
        spread = self._form.log_determinants(shrunk, self._floor)
        price: FloatArray = weight * (spread - 2.0 * np.log(weight))
        return price

    @property
    def size(self) -> int:
        """The number of numbers in one scatter."""
        return int(self._pooled.size)

    def costs(self, one: "int | np.ndarray", other: np.ndarray) -> FloatArray:
        """What it would cost to merge one cluster with each of others, or pairs of clusters."""
        weight, scatter = self._merged(one, other)
        change: FloatArray = self._price(weight, scatter) - self._own[one] - self._own[other]
        return change

    def _merged(self, one: "int | np.ndarray", other: np.ndarray) -> tuple[FloatArray, FloatArray]:
        weight: FloatArray = self.weight[one] + self.weight[other]
        off = self._mean[other] - self._mean[one]
        off *= np.sqrt(self.weight[one] * self.weight[other] / weight)[:, None]
        return weight, self._scatter[one] + self._scatter[other] + self._form.between(off)

    def merge(self, one: int, other: int) -> None:
        """Merge two clusters: the first becomes both."""
        weight, scatter = self._merged(one, np.array([other]))
        share = self.weight[other] / weight[0]
        self._mean[one] += share * (self._mean[other] - self._mean[one])
        self.weight[one], self._scatter[one] = weight[0], scatter[0]
        self._own[one] = self._price(weight, scatter)[0]
