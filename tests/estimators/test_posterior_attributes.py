"""The attributes of a posterior are those of scikit-learn's class."""

from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from posteriors import PRIORS

from fastgmm import BayesianGaussianMixture
from support import correlated_mixture

Peer = sklearn.mixture.BayesianGaussianMixture


@pytest.fixture(params=PRIORS)
def weights(request: pytest.FixtureRequest) -> Any:
    """Run the test once per prior of the weights."""
    return request.param


def test_the_attributes_are_those_of_scikit_learn(weights: Any, scikit_learns_type: Any) -> None:
    rows = correlated_mixture(3, 3, np.random.default_rng(0)).sample(300, np.random.default_rng(1))[
        0
    ]
    params = {
        "n_components": 3,
        "covariance_type": scikit_learns_type,
        "weight_concentration_prior_type": weights,
        "random_state": 0,
    }
    ours, theirs = BayesianGaussianMixture(**params).fit(rows), Peer(**params).fit(rows)
    names = [name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")]
    assert len(names) > 15
    for name in names:
        expected, got = getattr(theirs, name), getattr(ours, name)
        if name == "weight_concentration_" and isinstance(expected, tuple):
            assert isinstance(got, tuple)
        # Its bounds of tied covariances are arrays of one number.
        assert np.shape(got) == np.shape(expected) or name.startswith("lower_bound"), name
    for name in ("mean_prior_", "covariance_prior_", "degrees_of_freedom_prior_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
    assert ours.lower_bound_ == pytest.approx(np.ravel(theirs.lower_bound_)[0], abs=0.5)
    order, of_theirs = np.argsort(ours.means_[:, 0]), np.argsort(theirs.means_[:, 0])
    np.testing.assert_allclose(ours.means_[order], theirs.means_[of_theirs], atol=0.02)


def test_attributes_are_read_only(rows: np.ndarray) -> None:
    model = BayesianGaussianMixture(n_components=2, random_state=0).fit(rows)
    with pytest.raises(AttributeError, match="read-only"):
        model.mean_precision_ = np.ones(2)
    with pytest.raises(ValueError, match="read-only"):
        model.mean_precision_[0] = 1.0
