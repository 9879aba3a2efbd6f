"""Patterns of gaps: which rows go together, in an order that depends on the rows alone."""

import numpy as np
import pytest

from fastgmm.data.parts import COMPLETE
from fastgmm.data.patterns import Patterns, parts_by_pattern, patterns_of, together


def gapped(n: int, d: int, seed: int, share: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, d))
    rows[rng.random((n, d)) < share] = np.nan
    return rows


@pytest.mark.parametrize("d", [1, 3, 8, 64, 65, 150])
def test_rows_of_a_pattern_have_the_same_gaps(d: int) -> None:
    rows = gapped(200, d, d, 0.3 if d < 60 else 0.01)
    found = patterns_of(rows)
    assert sorted(np.concatenate([one.index for one in found]).tolist()) == list(range(200))
    assert len({one.observed for one in found}) == len(found)
    for one in found:
        assert (np.diff(one.index) > 0).all()
        assert (np.isnan(rows[one.index]) == ~np.isin(np.arange(d), one.observed)).all()
        taken = one.of(rows)
        assert taken.flags.c_contiguous
        if one.observed:
            assert np.array_equal(taken, rows[np.ix_(one.index, one.observed)])
        else:
            assert np.array_equal(taken, np.zeros((len(one.index), 1)))


def test_rows_without_a_gap_come_first() -> None:
    rows = gapped(100, 4, 0)
    rows[50] = 1.0
    first, *others = parts_by_pattern(rows, np.arange(100.0))
    assert first.kind is COMPLETE
    (gaps,) = others
    assert isinstance(gaps.kind, Patterns)
    assert not (gaps.kind.observed == 4).any()
    for part, n in ((first, len(first.rows)), (gaps, len(gaps.kind.order))):
        assert part.sample_weight is not None
        assert len(part.sample_weight) == n
    assert len(first.rows) + len(gaps.kind.order) == 100
    assert np.array_equal(
        np.sort(np.r_[first.rows.ravel(), gaps.rows]), np.sort(rows[rows == rows])
    )
    assert np.array_equal(first.rows, rows[first.sample_weight.astype(int)])


def test_pairs_observed_together_are_counted() -> None:
    rows = gapped(40_000, 5, 3)
    observed = (~np.isnan(rows)).astype(float)
    assert np.array_equal(together(rows), observed.T @ observed)
