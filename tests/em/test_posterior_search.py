"""L-BFGS over posteriors: fewer passes, the same end, and a bound that never falls."""

import warnings
from typing import Any

import numpy as np
import pytest
from posteriors import PRIORS, RIDGE, posterior_of

from fastgmm import BayesianGaussianMixture
from fastgmm.em.posterior_search import ADDED, PosteriorSearch, _counted, _uncounted
from fastgmm.em.variational import VariationalBayes
from support import correlated_mixture


@pytest.fixture(params=PRIORS)
def weights(request: pytest.FixtureRequest) -> Any:
    """Run the test once per prior of the weights."""
    return request.param


def both(rows: np.ndarray, **params: Any) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fast = BayesianGaussianMixture(random_state=0, **params).fit(rows)
        plain = BayesianGaussianMixture(
            random_state=0, acceleration=None, max_iter=2000, **params
        ).fit(rows)
    return fast, plain


@pytest.mark.parametrize("kind", ["tied", "diag", "spherical"])
def test_fewer_passes_to_a_bound_as_high(kind: Any, weights: Any, rng: np.random.Generator) -> None:
    """More components than clusters: the ones too many empty slowly."""
    rows = correlated_mixture(4, 5, rng, separation=1.0).sample(2000, rng)[0]
    params = {"n_components": 8, "weight_concentration_prior_type": weights}
    fast, plain = both(rows, covariance_type=kind, **params)
    assert fast.converged_
    assert plain.n_iter_ > 50
    assert fast.n_passes_ < 0.7 * plain.n_iter_
    # Longer steps may lead to another optimum, as another start does.
    assert fast.lower_bound_ > plain.lower_bound_ - 2e-3 * abs(plain.lower_bound_)
    assert np.diff(fast.lower_bounds_).min() > -1e-12 * abs(fast.lower_bound_)


def test_the_end_is_that_of_plain_steps(weights: Any, rng: np.random.Generator) -> None:
    rows = correlated_mixture(3, 3, rng, separation=1.5).sample(600, rng)[0]
    params = {"n_components": 3, "weight_concentration_prior_type": weights, "tol": 1e-6}
    fast, plain = both(rows, **params)
    assert fast.lower_bound_ == pytest.approx(plain.lower_bound_, abs=1e-3)
    np.testing.assert_allclose(fast.means_, plain.means_, atol=0.02)


def test_the_frame_gives_posteriors_back(
    weights: Any, covariance_type: Any, rng: np.random.Generator
) -> None:
    posterior, _ = posterior_of(weights, covariance_type, rng)
    counted = _counted(posterior)
    assert counted.weights.sum() == pytest.approx(1.0)
    back = _uncounted(counted, posterior)
    np.testing.assert_allclose(back.held, posterior.held, rtol=1e-12)
    np.testing.assert_array_equal(back.means, posterior.means)
    assert ADDED > 0.0


def test_small_components_go_by_the_plain_step(rng: np.random.Generator) -> None:
    posterior, _ = posterior_of(PRIORS[0], "full", rng)
    family = VariationalBayes(posterior.prior)
    held = posterior.held.copy()
    held[1] = 0.5 * posterior.prior.dof
    small = type(posterior).of(posterior, held, posterior.prior)
    ahead = type(posterior).of(posterior.reordered(np.array([1, 0, 3, 2])), held, posterior.prior)
    search = PosteriorSearch(RIDGE, 600.0, family=family)
    base, moves = search._base(small, ahead)
    np.testing.assert_array_equal(base.means[1], ahead.means[1])
    np.testing.assert_array_equal(base.covariances[1], ahead.covariances[1])
    np.testing.assert_array_equal(base.means[0], small.means[0])
    assert moves.sum() == moves.size - 3 - 6
