"""How many rows the first fit of a stream takes."""

import numpy as np

from fastgmm.fits.target import Target


def test_sizes() -> None:
    assert Target(2, np.dtype(np.float64), 1, "spherical").first_rows == 100
    wide = Target(100, np.dtype(np.float64), 5, "full")
    free = 4 + 500 + 5 * 5050
    assert wide.first_rows == min(4 * free, (1 << 22) // 100)
    assert Target(1 << 20, np.dtype(np.float64), 3, "diag").first_rows == 300
