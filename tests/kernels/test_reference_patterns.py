"""The reference of rows with gaps, where the answer is known in closed form."""

import numpy as np
import pytest

from fastgmm.kernels.reference_patterns import PatternRows, deal_rows, number_patterns

COVARIANCE = np.array([[[1.0, 0.5], [0.5, 4.0]]])
"""Of two columns: the second follows the first with the slope 1/2, and 3.75 is left of it."""
LOG_CONSTANT = -0.5 * np.log(2.0 * np.pi)


def mixture():
    factors = np.linalg.cholesky(COVARIANCE)
    means = np.array([[2.0, 5.0]])
    return np.zeros(1), means, COVARIANCE, factors, np.linalg.inv(factors), means


def table():
    """One row of which the first column was observed, and one without any."""
    columns, observed = np.array([[0, 1], [0, 1]], np.int32), np.array([1, 0])
    pieces, rows = np.array([[0, 0, 1], [1, 1, 2]]), np.array([0, 1, 2])
    return pieces, columns, observed, rows, np.array([0, 1, 1]), 0, 2, 0, 1


def test_scores():
    rows, values = PatternRows("full", False, 1, 2), np.array([4.0])
    density, filled = np.empty(2), np.zeros((2, 2))
    rows.score(mixture(), table(), values, "log_density", density)
    np.testing.assert_allclose(density, [-2.0 + LOG_CONSTANT, 0.0], atol=1e-15)
    rows.score(mixture(), table(), values, "expected", filled)
    assert filled.tolist() == [[0.0, 6.0], [2.0, 5.0]]


def test_sums():
    sums = np.zeros(1), np.zeros((1, 2)), np.zeros((1, 2, 2))
    rows, weight = PatternRows("full", False, 1, 2), np.array([3.0, 1.0])
    total = rows.expectation(
        mixture(), table(), np.array([4.0]), weight, None, np.zeros(1), *sums
    )  # fmt: skip
    assert total == pytest.approx(3.0 * (-2.0 + LOG_CONSTANT))
    assert sums[0].tolist() == [4.0]
    assert sums[1].tolist() == [[6.0, 3.0]]
    # Of the row with one value 2 and 1 are the deviations; of the other all is covariance.
    expected = 3.0 * np.array([[4.0, 2.0], [2.0, 1.0 + 3.75]]) + COVARIANCE[0]
    np.testing.assert_allclose(sums[2][0], expected)


def test_grouping():
    rows = np.array([[np.nan, 1.0], [2.0, 3.0], [np.nan, 4.0]])
    words, numbers = np.empty((3, 1), np.uint64), np.empty(3, np.int32)
    first, order, values = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(4)
    assert number_patterns(rows, words, numbers, first) == 2
    assert words[:, 0].tolist() == [1, 0, 1]
    assert numbers.tolist() == [0, 1, 0]
    assert first[:2].tolist() == [0, 1]
    columns, observed = np.array([[0, 1], [1, 0]], np.int32), np.array([2, 1])
    begins, value_begins = np.array([0, 1, 3]), np.array([0, 2, 4])
    ranks = np.array([1, 0])
    deal_rows(rows, numbers, ranks, columns, observed, begins, value_begins, order, values)
    assert order.tolist() == [1, 0, 2]
    assert values.tolist() == [2.0, 3.0, 1.0, 4.0]
