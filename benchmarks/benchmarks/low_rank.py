"""Covariances of low rank: iterations and scores, by the numbers of features and factors."""

import warnings

import numpy as np

from benchmarks import common
from fastgmm import GaussianMixture

CASES = {
    # recipe, rows, factors
    "full-64-32, 5 factors": ("full-64-32", 20_000, 5),
    "full-128-16, 5 factors": ("full-128-16", 20_000, 5),
    "full-128-16, 20 factors": ("full-128-16", 20_000, 20),
}
PER_CALL = 4


class LowRank:
    """`PER_CALL` iterations of EM from the same start, and the densities of all rows."""

    params = (list(CASES), ["float64", "float32"], [1, 2])
    param_names = ("data", "dtype", "n_threads")
    timeout = 300

    def setup(self, data: str, dtype: str, n_threads: int) -> None:
        warnings.simplefilter("ignore")
        recipe, n_rows, n_factors = CASES[data]
        self.rows = common.rows(recipe, n_rows, dtype)
        self.model = GaussianMixture(
            common.RECIPES[recipe].n_components,
            covariance_type="low_rank",
            n_factors=n_factors,
            tol=0.0,
            max_iter=PER_CALL,
            init_params="random_from_data",
            random_state=0,
            n_threads=n_threads,
        ).fit(self.rows)
        self.model.set_params(warm_start=True)
        self.scores = np.empty(len(self.rows), dtype)

    def time_iterations(self, data: str, dtype: str, n_threads: int) -> None:
        self.model.fit(self.rows)

    def time_log_density(self, data: str, dtype: str, n_threads: int) -> None:
        self.model.score_samples(self.rows, out=self.scores)
