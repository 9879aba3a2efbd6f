"""Ward's clustering against SciPy's."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage  # scikit-learn brings it

from fastgmm.starts.trees import cut_tree
from support import ward_tree


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


@pytest.mark.parametrize(("n_points", "n_features"), [(2, 1), (3, 2), (50, 1), (200, 3), (333, 17)])
def test_ward_tree_against_scipy(n_points: int, n_features: int, rng: np.random.Generator) -> None:
    points = rng.normal(size=(n_points, n_features)) @ rng.normal(size=(n_features, n_features))
    kept = points.copy()
    merged, heights = ward_tree(points)
    np.testing.assert_array_equal(points, kept)
    tree = linkage(points, method="ward")
    # SciPy's height is the distance of two points of the same cost: sqrt(2 cost).
    np.testing.assert_allclose(np.sqrt(2.0 * heights), tree[:, 2], rtol=1e-9)
    total = ((points - points.mean(axis=0)) ** 2).sum()
    assert heights.sum() == pytest.approx(total, rel=1e-12)
    for n_clusters in {1, 2, 3, 7, n_points // 2, n_points - 1, n_points}:
        if not 1 <= n_clusters <= n_points:
            continue
        labels = cut_tree(merged, n_clusters)
        assert set(labels.tolist()) == set(range(n_clusters))
        assert same_partition(labels, fcluster(tree, n_clusters, "maxclust"))


@pytest.mark.parametrize("seed", range(12))
def test_ward_tree_of_ties_is_a_tree(seed: int) -> None:
    """Lattices, duplicates and circles: equal costs everywhere, and rounding decides."""
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * rng.integers(0, 24, 100) / 24
    for points in (
        rng.integers(0, 5, (100, 2)) * 0.1,
        rng.integers(0, 12, (120, 1)) / 3.0 + 0.1,
        np.repeat(rng.normal(size=(30, 3)), 4, axis=0),
        np.c_[np.cos(angles), np.sin(angles)],
        np.zeros((40, 2)),
    ):
        merged, heights = ward_tree(points)
        assert (np.diff(heights) >= 0).all()
        assert (merged[:, 0] < merged[:, 1]).all()
        owner = np.arange(len(points))
        for one, other in merged:
            assert owner[one] != owner[other]
            owner[owner == owner[other]] = owner[one]
        assert len(set(owner.tolist())) == 1
        total = ((points - points.mean(axis=0)) ** 2).sum()
        assert heights.sum() == pytest.approx(total, rel=1e-10, abs=1e-12)


def test_ward_tree_of_one_point() -> None:
    merged, _heights = ward_tree(np.zeros((1, 2)))
    assert merged.shape == (0, 2)
    np.testing.assert_array_equal(cut_tree(merged, 1), [0])
