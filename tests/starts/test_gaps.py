"""The sample of a start whose rows have gaps."""

import numpy as np
import pytest

from fastgmm.data.rows import RowData
from fastgmm.errors import DataRangeError
from fastgmm.starts import gaps
from fastgmm.starts.gaps import filled


def test_gaps_are_filled_by_what_goes_with_them() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 1))
    rows = np.hstack([x, 3.0 * x + 100.0, -x]) + 0.01 * rng.normal(size=(500, 3))
    gapped = rows.copy()
    gapped[rng.random(rows.shape) < 0.3] = np.nan
    gapped[7] = np.nan
    sample = RowData(gapped, None, 1, None, True).sample(3, 1000)
    found = filled(sample, 1)
    assert np.isfinite(found.rows).all()
    known = ~np.isnan(gapped)
    assert np.array_equal(found.rows[known], gapped[known])
    informed = known.any(axis=1)
    assert np.abs(found.rows[informed] - rows[informed]).max() < 0.2
    assert np.array_equal(found.order, sample.order)


def test_a_drawn_sample_holds_its_own_rows_alone() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3000, 2))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    sample = RowData(rows, None, 1, None, True).sample(0, 400)
    found = filled(sample, 1)
    assert found.rows.shape == (400, 2)
    drawn = rows[sample.order]
    known = ~np.isnan(drawn)
    assert np.array_equal(found.rows[found.order][known], drawn[known])


def test_what_overflows_where_it_is_filled_in_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(2).normal(size=(200, 2))
    rows[:9, 0] = np.nan
    sample = RowData(rows, None, 1, None, True).sample(0, 1000)
    monkeypatch.setattr(gaps, "imputed", lambda *_: np.where(np.isnan(rows), np.inf, rows))
    with pytest.raises(DataRangeError):
        filled(sample, 1)
