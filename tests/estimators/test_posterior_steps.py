"""E-step and M-step by hand are those of a fit."""

import warnings
from typing import Any

import numpy as np
import pytest
from posteriors import PRIORS

from fastgmm import BayesianGaussianMixture

PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "mean_precision_")


@pytest.fixture(params=PRIORS)
def weights(request: pytest.FixtureRequest) -> Any:
    """Run the test once per prior of the weights."""
    return request.param


def test_steps_of_ones_own_are_those_of_the_fit(weights: Any, rows: np.ndarray) -> None:
    params = {
        "n_components": 4,
        "weight_concentration_prior_type": weights,
        "random_state": 0,
        "acceleration": None,
        "tol": 0.0,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = BayesianGaussianMixture(**params, max_iter=3).fit(rows)
        whole = BayesianGaussianMixture(**params, max_iter=5).fit(rows)
    for _ in range(2):
        model.m_step(sum(model.e_step(batch) for batch in np.array_split(rows, 3)))
    for name in PARAMETERS:
        np.testing.assert_allclose(getattr(model, name), getattr(whole, name), rtol=1e-9)
    np.testing.assert_allclose(model.lower_bounds_, whole.lower_bounds_, rtol=1e-12)
