"""What runs begin with: each start in its turn, the user's mixture, or what labels say."""

from typing import Any

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.em.priors import Regularizing
from fastgmm.em.stopping import Stopping
from fastgmm.fits.beginnings import Beginnings
from fastgmm.fits.plan import Plan, Settings
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import Start
from fastgmm.validation.row_labels import as_row_labels


class Draws:
    """What a fit lends its starts."""

    n_threads, seed, span, given = 1, 0, None, None
    dtype = np.dtype(np.float64)

    def __init__(self, data: RowData) -> None:
        self.sample = data.sample(0, 10_000)


def beginnings(data: RowData, given: Mixture | None = None, **start: Any) -> Beginnings:
    settings = Settings(
        Stopping(1e-3, None, False, 10), Regularizing(1e-6, None, "full", 3), acceleration=None
    )
    begun = Start(**{"method": "ward", "n_components": 3, "covariance_type": "full"} | start)
    draws = Draws(data)
    draws.given = given  # type: ignore[assignment]
    return Beginnings(data, Plan(begun, settings, seed=0), begun, draws, lambda: None)


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    centers = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 60, axis=0)
    return centers + rng.normal(size=centers.shape)


def test_wards_starts_have_turns(rows: np.ndarray) -> None:
    found = beginnings(RowData(rows), n_init=3)
    assert found.turns is not None
    assert found.n_wanted >= 1
    assert found.index(0) == 0
    first = found.mixture(0)
    assert first is not None
    assert sorted(np.round(first.means / 9.0).tolist()) == [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]


def test_other_starts_are_made_when_their_turn_comes(rows: np.ndarray) -> None:
    found = beginnings(RowData(rows), method="random_from_data", n_init=2)
    assert found.turns is None
    assert found.promises == ()
    assert found.n_wanted == 2
    first, second = found.mixture(0), found.mixture(1)
    assert first is not None
    assert second is not None
    assert (first.means != second.means).any()
    assert found.mixture(2) is None
    with pytest.raises(ValueError, match="turn 2 of its fit"):
        found.index(2)


def test_labels_alone_are_one_start(rows: np.ndarray) -> None:
    labels = as_row_labels(np.repeat([2, 0, 1], 60), 180, 3)
    found = beginnings(RowData(rows, labels=labels), n_init=5)
    assert found.n_wanted == 1
    only = found.mixture(0)
    assert only is not None
    np.testing.assert_allclose(only.means[2], rows[:60].mean(axis=0))
    assert found.mixture(1) is None


def test_the_users_mixture_in_other_coordinates(rows: np.ndarray) -> None:
    made = beginnings(RowData(rows), method="random_from_data").mixture(0)
    assert beginnings(RowData(rows), made, method="random_from_data").mixture(0) is made
