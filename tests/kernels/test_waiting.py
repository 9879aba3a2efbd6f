"""Rows that wait are taken, or not, by every build as by the reference."""

import numpy as np
import pytest

from fastgmm.kernels import reference_online as reference


def cases(dtype):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 3)).astype(dtype)
    bad = rows[:20].copy()
    bad[13, 2] = np.nan
    infinite = rows[:1].copy()
    infinite[0, 0] = -np.inf
    locked = rows[:5].copy()
    locked.flags.writeable = False
    return {
        "one": (rows[:1], 1),
        "some": (rows[100:357], 257),
        "read only": (locked, 5),
        "none": (rows[:0], 0),
        "too many": (rows[:1025], 0),
        "NaN": (bad, 0),
        "inf": (infinite, 0),
        "every other": (rows[:20:2], 0),
        "another order": (np.asfortranarray(rows[:20]), 0),
        "other columns": (rows[:20, :2].copy(), 0),
        "a vector": (rows[0], 0),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_are_taken_as_by_the_reference(build, dtype):
    module = build.modules[np.dtype(dtype)]
    for case, (rows, wanted) in cases(dtype).items():
        for taken in (module.take_rows, reference.take_rows):
            room = np.zeros((700, 3), dtype)
            assert taken(rows, room, 10, 700) == wanted, case
            assert not room[:10].any()
            if wanted:
                assert np.array_equal(room[10 : 10 + wanted], rows)
                assert not room[10 + wanted :].any()


def test_they_end_before_the_end_and_in_the_room(build):
    module = build.modules[np.dtype("float64")]
    rows = np.ones((10, 2))
    for taken in (module.take_rows, reference.take_rows):
        for begin, end, wanted in ((0, 11, 10), (0, 10, 0), (5, 16, 10), (5, 15, 0), (11, 99, 0)):
            assert taken(rows, np.zeros((20, 2)), begin, end) == wanted
    with pytest.raises(ValueError, match="room"):
        module.take_rows(rows, np.zeros((20, 2)), -1, 12)
    with pytest.raises(ValueError, match="room"):
        module.take_rows(rows, np.zeros(20), 0, 12)


def test_another_dtype_is_not_taken(build):
    module = build.modules[np.dtype("float64")]
    assert module.take_rows(np.ones((4, 2), np.float32), np.zeros((20, 2)), 0, 12) == 0
