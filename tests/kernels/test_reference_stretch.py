"""The reference of compiled iterations: plain EM climbs, and its sums are those of definitions."""

import numpy as np
import pytest
from stretch_cases import TYPES, begun, case, reached

from fastgmm.kernels import reference_stretch


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", TYPES)
def test_iterations_climb(name, seed):
    mixture, arguments = case(name, 3, 2, seed, "float64", weighted=seed == 1)
    run = begun(reference_stretch.Stretch, mixture, arguments)
    bounds = run.run(8)[0]
    assert len(bounds) == run.n_passes == 8
    assert (np.diff(bounds) > -1e-9).all()
    weights, means = reached(run, mixture)[:2]
    assert weights.sum() == pytest.approx(1.0)
    # The mean of an M-step's mixture is that of the rows.
    rows, weight = arguments[2:4]
    np.testing.assert_allclose(weights @ means, np.average(rows, axis=0, weights=weight), rtol=1e-9)
