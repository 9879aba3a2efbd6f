"""Posteriors by variational Bayes: time per iteration, passes of default fits, streams."""

import warnings

import numpy as np

from benchmarks import common
from fastgmm import BayesianGaussianMixture

ITERATIONS = {
    "full-16-16": 200_000,
    "full-64-32": 50_000,
    "tied-16-16": 200_000,
    "diag-32-64": 500_000,
    "spherical-16-16": 200_000,
}
KINDS = ("full", "tied", "diag", "spherical")
PRIORS = ("dirichlet_process", "dirichlet_distribution")
PER_CALL = 4


def overlapping(n_rows: int = 5000, n_features: int = 6, n_components: int = 6) -> np.ndarray:
    """Rows of overlapping clusters, fewer than the components that are fitted to them."""
    rng = np.random.default_rng(2)
    centres = 2.0 * rng.normal(size=(n_components, n_features))
    factors = 0.6 * rng.normal(size=(n_components, n_features, n_features))
    labels = rng.integers(n_components, size=n_rows)
    noise = rng.normal(size=(n_rows, n_features))
    return centres[labels] + np.einsum("nij,nj->ni", factors[labels], noise)


class PosteriorIteration:
    """`PER_CALL` iterations that go on from a fit: what the prior takes is one pass more."""

    params = (list(ITERATIONS),)
    param_names = ("data",)
    timeout = 300

    def setup(self, data: str) -> None:
        warnings.simplefilter("ignore")
        self.rows, recipe = common.rows(data, ITERATIONS[data]), common.RECIPES[data]
        self.model = BayesianGaussianMixture(
            n_components=recipe.n_components,
            covariance_type=recipe.covariance_type,
            tol=0.0,
            max_iter=PER_CALL,
            warm_start=True,
            n_threads=1,
        ).fit(self.rows)

    def time_iterations(self, data: str) -> None:
        self.model.fit(self.rows)


class DefaultPosterior:
    """From raw rows to convergence, with all defaults, and with scikit-learn's path."""

    params = (KINDS, PRIORS)
    param_names = ("covariance_type", "prior")
    timeout = 300

    def setup(self, covariance_type: str, prior: str) -> None:
        warnings.simplefilter("ignore")
        self.rows = overlapping()

    def _fit(self, kind: str, prior: str, **more: object) -> BayesianGaussianMixture:
        return BayesianGaussianMixture(
            n_components=10,
            covariance_type=kind,
            weight_concentration_prior_type=prior,
            random_state=0,
            **more,
        ).fit(self.rows)

    def time_fit(self, covariance_type: str, prior: str) -> None:
        self._fit(covariance_type, prior)

    def track_passes(self, covariance_type: str, prior: str) -> float:
        """Passes over the rows, as a share of those of plain steps."""
        plain = self._fit(covariance_type, prior, acceleration=None, max_iter=3000)
        return self._fit(covariance_type, prior).n_passes_ / plain.n_passes_


class PosteriorStream:
    """Rows through `partial_fit`, after the first fit."""

    def setup(self) -> None:
        self.rows = overlapping(100_000)
        self.model = BayesianGaussianMixture(n_components=10, random_state=0, n_threads=1)
        self.model.partial_fit(self.rows[:5000])

    def time_rows(self) -> None:
        self.model.partial_fit(self.rows)
