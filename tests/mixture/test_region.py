"""Regions of highest density hold their share."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.region import density_threshold
from fastgmm.mixture.sampling import draw
from support import correlated_mixture


def densities(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    return log_density(mixture, rows, np.empty(len(rows)))


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9, 0.99])
def test_new_rows_are_covered(level: float, covariance_type: Any, rng: np.random.Generator) -> None:
    truth = correlated_mixture(3, 4, rng, separation=1.5)
    mixture = Mixture.from_covariances(
        truth.weights, truth.means, truth.covariances_as(covariance_type), covariance_type
    )
    n = 40_000
    threshold = density_threshold(mixture, level, n, rng)
    covered = (densities(mixture, draw(mixture, n, rng)[0]) >= threshold).mean()
    # Both the threshold and its test are of n samples.
    assert abs(covered - level) < 3.0 * np.sqrt(2.0 * level * (1.0 - level) / n)


def test_a_single_gaussian_has_the_quantile_of_chi_squared(rng: np.random.Generator) -> None:
    truth = correlated_mixture(1, 3, rng)
    mixture = Mixture.from_covariances(np.ones(1), truth.means, truth.covariances, "full")
    (at_mean,) = densities(mixture, truth.means)
    found = density_threshold(mixture, 0.9, 200_000, rng)
    quantiles = [at_mean - 0.5 * chi2(3).ppf(0.9 + off) for off in (0.003, -0.003)]
    assert quantiles[0] < found < quantiles[1]
