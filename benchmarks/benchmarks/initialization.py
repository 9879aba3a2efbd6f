"""The five ways to start: their time beside that of one pass of EM, and how good the start is."""

import warnings

import numpy as np

from benchmarks import common
from benchmarks.scoring import known_model
from fastgmm import GaussianMixture

METHODS = ["ward", "kmeans", "k-means++", "random", "random_from_data"]
DATA = {
    "full-16-16": 200_000,
    "clusters-8-10": 100_000,
    "full-2-8": 1_000_000,
    "diag-8-10": 100_000,
}
SEEDS = range(5)


class Initialization:
    """A fit of no iteration; a start is to cost less than `OnePass`."""

    params = (METHODS, list(DATA))
    param_names = ("method", "data")
    timeout = 300

    def setup(self, method: str, data: str) -> None:
        warnings.simplefilter("ignore")
        self.rows = common.rows(data, DATA[data])
        recipe = common.RECIPES[data]
        self.options = {
            "n_components": recipe.n_components,
            "covariance_type": recipe.covariance_type,
            "init_params": method,
            "n_threads": 1,
        }

    def time_start(self, method: str, data: str) -> None:
        GaussianMixture(**self.options, random_state=0, max_iter=0).fit(self.rows)

    def track_log_likelihood(self, method: str, data: str) -> float:
        """Minus the nats per row after ten iterations, mean over `SEEDS`: lower is better."""
        found = []
        for seed in SEEDS:
            model = GaussianMixture(**self.options, random_state=seed, max_iter=10, tol=0.0)
            found.append(model.fit(self.rows).score(self.rows))
        return float(-np.mean(found))

    track_log_likelihood.unit = "-nats per row"  # type: ignore[attr-defined]


class OnePass:
    """One pass of EM over the same rows, the measure of the starts."""

    params = (list(DATA),)
    param_names = ("data",)

    def setup(self, data: str) -> None:
        self.rows = common.rows(data, DATA[data])
        self.model = known_model(data, n_threads=1)

    def time_e_step(self, data: str) -> None:
        self.model.e_step(self.rows)
