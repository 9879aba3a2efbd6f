"""The reference itself, where the answer is known in closed form."""

import math

import numpy as np
import pytest

from fastgmm.kernels import reference
from kernel_cases import COVARIANCE_TYPES, empty_sums, make_mixture, make_rows, scores_of


@pytest.fixture
def standard_normal():
    """Two standard normal distributions in the plane, at (-1, 0) and (1, 0), the first thrice."""
    means = np.array([[-1.0, 0.0], [1.0, 0.0]])
    return "spherical", np.log([0.75, 0.25]), means, np.ones(2), np.zeros(2)


def test_scores_of_two_normal_distributions(standard_normal):
    packed = reference.PackedMixture(*standard_normal)
    found = scores_of(packed, np.array([[0.0, 0.0], [5.0, 0.0]]))
    middle = -0.5 - math.log(2 * math.pi)
    np.testing.assert_allclose(found["component_log_density"][0], middle, rtol=1e-15)
    np.testing.assert_allclose(found["log_density"][0], middle, rtol=1e-15)
    np.testing.assert_allclose(found["responsibilities"][0], [0.75, 0.25], rtol=1e-15)
    assert found["labels"].tolist() == [0, 1]


def test_sums_of_two_rows(standard_normal):
    packed = reference.PackedMixture(*standard_normal)
    sums = empty_sums(standard_normal)
    rows, given = np.array([[0.0, 2.0], [3.0, 0.0]]), np.array([[1.0, 0.0], [0.25, 0.5]])
    assert packed.expectation(rows, np.array([2.0, 4.0]), given, np.zeros(2), *sums) == 0.0
    assert sums[0].tolist() == [3.0, 2.0]
    assert sums[1].tolist() == [[2.0 + 4.0, 4.0], [4.0, 0.0]]
    assert sums[2].tolist() == [2.0 * 5.0 + 16.0, 2.0 * 4.0]


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_what_is_not_above_its_threshold_is_left_out(covariance_type):
    arguments = make_mixture(covariance_type, 3, 2, 0, "float64")
    rows = make_rows(arguments, 20, 0, "float64")
    sums, counts, log_density = empty_sums(arguments), np.zeros(2, np.int64), np.empty(20)
    packed = reference.PackedMixture(*arguments)
    log_likelihood = packed.expectation(
        rows, None, None, np.array([0.0, 2.0, 2.0]), *sums, counts=counts, log_density=log_density
    )
    responsibilities = scores_of(packed, rows)["responsibilities"]
    assert counts.tolist() == [20, 60]
    assert log_likelihood == pytest.approx(log_density.sum(), rel=1e-14)
    np.testing.assert_allclose(sums[0], [responsibilities[:, 0].sum(), 0.0, 0.0], rtol=1e-14)
    assert not sums[1][1:].any()


def test_rows_that_are_taken(standard_normal):
    packed = reference.PackedMixture(*standard_normal)
    assert packed.takes(np.zeros((3, 2)))
    assert not packed.takes(np.zeros((3, 3)))
    assert not packed.takes(np.zeros((2, 3)).T)
    assert not packed.takes(np.array([[0.0, np.nan]]))


def test_functions_of_numbers():
    out = np.empty(2)
    reference.exp(np.array([0.0, -1.0]), out)
    assert out.tolist() == [1.0, math.exp(-1.0)]
    reference.log(np.array([1.0, math.e]), out)
    assert out.tolist() == [0.0, 1.0]
    assert reference.all_finite(np.zeros((2, 2)))
    assert not reference.all_finite(np.array([[np.inf]]))
    assert reference.bounds_stride(7) == 7
