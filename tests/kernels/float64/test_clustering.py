"""Ward's trees of every build against the plain search for the cheapest pair of clusters."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference


def test_ward(build):
    for seed, (n, d) in enumerate([(2, 1), (3, 2), (30, 2), (40, 5)]):
        rng = np.random.default_rng(seed)
        points, weight = rng.normal(size=(n, d)), rng.integers(1, 5, size=n).astype(np.float64)
        found, wanted = (
            (np.empty((n - 1, 2), np.int64), np.empty(n - 1)),
            (np.empty((n - 1, 2), np.int64), np.empty(n - 1)),
        )
        build.modules[np.dtype("float64")].ward(points, weight, *found)
        reference.ward(points, weight, *wanted)
        order = np.argsort(found[1], kind="stable")
        np.testing.assert_allclose(found[1][order], wanted[1], rtol=1e-12)
        assert np.array_equal(found[0][order], wanted[0])


def test_ward_ends_on_equal_points(build):
    merged, heights = np.empty((49, 2), np.int64), np.empty(49)
    build.modules[np.dtype("float64")].ward(
        np.repeat([[1.0], [2.0]], 25, axis=0), np.ones(50), merged, heights
    )
    assert np.count_nonzero(heights) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [1e-130, 1.0, 1e130])
def test_what_is_looked_at_roughly_is_decided_exactly(build, seed, scale):
    """Far clusters of near points, which float32 takes for one each, and a point far from all."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 9))
    points = np.repeat(rng.normal(size=(5, d)), 40, axis=0) + 1e-9 * rng.normal(size=(200, d))
    points[-1] += 1e6
    points = points[rng.permutation(200)] * scale
    weight = 10.0 ** rng.integers(-6, 6, size=200) if seed % 2 else np.ones(200)
    found = np.empty((199, 2), np.int64), np.empty(199)
    wanted = np.empty((199, 2), np.int64), np.empty(199)
    build.modules[np.dtype("float64")].ward(points, weight, *found)
    reference.ward(points, weight, *wanted)
    np.testing.assert_allclose(np.sort(found[1]), np.sort(wanted[1]), rtol=1e-5)
    assert np.array_equal(found[0][-4:], wanted[0][-4:])


@pytest.mark.parametrize("scale", [1e-310, 5e-324, 1e-200])
def test_subnormal_points_have_a_tree(build, scale):
    """Their extent has no unit as a number, and nothing was the nearest: memory was overrun."""
    points = np.random.default_rng(0).integers(-9, 9, size=(40, 3)) * scale
    merged, heights = np.empty((39, 2), np.int64), np.empty(39)
    build.modules[np.dtype("float64")].ward(points, np.ones(40), merged, heights)
    assert sorted(merged[:, 1].tolist()) == list(range(1, 40))
    assert (heights >= 0.0).all()


@pytest.mark.parametrize("worst", [np.nan, np.inf, 1e155])
def test_points_without_distances_are_refused(build, worst):
    points = np.repeat([[worst], [-worst], [worst], [-worst], [0.0]], 2, axis=1)
    merged, heights = np.empty((4, 2), np.int64), np.empty(4)
    with pytest.raises(ValueError, match="squares of their distances are not finite"):
        build.modules[np.dtype("float64")].ward(points, np.ones(5), merged, heights)
