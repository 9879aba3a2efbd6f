"""The reference of comparisons: its passes are iterations of a run, and rows may be changed."""

import numpy as np
import pytest
from stretch_cases import TYPES, begun, case, limits_of, made, reached

from fastgmm.kernels import reference_stretch


@pytest.mark.parametrize("name", TYPES)
def test_passes_are_iterations(name):
    mixture, arguments = case(name, 3, 2, 1, "float64", weighted=True)
    rows, weight = arguments[2:4]
    other = [*arguments[:2], rows[:40], None, arguments[4], limits_of(rows[:40], None)]
    comparing = made(reference_stretch.Stretch, other)
    comparing.take_rows(rows, weight, limits_of(rows, weight), 4)
    ends = [tuple(np.empty_like(array) for array in mixture)]
    standings = np.array([[2.0, 7.0, 7.0]])
    comparing.compare([mixture], ends, standings, 1.0, 300.0, 1e-8)
    run = begun(reference_stretch.Stretch, mixture, arguments)
    run.run(2)
    for one, wanted in zip(ends[0], reached(run, mixture), strict=True):
        assert np.array_equal(one, wanted)
    assert standings[0].tolist() == [0.0, run.run(1)[0][0], 0.0]
