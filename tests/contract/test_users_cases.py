"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

import numpy as np
import pytest

from fastgmm import GaussianMixture


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere

# ---------------------------------------------------------------------- settings and subclasses

# ---------------------------------------------------------------------- streams


def four_hundred_each(seed: int = 0) -> np.ndarray:
    """200 rows around the origin, and then 200 around (6, 6)."""
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(0, 1, (200, 2)), rng.normal(6, 1, (200, 2))]


@pytest.mark.parametrize("far", [1e10, 1e20, 1e80, 1e154, 1e300])
def test_a_stream_is_not_poisoned_by_one_row(two_clusters: np.ndarray, far: float) -> None:
    """It goes on as if the row had not come, and tells that it has set it aside."""
    model = GaussianMixture(2, random_state=0, half_life=500.0)
    rows = np.tile(two_clusters, (10, 1))
    model.partial_fit(rows).partial_fit([[far, 0.0]])
    for _ in range(5):
        model.partial_fit(rows)
    assert model.stream_.n_skipped == 1
    assert model.n_samples_seen_ == 18_001
    assert (
        model.score(two_clusters) > GaussianMixture(2).fit(two_clusters).score(two_clusters) - 0.1
    )
    assert abs(model.stream_.mean - model.score(two_clusters)) < 0.1


@pytest.mark.parametrize("size", [400, 150, 64])
def test_sorted_rows_end_where_shuffled_ones_do(size: int) -> None:
    rows = np.concatenate([four_hundred_each(seed) for seed in range(8)])
    model = GaussianMixture(2, random_state=0)
    for begin in range(0, len(rows), size):
        model.partial_fit(rows[begin : begin + size])
    assert model.score(rows) > GaussianMixture(2, random_state=0).fit(rows).score(rows) - 0.1


def test_a_stream_that_moves_is_followed(two_clusters: np.ndarray) -> None:
    """All rows by a million deviations, as where units change."""
    rng = np.random.default_rng(0)
    rows = np.tile(two_clusters, (20, 1)) + rng.normal(size=(6000, 2)) / 10
    moved = rng.permutation(rows) * 3.0 + 1e6
    model = GaussianMixture(2, random_state=0, half_life=500.0)
    model.partial_fit(rows)
    for _ in range(4):
        model.partial_fit(moved)
    whole = GaussianMixture(2, random_state=0).fit(moved)
    assert model.score(moved) > whole.score(moved) - 0.1
    assert model.stream_.n_skipped < 50


# ---------------------------------------------------------------------- ends of fits

# ---------------------------------------------------------------------- starts

# ---------------------------------------------------------------------- arrays and frames

# ---------------------------------------------------------------------- the command and its files
