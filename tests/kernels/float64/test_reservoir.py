"""The rows of small random numbers, of every build, against the reference."""

import numpy as np
import pytest

from fastgmm.kernels.float64 import reference

MOST = 2**32 - 1


@pytest.mark.parametrize("number", [0, 17, MOST - 100, 0x9E3779B1])
@pytest.mark.parametrize("limit", [0, MOST // 50, MOST // 2, MOST])
def test_small_bits(build, number, limit):
    kernel = build.modules[np.dtype("float64")].small_bits
    for n, first, step in ((1, 0, 1), (200, 0, 1), (1000, 5, 8), (64, 63, 64), (10, 10, 3)):
        asked = len(range(first, n, step))
        found, wanted = (
            (np.full(asked, -1, np.int64), np.zeros(asked, np.uint32)),
            (np.full(asked, -1, np.int64), np.zeros(asked, np.uint32)),
        )
        count = kernel(number, n, first, step, limit, *found)
        assert count == reference.small_bits(number, n, first, step, limit, *wanted)
        for one, other in zip(found, wanted, strict=True):
            assert np.array_equal(one, other)


def test_they_are_spread_evenly(build):
    kernel = build.modules[np.dtype("float64")].small_bits
    for number in (1, 10**6, 3 * 10**9):
        index, bits = np.empty(100_000, np.int64), np.empty(100_000, np.uint32)
        assert kernel(number, 100_000, 0, 1, MOST, index, bits) == 100_000
        counts = np.bincount(bits >> 27, minlength=32)
        assert np.abs(counts - 3125).max() < 300


def test_rooms_that_are_too_small_are_refused(build):
    kernel = build.modules[np.dtype("float64")].small_bits
    index, bits = np.empty(10, np.int64), np.empty(10, np.uint32)
    for arguments in ((0, 11, 0, 1, 5), (0, 10, 0, 0, 5), (0, 10, -1, 1, 5)):
        with pytest.raises(ValueError, match="expected"):
            kernel(*arguments, index, bits)
