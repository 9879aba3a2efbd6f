"""Rows that are drawn from a mixture: their moments, their order, and which numbers they take."""

from typing import Any

import numpy as np
import pytest

from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.sampling import draw
from support import CorrelatedMixture, correlated_mixture, matrices_of

SIGMAS = 5.0
"""Deviations that a statistic may be off by: once in a million, and the seeds are fixed."""


def of_type(truth: CorrelatedMixture, covariance_type: Any) -> Mixture:
    covariances = truth.covariances_as(covariance_type)
    return Mixture.from_covariances(truth.weights, truth.means, covariances, covariance_type)


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (3, 2), (2, 5)])
def test_moments(
    n_components: int,
    n_features: int,
    covariance_type: str,
    seed: int,
) -> None:
    mixture = correlated_mixture(n_components, n_features, np.random.default_rng(seed))
    covariances, n_samples = mixture.covariances_as(covariance_type), 30_000
    X, y = draw(of_type(mixture, covariance_type), n_samples, np.random.default_rng(seed))
    assert X.shape == (n_samples, n_features)
    assert y.shape == (n_samples,)
    assert X.dtype == np.float64
    assert y.dtype.kind == "i"
    counts = np.bincount(y, minlength=n_components)
    spread = np.sqrt(n_samples * mixture.weights * (1.0 - mixture.weights))
    assert (np.abs(counts - n_samples * mixture.weights) <= SIGMAS * spread).all()
    matrices = matrices_of(covariance_type, covariances, mixture.means)
    for k, covariance in enumerate(matrices):
        part, n = X[y == k], counts[k]
        variances = np.diagonal(covariance)
        off = np.abs(part.mean(axis=0) - mixture.means[k])
        assert (off < SIGMAS * np.sqrt(variances / n)).all()
        # The variance of a sample covariance: (s_ii s_jj + s_ij^2) / n.
        error = np.abs(np.cov(part.T, bias=True).reshape(covariance.shape) - covariance)
        deviation = np.sqrt((np.outer(variances, variances) + covariance**2) / n)
        assert (error < SIGMAS * deviation).all()
        # Gaussian: the squared Mahalanobis distance is chi-squared, mean D and variance 2 D.
        d = part - mixture.means[k]
        squared = np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)
        assert abs(squared.mean() - n_features) < SIGMAS * np.sqrt(2.0 * n_features / n)
        kurtosis = (squared**2).mean()
        exact = n_features * (n_features + 2.0)
        assert abs(kurtosis - exact) < 0.15 * exact


def test_each_row_is_its_mean_plus_a_factor_times_normal_numbers(
    covariance_type: str, rng: np.random.Generator
) -> None:
    """One draw of counts, then one of numbers, in the order of the components: seeds stay valid."""
    truth = correlated_mixture(4, 3, rng)
    mixture = of_type(truth, covariance_type)
    X, y = draw(mixture, 50, np.random.default_rng(3))
    generator = np.random.default_rng(3)
    counts = generator.multinomial(50, truth.weights)
    np.testing.assert_array_equal(y, np.repeat(np.arange(4), counts))
    numbers = generator.standard_normal((50, 3))
    matrices = matrices_of(covariance_type, mixture.covariances, truth.means)
    for row, number, k in zip(X, numbers, y, strict=True):
        expected = truth.means[k] + np.linalg.cholesky(matrices[k]) @ number
        np.testing.assert_allclose(row, expected, rtol=1e-11, atol=1e-11)


def test_a_component_without_weight_is_never_drawn(rng: np.random.Generator) -> None:
    truth = correlated_mixture(3, 2, rng)._replace(weights=np.array([0.5, 0.0, 0.5 + 5e-9]))
    X, y = draw(of_type(truth, "full"), 2000, rng)
    assert X.shape == (2000, 2)
    assert set(y.tolist()) == {0, 2}
