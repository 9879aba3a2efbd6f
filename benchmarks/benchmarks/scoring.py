"""Scores of one row and of a million."""

import numpy as np

from benchmarks import common
from fastgmm import GaussianMixture

METHODS = ["score_samples", "predict", "predict_proba"]


def known_model(name: str, **params: object) -> GaussianMixture:
    """Return a model with the parameters that a recipe starts with."""
    start, recipe = common.start(name), common.RECIPES[name]
    return GaussianMixture.from_parameters(
        start.weights,
        start.means,
        start.covariances,
        covariance_type=recipe.covariance_type,
        **params,
    )


class OneRow:
    """A call with one row."""

    params = (METHODS, ["full-16-16", "tied-16-16", "spherical-16-16"])
    param_names = ("method", "data")

    def setup(self, method: str, data: str) -> None:
        model = known_model(data)
        self.call = getattr(model, method)
        self.row = common.rows(data, 1)

    def time_call(self, method: str, data: str) -> None:
        self.call(self.row)


class OneRowOut:
    """A call with one row and a given array for the result."""

    params = (["score_samples", "predict_proba"],)
    param_names = ("method",)

    def setup(self, method: str) -> None:
        model = known_model("full-16-16")
        self.call = getattr(model, method)
        self.row = common.rows("full-16-16", 1)
        self.out = np.empty(1) if method == "score_samples" else np.empty((1, 16))

    def time_call(self, method: str) -> None:
        self.call(self.row, out=self.out)


class Million:
    """A million rows at once."""

    params = (METHODS, ["full-16-16", "diag-32-64", "tied-16-16", "full-2-8"], [1, 2])
    param_names = ("method", "data", "n_threads")
    timeout = 300
    n_rows = 1_000_000

    def setup(self, method: str, data: str, n_threads: int) -> None:
        self.rows = common.rows(data, self.n_rows)
        self.call = getattr(known_model(data, n_threads=n_threads), method)

    def time_call(self, method: str, data: str, n_threads: int) -> None:
        self.call(self.rows)


class MillionOut:
    """A million rows into a given array."""

    timeout = 300
    n_rows = 1_000_000

    def setup(self) -> None:
        self.rows = common.rows("full-16-16", self.n_rows)
        self.out = np.empty(len(self.rows))
        self.model = known_model("full-16-16", n_threads=1)

    def time_score_samples(self) -> None:
        self.model.score_samples(self.rows, out=self.out)
