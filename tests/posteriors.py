"""Posteriors that several tests share, and those of scikit-learn's class."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import BayesianGaussianMixture

from fastgmm.covariance.types import model_of
from fastgmm.em.regularization import Regularization
from fastgmm.em.variational import VariationalBayes
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.posterior import NormalWishart, Posterior
from support import correlated_mixture, in_shape_of

PRIORS: tuple[Any, ...] = ("dirichlet_process", "dirichlet_distribution")
RIDGE = Regularization.of(1e-6)


def prior_for(
    rows: NDArray[Any], weights: Any, covariance_type: Any, n_components: int
) -> NormalWishart:
    """Return the default prior for rows, by its definition."""
    covariance = in_shape_of(covariance_type, np.cov(rows.T)[np.newaxis], np.ones(1))
    if not model_of(covariance_type).tied:
        covariance = covariance[0]
    d = rows.shape[1]
    return NormalWishart(
        weights, 1.0 / n_components, rows.mean(axis=0), 1.0, float(d), np.asarray(covariance)
    )


def posterior_of(
    weights: Any, covariance_type: Any, rng: np.random.Generator, k: int = 4, d: int = 3
) -> tuple[Posterior, NDArray[np.float64]]:
    """Return a posterior some way off the mixture of some rows, and these rows."""
    truth = correlated_mixture(k, d, rng, separation=1.5)
    rows = truth.sample(600, rng)[0] + 5.0
    covariances = in_shape_of(covariance_type, 1.5 * truth.covariances, truth.weights)
    begin = Mixture.from_covariances(truth.weights, truth.means + 5.3, covariances, covariance_type)
    family = VariationalBayes(prior_for(rows, weights, covariance_type, k))
    found = family.begun(begin, RIDGE, float(len(rows)))
    assert isinstance(found, Posterior)
    return found, rows


def after_one_step(rows: NDArray[Any], **parameters: Any) -> tuple[Any, Posterior]:
    """Return scikit-learn's model, which goes on step by step, and its posterior as one of ours."""
    theirs = BayesianGaussianMixture(
        max_iter=1, tol=0.0, warm_start=True, random_state=0, **parameters
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(rows)
    prior = NormalWishart(
        theirs.weight_concentration_prior_type,
        theirs.weight_concentration_prior_,
        np.asarray(theirs.mean_prior_),
        theirs.mean_precision_prior_,
        float(theirs.degrees_of_freedom_prior_),
        np.asarray(theirs.covariance_prior_),
    )
    mixture = Mixture.from_covariances(
        theirs.weights_, theirs.means_, np.asarray(theirs.covariances_), theirs.covariance_type
    )
    return theirs, Posterior.of(mixture, theirs.mean_precision_ - prior.mean_precision, prior)
