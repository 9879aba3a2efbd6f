"""Fixtures of the tests about what users may pass."""

import numpy as np
import pytest
from numpy.typing import NDArray

from support import correlated_mixture


@pytest.fixture(scope="session")
def rows() -> NDArray[np.float64]:
    """Return 60 rows of three features, drawn from two components, that nobody may change."""
    rng = np.random.default_rng(3)
    made, _ = correlated_mixture(2, 3, rng).sample(60, rng)
    made.flags.writeable = False
    return made
