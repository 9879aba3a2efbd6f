"""Arrays of another size, dtype or kind are refused."""

import numpy as np
import pytest

from kernel_cases import make_mixture


def test_wrong_buffers_are_refused(build):
    packed = build.modules[np.dtype("float64")].PackedMixture(
        *make_mixture("full", 2, 3, 0, "float64")
    )
    with pytest.raises(ValueError, match="out: expected 5 items"):
        packed.log_density(np.zeros((5, 3)), np.empty(4))
    with pytest.raises(ValueError, match="rows: expected 15 items of 8 bytes"):
        packed.log_density(np.zeros((5, 3), np.float32), np.empty(5))
    read_only = np.empty(5)
    read_only.flags.writeable = False
    with pytest.raises((BufferError, ValueError), match=r"read-only|not writable|contiguous"):
        packed.log_density(np.zeros((5, 3)), read_only)
