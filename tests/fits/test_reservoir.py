"""A sample whose sums are unbiased, and in which older rows fade."""

from dataclasses import replace

import numpy as np
import pytest

from fastgmm.fits.reservoir import Reservoir


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("half_life", [None, 3000.0])
def test_weights_stand_for_all_rows(weighted: bool, half_life: float | None) -> None:
    rng = np.random.default_rng(0)
    found = Reservoir.empty(1, np.dtype(np.float64))
    rows, weight = np.arange(40_000.0)[:, None], rng.exponential(size=40_000)
    for begin in range(0, 40_000, 500):
        part = slice(begin, begin + 500)
        given = weight[part] if weighted else None
        found = found.plus(rows[part], given, half_life, 5, 2000)
    counted = weight if weighted else np.ones(40_000)
    if half_life is not None:
        counted = counted * 0.5 ** ((counted.sum() - np.cumsum(counted)) / half_life)
    sampled, stands_for, random = found.rows(2000)
    assert len(sampled) <= 2000
    assert stands_for.sum() == pytest.approx(counted.sum(), rel=0.06)
    mean = float(np.average(sampled[:, 0], weights=stands_for))
    assert mean == pytest.approx(float(np.average(rows[:, 0], weights=counted)), rel=0.06)
    assert 0.45 < (random < 0.5).mean() < 0.55
    again = Reservoir.of(found.state())
    one, other = (each.plus(rows[:700], None, half_life, 5, 2000) for each in (found, again))
    assert one.rows(2000)[0].tobytes() == other.rows(2000)[0].tobytes()


def test_no_row_enters_where_next_to_none_may() -> None:
    """A file may hold any threshold: what is as rare as that does not come."""
    rows = np.arange(600.0)[:, None]
    found = Reservoir.empty(1, np.dtype(np.float64)).plus(rows, None, None, 5, 100)
    for threshold in (50.0, 1e3, 1e308):
        state = replace(found.state(), threshold=threshold)
        state.check()
        more = Reservoir.of(state).plus(rows, None, None, 5, 100)
        assert len(more.state().rows) == len(state.rows)
        assert more.state().n_offered == state.n_offered + 600
