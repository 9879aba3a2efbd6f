"""The reference itself, where the answer is known in closed form."""

import numpy as np

from fastgmm.kernels.float64 import reference


def test_factors_of_a_known_matrix():
    factors, inverses = np.empty((1, 2, 2)), np.empty((1, 2, 2))
    known = np.array([[[4.0, 2.0], [2.0, 5.0]]])
    assert reference.factorize("matrix", 1, 2, known, factors, inverses, 0.0) == -1
    assert factors[0].tolist() == [[2.0, 0.0], [1.0, 2.0]]
    np.testing.assert_allclose(inverses[0], [[0.5, 0.0], [-0.25, 0.5]], rtol=1e-15)


def test_pivots_under_the_tolerance_count_as_zero():
    nearly = np.array([[1.0, 1.0 - 1e-9], [1.0 - 1e-9, 1.0]])
    covariances, out = np.array([np.eye(2), nearly]), np.empty((2, 2, 2, 2))
    assert reference.factorize("matrix", 2, 2, covariances, *out, 1e-12) == -1
    assert reference.factorize("matrix", 2, 2, covariances, *out, 1e-6) == 1


def test_a_tree_of_four_points():
    merged, heights = np.empty((3, 2), np.int64), np.empty(3)
    points = np.array([[0.0], [1.0], [10.0], [14.0]])
    reference.ward(points, np.array([1.0, 1.0, 1.0, 3.0]), merged, heights)
    assert merged.tolist() == [[0, 1], [2, 3], [0, 2]]
    # a b / (a + b) times the squared distance of the centres: 1/2, 3/4 * 16, 8/6 * 12.5^2
    np.testing.assert_allclose(heights, [0.5, 12.0, 8.0 / 6.0 * 12.5**2], rtol=1e-14)
