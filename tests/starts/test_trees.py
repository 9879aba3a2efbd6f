"""Ward's tree and the merging by likelihood against clusterings that try every pair."""

from contextlib import suppress
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.covariance.types import MODELS
from fastgmm.errors import DataRangeError
from fastgmm.kernels.float64.starting import LEAST_SHARE
from fastgmm.starts.points import Points
from fastgmm.starts.trees import Tree, cut_tree, likelihood_tree
from support import correlated_mixture, ward_tree

FORMS = sorted({model.form.name for model in MODELS.values()})


def renamed(labels: np.ndarray) -> np.ndarray:
    """Number labels in the order in which they come first."""
    first = np.unique(labels, return_index=True)[1]
    names = {int(labels[i]): k for k, i in enumerate(np.sort(first))}
    return np.array([names[int(label)] for label in labels])


def ward_cost(points: np.ndarray, weight: np.ndarray, one: list[int], other: list[int]) -> float:
    """By how much the sum of squares within clusters grows."""

    def squares(members: list[int]) -> float:
        mean = np.average(points[members], axis=0, weights=weight[members])
        return float(weight[members] @ ((points[members] - mean) ** 2).sum(axis=1))

    return squares(one + other) - squares(one) - squares(other)


def brute_ward(points: np.ndarray, weight: np.ndarray) -> tuple[list[np.ndarray], list[float]]:
    """Return the labels of every number of clusters, n first, and the costs of the merges."""
    clusters = [[i] for i in range(len(points))]
    partitions, costs = [np.arange(len(points))], []
    while len(clusters) > 1:
        pairs = list(combinations(range(len(clusters)), 2))
        of_pairs = [ward_cost(points, weight, clusters[i], clusters[j]) for i, j in pairs]
        i, j = pairs[int(np.argmin(of_pairs))]
        costs.append(min(of_pairs))
        clusters[i] = clusters[i] + clusters.pop(j)
        labels = np.empty(len(points), dtype=int)
        for k, members in enumerate(clusters):
            labels[members] = k
        partitions.append(renamed(labels))
    return partitions, costs


def correlated(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(correlated_mixture(3, d, rng, separation=2.0).sample(n, rng)[0])


# ---------------------------------------------------------------- Ward's tree


@pytest.mark.parametrize("weights", ["none", "counts", "any"])
@pytest.mark.parametrize(("n_points", "n_features"), [(2, 1), (13, 1), (16, 2), (14, 5)])
def test_ward_tree_is_that_of_all_pairs(
    n_points: int,
    n_features: int,
    weights: str,
    rng: np.random.Generator,
) -> None:
    points = correlated(max(n_points, 3), n_features, rng)[:n_points]
    weight = {
        "none": np.ones(n_points),
        "counts": rng.integers(1, 9, n_points).astype(float),
        "any": rng.exponential(size=n_points) * 10.0 ** rng.integers(-2, 3, n_points),
    }[weights]
    merged, heights = ward_tree(points, None if weights == "none" else weight)
    partitions, costs = brute_ward(points, weight)
    np.testing.assert_allclose(heights, costs, rtol=1e-9)
    for k in range(1, n_points + 1):
        # names of the clusters go by their smallest point
        np.testing.assert_array_equal(cut_tree(merged, k), partitions[n_points - k])


@pytest.mark.parametrize("weighted", [False, True])
def test_of_ties_each_merge_is_one_of_the_cheapest(
    weighted: bool, rng: np.random.Generator
) -> None:
    """Whichever of equal pairs is taken, no other is cheaper then."""
    angles = 2 * np.pi * np.arange(12) / 12
    for points in (
        rng.integers(0, 4, (20, 2)).astype(float),
        rng.integers(0, 8, (14, 1)) / 3.0,
        np.repeat(rng.normal(size=(5, 3)), 3, axis=0),
        np.c_[np.cos(angles), np.sin(angles)],
        np.zeros((9, 2)),
    ):
        n = len(points)
        weight = rng.integers(1, 4, n).astype(float) if weighted else np.ones(n)
        merged, heights = ward_tree(points, weight)
        clusters = {i: [i] for i in range(n)}
        scale = float(weight @ ((points - points.mean(axis=0)) ** 2).sum(axis=1)) + 1e-300
        for (one, other), height in zip(merged.tolist(), heights, strict=True):
            cost = ward_cost(points, weight, clusters[one], clusters[other])
            assert height == pytest.approx(cost, rel=1e-9, abs=1e-12 * scale)
            least = min(
                ward_cost(points, weight, a, b) for a, b in combinations(clusters.values(), 2)
            )
            assert cost <= least + 1e-12 * scale
            clusters[one] = clusters[one] + clusters.pop(other)
            assert min(clusters[one]) == one
        assert len(clusters) == 1


def test_weight_is_repetition_in_wards_tree(rng: np.random.Generator) -> None:
    points = rng.normal(size=(25, 2)) @ rng.normal(size=(2, 2))
    weight = rng.integers(1, 5, 25)
    merged, heights = ward_tree(points, weight.astype(float))
    again, costs = ward_tree(np.repeat(points, weight, axis=0))
    assert np.abs(costs[: len(costs) - 24]).max() < 1e-12
    np.testing.assert_allclose(costs[-24:], heights, rtol=1e-9)
    for k in range(1, 26):
        labels = cut_tree(again, k)
        np.testing.assert_array_equal(labels, np.repeat(cut_tree(merged, k), weight))


def test_units_of_weights_and_points_do_not_matter(rng: np.random.Generator) -> None:
    """Powers of two change no digit, and a move changes rounding alone."""
    points, weight = rng.normal(size=(60, 3)), rng.exponential(size=60)
    merged, heights = ward_tree(points, weight)
    for unit, of_weight in ((2.0**40, 1.0), (2.0**-40, 1.0), (1.0, 2.0**30), (1.0, 2.0**-30)):
        again, scaled = ward_tree(unit * points, of_weight * weight)
        np.testing.assert_array_equal(again, merged)
        np.testing.assert_allclose(scaled, heights * unit**2 * of_weight, rtol=1e-12)
    np.testing.assert_allclose(ward_tree(points + 100.0, weight)[1], heights, rtol=1e-9)


def test_a_constant_column_changes_no_tree(rng: np.random.Generator) -> None:
    points = rng.normal(size=(60, 2))
    merged, heights = ward_tree(points)
    again, costs = ward_tree(np.c_[points, np.full(60, 7.0)])
    np.testing.assert_array_equal(again, merged)
    np.testing.assert_allclose(costs, heights, rtol=1e-12)


def test_cuts_are_nested(rng: np.random.Generator) -> None:
    for points in (rng.normal(size=(80, 3)), rng.integers(0, 4, (80, 2)).astype(float)):
        merged, _ = ward_tree(points)
        cuts = [cut_tree(merged, k) for k in range(1, 81)]
        np.testing.assert_array_equal(cuts[0], 0)
        np.testing.assert_array_equal(cuts[-1], np.arange(80))
        for k, (coarse, fine) in enumerate(pairwise(cuts), start=1):
            assert sorted(set(fine.tolist())) == list(range(k + 1))
            assert len(set(zip(coarse.tolist(), fine.tolist(), strict=True))) == k + 1
            np.testing.assert_array_equal(fine, renamed(fine))


# ---------------------------------------------------------------- merging by likelihood


def merged_clusters(
    points: np.ndarray, weight: np.ndarray, labels: np.ndarray, n_clusters: int, form: Any
) -> np.ndarray:
    """Labels of the points when so many clusters are left."""
    d = points.shape[1]
    nothing = np.empty((0, 2), dtype=np.int64)
    tree = Tree(
        (0, 1, False, "column"), np.zeros(d), np.ones(d), np.empty(0), d, nothing, np.empty(0), None
    )
    merged = likelihood_tree(Points(points, weight), tree, labels, form)
    return cut_tree(merged, n_clusters)[labels]


def brute_merges(
    points: np.ndarray, weight: np.ndarray, labels: np.ndarray, form: str
) -> dict[int, np.ndarray]:
    """Return the labels of every number of clusters, each likelihood made of all their points."""
    d = points.shape[1]

    def scatter(members: list[int]) -> np.ndarray:
        off = points[members] - np.average(points[members], axis=0, weights=weight[members])
        return np.asarray((weight[members, None] * off).T @ off)

    clusters = [np.flatnonzero(labels == k).tolist() for k in range(labels.max() + 1)]
    pooled = sum(scatter(one) for one in clusters) / weight.sum()
    variances = np.diagonal(scatter(list(range(len(points))))) / weight.sum()
    floor = LEAST_SHARE * variances.mean()
    pseudo = 1 + np.count_nonzero(variances > floor)  # as many rows as span what varies

    @cache
    def price(members: tuple[int, ...]) -> float:
        """Weight times (log det covariance - 2 log weight): -2 log likelihood, constants aside."""
        held = weight[list(members)].sum()
        shrunk = (scatter(list(members)) + pseudo * pooled) / (held + pseudo) + floor * np.eye(d)
        if form == "matrix":
            spread = np.linalg.slogdet(shrunk)[1]
        elif form == "diagonal":
            spread = np.log(np.diagonal(shrunk)).sum()
        else:
            spread = d * np.log(np.trace(shrunk) / d)
        return float(held * (spread - 2.0 * np.log(held)))

    partitions = {}
    while True:
        partition = np.empty(len(points), dtype=int)
        for k, members in enumerate(clusters):
            partition[members] = k
        partitions[len(clusters)] = partition
        if len(clusters) == 1:
            return partitions
        pairs = [
            (price((*one, *other)) - price((*one,)) - price((*other,)), i, j)
            for (i, one), (j, other) in combinations(enumerate(clusters), 2)
        ]
        _, i, j = min(pairs)
        clusters[i] = clusters[i] + clusters.pop(j)


def few_clusters(n: int, d: int, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return points, and the labels of m clusters of Ward's tree."""
    points = correlated(n, d, rng)
    return points, cut_tree(ward_tree(points)[0], m)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n_features", "n_clusters"), [(1, 6), (2, 10), (4, 8)])
@pytest.mark.parametrize("form", FORMS)
def test_merging_is_that_of_all_pairs(
    form: Any,
    n_features: int,
    n_clusters: int,
    weighted: bool,
    rng: np.random.Generator,
) -> None:
    points, labels = few_clusters(120, n_features, n_clusters, rng)
    weight = rng.exponential(size=120) + 0.1 if weighted else np.ones(120)
    expected = brute_merges(points, weight, labels, form)
    kept = points.copy(), weight.copy(), labels.copy()
    for k in range(1, n_clusters + 1):
        got = merged_clusters(points, weight, labels, k, form)
        np.testing.assert_array_equal(got, expected[k])
    for array, before in zip((points, weight, labels), kept, strict=True):
        np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("form", FORMS)
def test_weight_is_repetition_in_merging(form: Any, rng: np.random.Generator) -> None:
    points, labels = few_clusters(90, 2, 9, rng)
    weight = rng.integers(1, 5, 90)
    for k in range(1, 10):
        got = merged_clusters(points, weight.astype(float), labels, k, form)
        repeated = [np.repeat(a, weight, axis=0) for a in (points, labels)]
        again = merged_clusters(repeated[0], np.ones(weight.sum()), repeated[1], k, form)
        np.testing.assert_array_equal(again, np.repeat(got, weight))


@pytest.mark.parametrize("form", FORMS)
def test_points_that_coincide(form: Any, rng: np.random.Generator) -> None:
    """Nothing within the clusters: those that lie nearest are merged, and nothing is NaN."""
    places = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.0, 5.2], [-9.0, 4.0]])
    order = rng.permutation(np.repeat(np.arange(5), 8))
    got = merged_clusters(places[order], np.ones(40), order, 3, form)
    np.testing.assert_array_equal(got, np.array([0, 0, 1, 1, 2])[order])
    for k in range(1, 6):
        alike = merged_clusters(np.zeros((40, 2)), np.ones(40), order, k, form)
        assert sorted(set(alike.tolist())) == list(range(k))


@pytest.mark.parametrize("form", ["matrix", "diagonal"])
def test_a_constant_column_changes_no_merge(form: Any, rng: np.random.Generator) -> None:
    points, labels = few_clusters(120, 2, 9, rng)
    for k in range(1, 10):
        expected = merged_clusters(points, np.ones(120), labels, k, form)
        wider = np.insert(points, 1, 3.0, axis=1)
        np.testing.assert_array_equal(
            merged_clusters(wider, np.ones(120), labels, k, form), expected
        )


def test_merging_knows_shapes(rng: np.random.Generator) -> None:
    """Two crossing needles in pieces: only matrices put each together again."""
    turned = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2.0)
    along = np.c_[rng.uniform(-20.0, 20.0, 800), 0.2 * rng.normal(size=800)]
    needle = np.repeat([0, 1], 400)
    points = np.where(needle[:, None] == 0, along @ turned, along @ turned.T)
    keep = np.abs(along[:, 0]) > 2.0
    points, needle, along = points[keep], needle[keep], along[keep]
    labels = 8 * needle + np.clip((along[:, 0] + 20.0) // 5.0, 0, 7).astype(int)
    weight = np.ones(len(points))
    np.testing.assert_array_equal(merged_clusters(points, weight, labels, 2, "matrix"), needle)
    for form in ("diagonal", "scalar"):
        other = merged_clusters(points, weight, labels, 2, form)
        assert len(set(zip(other.tolist(), needle.tolist(), strict=True))) > 2


@pytest.mark.parametrize("value", [1e308, 1e200])
def test_points_beyond_all_distances(value: float) -> None:
    """A mean that overflows left no distance that was the least, and the tree no pair to merge."""
    rows = np.random.default_rng(0).normal(size=(100, 3))
    rows[:, :2] = value
    rows[::2, 0] *= -1.0
    for columns in (rows, np.abs(rows)):
        with suppress(DataRangeError):
            GaussianMixture(1, random_state=0).fit(columns)
