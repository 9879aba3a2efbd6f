"""Labels of rows as components, and what is refused; fits refuse the same."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fastgmm.validation.row_labels import as_row_labels


def allowed(labels: Any, k: int) -> np.ndarray:
    found = as_row_labels(labels, len(labels), k)
    assert found is not None
    return np.vstack([found.sets, np.ones(k, bool)])[found.numbers]


@pytest.mark.parametrize(
    "labels",
    [
        [0, -1, 2, 2],
        np.array([0, -1, 2, 2], np.int8),
        pd.Series([0, -1, 2, 2], index=[9, 8, 7, 6]),
        (0, -1, 2, 2),
    ],
)
def test_numbers_are_components(labels: Any) -> None:
    expected = [[1, 0, 0], [1, 1, 1], [0, 0, 1], [0, 0, 1]]
    assert allowed(labels, 3).tolist() == np.array(expected, bool).tolist()


def test_unsigned_numbers_are_all_known() -> None:
    assert allowed(np.array([1, 0], np.uint8), 2).tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("k", [1, 3, 9, 70])
def test_sets_are_what_they_were(k: int, rng: np.random.Generator) -> None:
    sets = rng.random((200, k)) < 0.6
    sets[np.arange(200), rng.integers(k, size=200)] = True
    sets[::7] = True
    if sets.all():
        assert as_row_labels(sets, 200, k) is None
        return
    found = as_row_labels(sets, 200, k)
    assert found is not None
    assert (allowed(sets, k) == sets).all()
    assert (allowed(pd.DataFrame(sets), k) == sets).all()
    assert (found.numbers[::7] == -1).all()


def test_nothing_known_is_none() -> None:
    assert as_row_labels(None, 3, 2) is None
    assert as_row_labels([-1, -1, -1], 3, 2) is None
    assert as_row_labels(np.ones((3, 2), bool), 3, 2) is None


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ([0, 1], ValueError, r"^labels must have the shape \(3,\), a number for each row, or be b"),
        ([[0], [1], [1]], ValueError, r"got int64 of \(3, 1\)\.$"),
        ([0.0, 1.0, 1.0], TypeError, r"^labels must be integers.*, got float64: number other lab"),
        ([0, None, 1], TypeError, "got object"),
        (["a", "b", "a"], TypeError, "got <U1"),
        ([0, 2, 1], ValueError, "^The label of row 1 is 2, and components have the numbers from 0"),
        ([0, 1, -3], ValueError, "^The label of row 2 is -3"),
        ([True, False, True], ValueError, r"^labels of bool must have the shape \(3, 2\)"),
        (np.zeros((3, 2), bool), ValueError, "^labels let row 0 be of no component"),
    ],
)
def test_what_is_refused(labels: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        as_row_labels(labels, 3, 2)
