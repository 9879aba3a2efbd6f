"""The reference of the search, where the answer is known in closed form."""

import numpy as np
import pytest

from fastgmm.kernels import reference_search as reference

PACE = np.array([0.3, 0.5, 2.0, 3.0, 1e-4, 0.1, 0.3, 1e-8, 3.0, 1e-4])


def line():
    """Return one component of weight 1, mean 2 and variance 9 on a line, and its frame."""
    mixture = np.ones(1), np.full((1, 1), 2.0), np.full(1, 9.0), np.full(1, 3.0), np.full(1, 1 / 3)
    return reference.RelativeFrame("scalar", False, 1, 1, np.zeros(1), PACE), mixture


def test_coordinates_of_a_component_on_a_line():
    frame, base = line()
    other = np.ones(1), np.full((1, 1), 5.0), np.full(1, 36.0), np.full(1, 6.0), np.full(1, 1 / 6)
    out = np.empty(3)
    frame.coordinates(base, other, 0.0, out)
    np.testing.assert_allclose(out, [0.0, 1.0, np.sqrt(2.0) * np.log(2.0)], rtol=1e-15)
    there = tuple(np.empty_like(array) for array in base)
    assert frame.mixture_at(base, out, there)
    for one, wanted in zip(there, other, strict=True):
        np.testing.assert_allclose(one, wanted, rtol=1e-14)


def test_the_gradient_is_zero_at_the_maximum():
    frame, base = line()
    n = np.full(1, 10.0)
    out = np.empty(3)
    frame.gradient(base, (base[1], n, np.zeros((1, 1)), 9.0 * n, n, n, 0.0), out)
    np.testing.assert_allclose(out, 0.0, atol=1e-15)
    frame.gradient(base, (base[1], n, 3.0 * n[:, None], 18.0 * n, n, n, 0.0), out)
    np.testing.assert_allclose(out, [0.0, 1.0, 1.0 / np.sqrt(2.0)], rtol=1e-14)


def test_the_direction_of_a_quadratic_function_is_newtons():
    """With as many pairs as there are numbers, conjugate to each other."""
    curvatures = np.array([1.0, 4.0, 9.0])
    steps = list(np.eye(3))
    found = reference.direction(np.ones(3), steps, [curvatures * step for step in steps])
    np.testing.assert_allclose(found, 1.0 / curvatures, rtol=1e-14)


def test_a_geometric_series_is_foretold():
    rules = np.zeros(20)
    rules[4:9] = 1e-6, 0.0, 1e-14, 0.1, 2.0
    trace = -3.0 - 0.5 ** np.arange(12.0)
    gap, noise, passes, slow = reference.foretold(rules, trace)
    assert gap == pytest.approx(0.5**10)  # the larger of the last two predictions
    assert noise == 0.0
    assert passes == pytest.approx(np.log2(0.5**10 / 1e-6))
    assert not slow


def test_no_correlation_is_no_inflation():
    variances = np.diag([1.0, 4.0, 9.0])
    assert reference.largest_inflation(1, 3, variances, np.diag([1.0, 0.5, 1 / 3])) == 3.0
