"""How fast old rows are forgotten, and how many rows make a batch."""

import math

import pytest

from fastgmm.fits.pace import FEWEST_BATCH_ROWS, MOST_BATCH_ROWS, Pace


def test_pace():
    pace = Pace(None, 0.8)
    assert pace.share(100.0, 300.0) == pytest.approx(0.25**0.8)
    assert Pace(100.0, 0.8).share(100.0, 1e9) == pytest.approx(0.5)
    assert pace.batch_rows(0.0) == FEWEST_BATCH_ROWS
    assert pace.batch_rows(1e9) == MOST_BATCH_ROWS
    assert Pace(1000.0, 0.8).batch_rows(1e9) == 128
    assert Pace(2.0, 0.8).batch_rows(1e9) == 1


def test_a_restless_stream_has_small_batches_of_plain_shares() -> None:
    pace = Pace(None, 0.8)
    assert pace.batch_rows(64 * 256.0, restless=True) == 256
    assert pace.share(100.0, 300.0, restless=True) == pytest.approx(0.25)
    assert pace.next_stop(2048, 0, 16384.0) == 1024
    assert pace.next_stop(2048, 1024, 16384.0) == pace.next_stop(2048, 0, 1e6) == 2048


def test_what_is_remembered_ends_where_a_stream_forgets() -> None:
    assert Pace(None, 0.8).remembered(1e6) == 1e6
    assert Pace(100.0, 0.8).remembered(50.0) == 50.0
    assert Pace(100.0, 0.8).remembered(1e6) == 100.0 / math.log(2.0)
