"""Partitions are checked where they lie, and errors name them."""

import numpy as np
import pytest

from fastgmm.validation.partitions import checked_partition


def test_rows_and_weights_become_what_kernels_take() -> None:
    rows, weight = checked_partition("fit", False, None, 0, [[1, 2], [3, 4]], [1, 2])
    assert (rows.dtype, rows.shape) == (np.float64, (2, 2))
    assert weight is not None
    assert weight.tolist() == [1.0, 2.0]
    rows, weight = checked_partition("fit", True, 2, 0, np.full((1, 2), np.nan, np.float32), None)
    assert (rows.dtype, weight) == (np.float32, None)
    assert len(checked_partition("fit", False, 2, 0, np.empty((0, 2)), None)[0]) == 0
    # No row of this partition counts, and those of others may.
    assert not checked_partition("fit", False, 2, 0, np.ones((3, 2)), np.zeros(3))[1].any()


@pytest.mark.parametrize(
    ("given", "weight", "kind", "sentence"),
    [
        ([[1.0, np.nan]], None, ValueError, "partition 7: Input X contains NaN"),
        ([[1.0, 2.0, 3.0]], None, ValueError, "partition 7: X has 3 features"),
        ([[1.0, 2.0]], [1.0, 2.0], ValueError, "partition 7: sample_weight"),
        ([["a", "b"]], None, ValueError, "partition 7: "),
    ],
)
def test_errors_name_the_partition(given, weight, kind, sentence) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(kind, match=sentence):
        checked_partition("fit", False, 2, 7, given, weight)
