"""The posterior predictive density, against SciPy's t and against draws of the posterior."""

from typing import Any

import numpy as np
import pytest
from posteriors import PRIORS, posterior_of
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, multivariate_t, wishart

from fastgmm.mixture import predictive
from fastgmm.mixture.predictive import predictive_log_density
from support import matrices_of


@pytest.mark.parametrize("weights", PRIORS)
def test_is_a_mixture_of_t(weights: Any, covariance_type: Any, rng: np.random.Generator) -> None:
    posterior, rows = posterior_of(weights, covariance_type, rng)
    k, d = posterior.means.shape
    matrices = matrices_of(covariance_type, posterior.covariances, posterior.means)
    joint = np.empty((len(rows), k))
    for j in range(k):
        dof, known = np.broadcast_to(posterior.dof, k)[j], posterior.mean_precision[j]
        degrees = dof + 1 - d
        shape = matrices[j] * dof * (1 + known) / (known * degrees)
        joint[:, j] = multivariate_t(posterior.means[j], shape, degrees).logpdf(rows)
    expected = logsumexp(joint + np.log(posterior.weights), axis=1)
    np.testing.assert_allclose(predictive_log_density(posterior, rows, 2), expected, rtol=1e-10)
    single = predictive_log_density(posterior, rows.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-3)


def test_is_the_mean_density_over_draws_of_the_posterior(rng: np.random.Generator) -> None:
    posterior, rows = posterior_of(PRIORS[1], "full", rng, k=2, d=2)
    small = type(posterior).of(posterior, np.array([9.0, 14.0]), posterior.prior)
    at, n, density = rows[:5], 4000, np.zeros(5)
    for j in range(2):
        scale = np.linalg.inv(small.covariances[j]) / small.dof[j]
        for precision in wishart(small.dof[j], scale).rvs(n, random_state=rng):
            covariance = np.linalg.inv(precision)
            mean = rng.multivariate_normal(small.means[j], covariance / small.mean_precision[j])
            density += small.weights[j] * multivariate_normal(mean, covariance).pdf(at) / n
    np.testing.assert_allclose(np.exp(predictive_log_density(small, at)), density, rtol=0.1)


def test_integrates_to_one(rng: np.random.Generator) -> None:
    posterior, _ = posterior_of(PRIORS[0], "full", rng, k=3, d=1)
    few = type(posterior).of(posterior, posterior.held / 50.0, posterior.prior)
    whole, _ = quad(
        lambda x: float(np.exp(predictive_log_density(few, np.array([[x]]))[0])),
        -np.inf,
        np.inf,
        limit=400,
    )
    assert whole == pytest.approx(1.0, abs=1e-5)


def test_many_rows_go_in_parts(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    posterior, rows = posterior_of(PRIORS[0], "diag", rng)
    whole = predictive_log_density(posterior, rows)
    monkeypatch.setattr(predictive, "ROWS_AT_ONCE", 37)
    np.testing.assert_array_equal(predictive_log_density(posterior, rows), whole)
    assert len(predictive_log_density(posterior, rows[:0])) == 0
