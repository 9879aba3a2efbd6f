"""The reference of streams where the answer is known in closed form."""

import numpy as np
import pytest

from fastgmm.kernels.reference import PackedMixture
from fastgmm.kernels.reference_online import OnlineSums, take_rows


def test_a_step_of_one_component():
    """Half of what is known, a unit normal about 1, and half of four rows."""
    known = np.array([1.0, 1.0, 0.0, 1.0])  # weight, reference, first and second moment
    mixture = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    sums = OnlineSums("diagonal", False, 1, 1, np.r_[known, mixture])
    packed = PackedMixture("diag", np.zeros(1), np.ones((1, 1)), np.ones((1, 1)), np.zeros(1))
    rows, density = np.array([[0.0], [2.0], [4.0], [2.0]]), np.empty(4)
    limits = 4.0, 1.0, 0.0, 0.5, 1e3, 1e-12, 1e-15, 1e300
    made = sums.stepped(packed, np.zeros(1), rows, None, limits, density)
    assert made.outcome == 0
    weight, reference, first, second = made.parts[:4]
    assert (weight[0], reference[0, 0], first[0, 0]) == (1.0, 1.0, 0.5)
    assert second[0, 0] == 0.5 * 1.0 + 0.5 * (1.0 + 1.0 + 9.0 + 1.0) / 4
    assert made.parts[7][0, 0] == 1.5
    assert made.parts[8][0, 0] == pytest.approx(2.0 - 0.25)
    assert made.least == pytest.approx(-4.5 - 0.5 * np.log(2 * np.pi))
    assert made.top == pytest.approx(-0.5 * np.log(2 * np.pi))
    assert made.expected == pytest.approx(4 * (made.top - 0.5))
    assert made.entropy == 0.0


def test_rows_that_are_taken():
    room = np.zeros((5, 1))
    assert take_rows(np.ones((2, 1)), room, 1, 5) == 2
    assert room[:, 0].tolist() == [0.0, 1.0, 1.0, 0.0, 0.0]
    assert take_rows(np.full((2, 1), np.inf), room, 1, 5) == 0
