"""Whole fits of few rows in plain NumPy: what the tests compare `SmallFits` of every build with."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgmm.kernels.float64.starting import (
    assign_to_cut,
    cut,
    grow,
    labelled_mixture,
    merge_by_likelihood,
)
from fastgmm.kernels.reference_stretch import Stretch


class Starting(NamedTuple):
    """The constants of `starts/ward.py` and `starts/comparison.py` of these names."""

    pseudo_counts: float
    clear: float
    tail: float
    alike: float
    merged: float
    merged_more: float
    merging_passes: float
    rows_per_feature: float
    rows_needed: float
    first_stage: float
    most_passes: float
    lead: float


class Points(NamedTuple):
    """Rows, and how often each counts."""

    rows: np.ndarray
    counts: np.ndarray


class Tree:
    """Ward's tree of rows."""

    def __init__(self, units: str, one_scale: bool, points: Points) -> None:
        n, d = points.rows.shape
        self.points, self.units = points, units
        self.center, self.scale = np.empty(d), np.empty(d)
        self.turn = np.empty(d * (2 * n + 1) if units == "ranks" else 0)
        self.merged, self.heights = np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1)
        made = self.center, self.scale, self.turn, self.merged, self.heights
        self.n_varying = grow(units, one_scale, *points, *made)

    def assigned(self, n_clusters: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        """Labels, centres, what the clusters hold, and whether each has got a row."""
        n, d = self.points.rows.shape
        centers, held = np.empty((n_clusters, d)), np.empty(n_clusters)
        labels = np.empty(n, dtype=np.int64)
        own = self.center, self.scale, self.turn, *self.points, self.merged
        found = assign_to_cut(self.units, *own, centers, held, self.points.rows, labels)
        return labels, centers, held, found == n_clusters


class SmallFits:
    """Fits of data sets by the same rules; the compiled class says what the arguments are."""

    def __init__(
        self,
        kind: tuple[str, str, bool],
        n_components: int,
        n_features: int,
        most_rows: int,
        ridge: np.ndarray,
        limits: np.ndarray,
        rules: np.ndarray,
        pace: np.ndarray,
        grid: float,
        at_once: int,
        starting: np.ndarray,
        max_iter: int,
    ) -> None:
        self._kind, self._sizes, self._ridge = kind, (n_components, n_features), ridge
        self._limits, self._rules, self._pace, self._grid = limits, rules, pace, grid
        self._starting, self._max_iter = Starting(*starting.tolist()), max_iter

    def fit(
        self,
        data_sets: Sequence[np.ndarray],
        weights_of_rows: Sequence[np.ndarray | None],
        weighed: np.ndarray,
        mixtures: tuple[np.ndarray, ...],
        ends: np.ndarray,
        moments: tuple[np.ndarray, np.ndarray],
        bounds: np.ndarray,
    ) -> None:
        """Fit each data set, or leave it undone."""
        for i, (rows, weight) in enumerate(zip(data_sets, weights_of_rows, strict=True)):
            out = tuple(one[i, ...] for one in mixtures)
            ends[i, 0] = self._fit((rows, weight), weighed[i], out, ends[i, 1:], bounds[i])
            moments[0][i] = mean = np.average(rows, axis=0, weights=weight)
            variances = np.average((rows - mean) ** 2, axis=0, weights=weight)
            moments[1][i] = variances if moments[1].shape[1] > 1 else variances.mean()

    def _fit(
        self,
        data: tuple[np.ndarray, np.ndarray | None],
        weighed: np.ndarray,
        out: tuple[np.ndarray, ...],
        end: np.ndarray,
        bounds: np.ndarray,
    ) -> bool:
        limits, (rows, weight) = self._limits.copy(), data
        limits[0], limits[1], limits[3], unit, in_rows = weighed
        given = *data, self._ridge, limits, self._rules, self._pace, self._grid, 1
        stretch = Stretch(self._kind, self._sizes[0], *given)
        points = Points(rows, np.ones(len(rows)) if weight is None else weight / unit)
        candidates = self._candidates(points, limits)
        begun = None if candidates is None else self._best(stretch, candidates, in_rows)
        if begun is None:
            return False
        stretch.hold(np.zeros(self._sizes[0]))
        stretch.begin(begun, None, None, [])
        found, event = stretch.run(self._max_iter)
        if event:
            return False
        stretch.mixture(False, out)
        bounds[: len(found)] = found
        end[:] = (
            len(found),
            stretch.n_passes,
            stretch.converged,
            found[-1],
            stretch.gap,
            stretch.noise,
        )
        return True

    # ------------------------------------------------------------------ candidates

    def _candidates(self, points: Points, limits: np.ndarray) -> list[Any] | None:
        """Those of Ward's trees, the plainest last; None where something must be decided."""
        k, starting, n = self._sizes[0], self._starting, len(points.rows)
        tree = Tree("column", self._kind[1] == "scalar", points)
        labels, centers, held, all_found = tree.assigned(k)
        plain = self._mixture(points, limits, labels, centers, tree.n_varying)
        tail, after = k > 1 and self._cuts_a_tail(held, n), n - k
        heights = tree.heights
        clear = 0 < after < n - 1 and heights[after] > starting.clear * heights[after - 1]
        if k == 1 or (clear and not tail):
            return None if plain is None else [plain]
        found = self._merged(points, limits, tree)
        if tree.scale.max() > starting.alike * tree.scale.min():
            other = Tree("between", self._kind[1] == "scalar", points)
            own, centers, _, own_found = other.assigned(k)
            pairs = np.unique(labels * k + own)
            if len(pairs) > k or not (own_found and all_found):
                found.append(self._mixture(points, limits, own, centers, other.n_varying))
        if tail:
            ranks = Tree("ranks", self._kind[1] == "scalar", points)
            own, centers, _, own_found = ranks.assigned(k)
            found += self._merged(points, limits, ranks)
            if own_found:
                found.append(self._mixture(points, limits, own, centers, ranks.n_varying))
        found.append(plain)
        return None if any(one is None for one in found) else found

    def _mixture(
        self,
        points: Points,
        limits: np.ndarray,
        labels: np.ndarray,
        centers: np.ndarray,
        n_varying: int,
    ) -> Any:
        """The mixture of labels; None where it is of no use."""
        (_, form, tied), (k, d) = self._kind, self._sizes
        shape = {"matrix": (d, d), "diagonal": (d,), "scalar": ()}[form]
        shape = shape if tied else (k, *shape)
        held, weights, means = np.empty(k), np.empty(k), centers.copy()
        second, covariances, factors, inverses = (np.empty(shape) for _ in range(4))
        pseudo, tolerance, largest = self._starting.pseudo_counts + n_varying, limits[5], limits[7]
        given = *points, labels, pseudo, self._ridge, tolerance, largest
        made = weights, means, second, covariances, factors, inverses
        good = labelled_mixture(form, tied, *given, held, *made)
        return (weights, means, covariances, factors, inverses) if good else None

    def _merged(self, points: Points, limits: np.ndarray, tree: Tree) -> list[Any]:
        """The candidate of many clusters of a tree, merged by likelihood; or none."""
        (_, form, _), (k, d), starting = self._kind, self._sizes, self._starting
        n = len(points.rows)
        few = int(min(starting.merged * k, k + starting.merged_more, n // 4))
        if form == "matrix":
            few = min(few, int(math.sqrt(3.0 * starting.merging_passes * n * k / d)))
        if few < 2 or (form == "matrix" and n < few + starting.rows_per_feature * d):
            return []
        labels = np.unique(tree.assigned(few)[0], return_inverse=True)[1].astype(np.int64)
        if (n_found := int(labels.max()) + 1) <= max(k, 1):
            return []
        merged, names = np.empty((n_found - 1, 2), dtype=np.int64), np.empty(n_found, np.int64)
        given = *points, tree.center, tree.scale, labels
        merge_by_likelihood(form, *given, merged)
        cut(merged, k, names)
        return [self._mixture(points, limits, names[labels], np.zeros((k, d)), tree.n_varying)]

    def _cuts_a_tail(self, held: np.ndarray, n: int) -> bool:
        """Whether a cluster is more likely the end of a tail."""
        k, starting, least = len(held), self._starting, float(held.min() / held.sum())
        if k * starting.rows_needed > n:
            return least * k < starting.tail
        return least * k < starting.tail or least * n < starting.rows_needed

    # ------------------------------------------------------------------ comparison

    def _best(self, stretch: Stretch, candidates: list[Any], in_rows: float) -> Any:
        """What a run begins with; None where something must be decided."""
        starting, m = self._starting, len(candidates)
        if m == 1:
            return candidates[0]
        reached = [tuple(np.array(one) for one in made) for made in candidates]
        promise, pace, weak = np.full(m, np.nan), np.full(m, np.inf), np.zeros(m, dtype=bool)
        stage, passed, racing = 0, np.zeros(m), list(range(m))
        most = int(starting.most_passes)

        def rank(i: int) -> tuple[bool, float, int]:
            return bool(weak[i]), -float(promise[i]), i

        while len(racing) > 1 and stage < most:
            stage = min(2 * stage or int(starting.first_stage), most)
            for i in racing:
                standing = np.array([[stage - passed[i], np.nan, np.nan]])
                needed = starting.rows_needed
                stretch.compare([reached[i]], [reached[i]], standing, needed, in_rows, 0.0)
                if standing[0, 0] > 0 or np.isnan(standing[0]).any():
                    return None
                if passed[i]:
                    pace[i] = (standing[0, 1] - promise[i]) / (stage - passed[i])
                promise[i], weak[i], passed[i] = standing[0, 1], standing[0, 2] > 0, stage
            leader = min(racing, key=rank)
            if stage > starting.first_stage:
                ahead = promise + pace * (most - stage)
                wins = ahead > promise[leader] + starting.lead
                racing = [i for i in racing if i == leader or wins[i]]
        best = min(range(m), key=rank)
        return candidates[best] if weak[best] else reached[best]
