"""Fixtures of the tests about mixtures and their statistics."""

import numpy as np
import pytest

from fastgmm import GaussianMixture
from support import correlated_mixture


@pytest.fixture
def case(covariance_type: str, rng: np.random.Generator) -> tuple[GaussianMixture, np.ndarray]:
    """Return a model that is some way off its data, and 3000 rows."""
    mixture = correlated_mixture(4, 5, rng, separation=1.5)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means + 0.2,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    return model, mixture.sample(3000, rng)[0]
