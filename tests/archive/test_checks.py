"""Checks of values from files: what passes, and the sentence for what does not."""

import math
from typing import Any

import numpy as np
import pytest

from fastgmm.archive import checks
from support import error_of

GOOD: list[tuple[Any, ...]] = [
    (checks.check_array, "x", np.zeros((2, 3)), (2, 3), 0.0),
    (checks.check_array, "x", np.zeros((0, 3), np.float32), (0, 3), 1.0),
    (checks.check_number, "x", 0.0, 0.0, 0.0),
    (checks.check_count, "x", 0),
    (checks.check_log_density, "x", -math.inf, 1e308),
    (checks.check_sizes, "x", np.zeros((1, 1)), 2),
    (checks.check_shape, "x", np.zeros((0, 2)), (None, 2)),
    (checks.check_names, None, 3),
    (checks.check_names, np.array(["a", ""], dtype=object), 2),
]
BAD: dict[str, tuple[Any, ...]] = {
    "x must have the shape (3, 2), got (2, 3)": (
        checks.check_array, "x", np.zeros((2, 3)), (3, 2)
    ),
    "x must hold float32 or float64 numbers, got int64": (
        checks.check_array, "x", np.zeros(2, np.int64), (2,)
    ),
    "x must be finite numbers, got nan": (
        checks.check_array, "x", np.array([1.0, np.nan]), (2,)
    ),
    "x must be at least 0, got -1": (checks.check_array, "x", np.array([1.0, -1.0]), (2,), 0.0),
    "x must be a finite number from 0 to inf, got -1.0": (checks.check_number, "x", -1.0, 0.0),
    "x must be a finite number from -inf to inf, got nan": (checks.check_number, "x", math.nan),
    "x must be a finite number from -inf to inf, got inf": (checks.check_number, "x", math.inf),
    "x must be at least 2, got 1": (checks.check_count, "x", 1, 2),
    "x must be a number or -inf, got nan": (checks.check_log_density, "x", 0.0, math.nan),
    "x must be a number or -inf, got inf": (checks.check_log_density, "x", math.inf),
    "x must have 2 dimensions of at least 1, got (2, 0)": (
        checks.check_sizes, "x", np.zeros((2, 0)), 2
    ),
    "x must have 1 dimensions of at least 1, got ()": (checks.check_sizes, "x", np.zeros(()), 1),
    "x must have the shape (None, 2), got (2, 3)": (
        checks.check_shape, "x", np.zeros((2, 3)), (None, 2)
    ),
    "there must be 2 names of features, got (1,)": (
        checks.check_names, np.array(["a"], dtype=object), 2
    ),
    "there must be 1 names of features, got (1,)": (
        checks.check_names, np.array([1], dtype=object), 1
    ),
    "the names of features must differ from each other": (
        checks.check_names, np.array(["a", "a"], dtype=object), 2
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", range(len(GOOD)))
def test_good_values_pass(case: int) -> None:
    check, *arguments = GOOD[case]
    check(*arguments)


@pytest.mark.parametrize("sentence", BAD)
def test_what_is_wrong_is_told(sentence: str) -> None:
    check, *arguments = BAD[sentence]
    error = error_of(check, *arguments)
    assert (type(error), str(error)) == (ValueError, sentence)
