"""Which rows are set aside: those that alone would outweigh all others, and no heavy tails."""

import numpy as np
import pytest
from fits.hostile_streams import run

from fastgmm.fits.influence import FEW, LIMIT, all_near, judged, largest, representable, sound
from fastgmm.mixture.mixture import Mixture


@pytest.mark.parametrize("index", range(24))
def test_hostile_rows_leave_nothing_behind(index: int) -> None:
    """`python tests/fits/hostile_streams.py 1000` tries many more, to the end."""
    outcome = run(index, share=0.15)
    assert outcome.n_skipped == outcome.n_hostile
    assert outcome.lost < 0.1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_heavy_tails_are_sound(seed: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    for rows in (
        rng.standard_t(2, (3000, 3)),
        rng.lognormal(0, 1, (3000, 3)),
        rng.exponential(size=(50, 2)),
        (rng.random((1000, 2)) < 0.01).astype(float),
        np.zeros((10, 2)),
    ):
        assert sound(rows.astype(dtype), None).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
def test_few_rows_far_away_are_not_sound(seed: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(500, 3)) + 1e3
    weight = rng.exponential(size=500) + 0.1 if weighted else None
    chosen = rng.choice(500, 12, replace=False)
    rows[chosen, rng.integers(3, size=12)] = 10.0 ** rng.uniform(8, 300, 12)
    assert np.flatnonzero(~sound(rows, weight)).tolist() == sorted(chosen)


def test_many_rows_far_away_are_a_cluster() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 2))
    rows[: int(FEW) + 1] += 1e6
    assert sound(rows, None).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_has_no_square(dtype: type) -> None:
    rows = np.zeros((3, 2), dtype)
    rows[1, 1], rows[2, 0] = -0.9 * largest(np.dtype(dtype)), 1.1 * largest(np.dtype(dtype))
    assert representable(rows).tolist() == [True, True, False]


def test_influence_is_the_share_times_the_squared_distance() -> None:
    one = np.ones(1)
    mixture = Mixture.from_covariances(one, one[:, None], np.full((1, 1, 1), 9.0), "full")
    top = -np.log(3.0) - 0.5 * np.log(2 * np.pi)
    for influence, strong, far in ((9.0, False, False), (11.0, True, False), (1001.0, True, True)):
        density = np.full(64, top)
        density[3] = top - 0.5 * influence * 64 / 0.1
        found = judged(mixture, density, None, 0.1)
        assert found.strong is strong
        assert (found.far is not None) is far
        if found.far is not None:
            assert np.flatnonzero(found.far).tolist() == [3]
        weight = np.ones(64)
        weight[3] = 0.0
        assert judged(mixture, density, weight, 0.1).far is None
    density[5] = -np.inf
    found = judged(mixture, density, None, 0.1)
    assert found.far is not None
    assert np.flatnonzero(found.far).tolist() == [3, 5]


@pytest.mark.parametrize("seed", range(6))
def test_a_column_whose_rows_are_near_is_not_looked_through(seed: int) -> None:
    """What tells that is never wrong: rows are as good as if all columns were looked through."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 4000))
    off = np.abs(rng.standard_t(1.0 + seed % 3, size=n))
    if seed % 2:
        off[: n // 40] *= 1e3
    weight = rng.exponential(size=n) ** (seed % 3)
    n_tail = min(max(16, n // 32), n // 2)
    nearer, tail = np.split(np.argsort(off), [n - n_tail])
    least = weight[nearer] @ off[nearer] ** 2
    if all_near(off, weight, n_tail):
        assert (weight[tail] * off[tail] ** 2).max() <= LIMIT * least
    assert all_near(np.ones(n), np.ones(n), n_tail)
    assert not all_near(np.r_[np.full(n, 1e-9), 1e9], np.ones(n + 1), n_tail)
