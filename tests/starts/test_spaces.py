"""Coordinates: what each of them knows of the columns and what it does not."""

from typing import Any

import numpy as np
import pytest

from fastgmm.starts.points import Points
from fastgmm.starts.spaces import space_of


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    mixed = rng.normal(size=(200, 3)) @ (np.eye(3) + 0.3 * rng.normal(size=(3, 3)))
    return mixed * [1e-3, 1.0, 50.0] + [7.0, 0.0, 1e3]


def of(rows: np.ndarray, units: str, weight: np.ndarray | None = None, kind: str = "full") -> Any:
    points = Points(rows, np.ones(len(rows)) if weight is None else weight)
    return space_of(points, kind, units).of(rows)


def test_columns_have_the_same_deviation(rows: np.ndarray) -> None:
    np.testing.assert_allclose(of(rows, "column"), (rows - rows.mean(0)) / rows.std(0), rtol=1e-12)
    one = of(rows, "column", kind="spherical")
    scale = np.sqrt(rows.var(0).mean())
    np.testing.assert_allclose(one, (rows - rows.mean(0)) / scale, rtol=1e-12)


def test_between_is_the_geometric_mean_of_both(rows: np.ndarray) -> None:
    product = of(rows, "column") * of(rows, "column", kind="spherical")
    np.testing.assert_allclose(of(rows, "between") ** 2, product, rtol=1e-9)


@pytest.mark.parametrize("n_features", [1, 3])
def test_white_rows_are_not_correlated(n_features: int, rows: np.ndarray) -> None:
    """And no linear change of the rows changes their distances."""
    rows = rows[:, :n_features]
    white = of(rows, "white")
    np.testing.assert_allclose(white.T @ white / len(rows), np.eye(n_features), atol=1e-3)
    mixing = np.tril(np.full((n_features, n_features), 0.7))
    changed = of(of(rows, "column") @ mixing, "white")
    np.testing.assert_allclose(changed @ changed.T, white @ white.T, atol=1e-2)


def test_columns_that_depend_on_others_are_no_harm(rows: np.ndarray) -> None:
    singular = np.c_[rows, rows[:, 0] + rows[:, 1], np.full(len(rows), 3.0)]
    assert np.isfinite(of(singular, "white")).all()
    assert np.isfinite(of(np.full((5, 2), 4.0), "white")).all()


def test_ranks_know_the_order_alone(rows: np.ndarray) -> None:
    ranks = of(rows, "ranks")
    np.testing.assert_allclose(ranks.mean(axis=0), 0.5)
    assert (ranks > 0.0).all()
    assert (ranks < 1.0).all()
    np.testing.assert_array_equal(np.argsort(ranks, axis=0), np.argsort(rows, axis=0))
    np.testing.assert_array_equal(
        of(np.sinh((rows - rows.mean(axis=0)) / rows.std(axis=0)), "ranks"), ranks
    )


def test_equal_numbers_have_their_middle_rank() -> None:
    rows = np.array([[3.0], [1.0], [3.0], [9.0]])
    np.testing.assert_allclose(of(rows, "ranks")[:, 0], [0.5, 0.125, 0.5, 0.875])
    weighted = of(rows[[1, 0, 3]], "ranks", np.array([1.0, 2.0, 1.0]))
    np.testing.assert_allclose(weighted[:, 0], [0.125, 0.5, 0.875])
