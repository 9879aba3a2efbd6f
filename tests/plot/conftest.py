"""A mixture of each covariance type to draw."""

import pytest

from fastgmm import GaussianMixture
from support import correlated_mixture


@pytest.fixture
def model_and_rows(rng, covariance_type):
    mixture = correlated_mixture(3, 3, rng)
    rows, _ = mixture.sample(200, rng)
    covariances = mixture.covariances_as(covariance_type)
    model = GaussianMixture.from_parameters(
        mixture.weights, mixture.means, covariances, covariance_type=covariance_type
    )
    return model, rows
