"""The door of the kernels: what they take, and what they say of rows without a mixture."""

import numpy as np
import pytest

from kernel_cases import DTYPES


@pytest.mark.parametrize("dtype", DTYPES)
def test_all_finite(build, dtype):
    module = build.modules[np.dtype(dtype)]
    for n in range(1, 70):
        rows = np.ones((n, 1), dtype)
        assert module.all_finite(rows)
        rows[n // 2] = np.finfo(dtype).max
        assert module.all_finite(rows)
        for bad in (np.nan, np.inf, -np.inf):
            rows[n // 2] = bad
            assert not module.all_finite(rows)
