"""Responsibilities that a user gives."""

import re
from typing import Any

import numpy as np
import pytest

from fastgmm.validation.responsibilities import as_responsibilities

GOOD = [[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]]


def test_good_ones_become_float64() -> None:
    for values in (GOOD, np.float32(GOOD), np.array(GOOD, dtype=object)):
        found = as_responsibilities(values, 3, 2)
        assert found.dtype == np.float64
        assert found.tolist() == GOOD
    flags = np.array([[True, False], [False, True]])
    assert as_responsibilities(flags, 2, 2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    left = as_responsibilities([[0.5, 0.25], [0.0, 0.0]], 2, 2, noise=True)
    assert left.tolist() == [[0.5, 0.25], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("values", "noise", "sentence"),
    [
        (np.ones((3, 3)) / 3, False, "must have the shape (3, 2), a row for each row of X and a"),
        ([0, 1, 1], False, "got (3,)"),
        ([["a", "b"]] * 3, False, "responsibilities must be numbers: could not convert"),
        ([[1, 0], [-0.5, 1.5], [0, 1]], False, "that of row 1 for component 0 is -0.5."),
        ([[1, 0], [np.nan, 1], [0, 1]], False, "that of row 1 for component 0 is nan."),
        ([[1, 0], [0.5, 0.4], [0, 1]], False, "of row 1 sum to 0.9, and must sum to 1."),
        ([[1, 0], [0.5, 0.9], [0, 1]], True, "of row 1 sum to 1.4, and must sum at most to 1."),
        ([[1, 0]] * 3, False, "give component 1 no row: use fewer components."),
    ],
)
def test_what_is_wrong_is_named(values: Any, noise: bool, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        as_responsibilities(values, 3, 2, noise=noise)
