"""Fits: time per iteration, whole fits, their memory, and how high they end."""

import warnings

import numpy as np

from benchmarks import common
from benchmarks.memory import peak_above
from fastgmm import GaussianMixture

# recipe and rows: those of peers.py, so that its tables and these curves speak of the same work
ITERATIONS = {
    "full-16-16": 200_000,
    "full-64-32": 50_000,
    "full-128-16": 20_000,
    "full-128-16-separated": 20_000,
    "full-64-32-separated": 50_000,
    "full-2-8": 1_000_000,
    "full-8-10": 200_000,
    "diag-32-64": 500_000,
    "tied-16-16": 200_000,
    "spherical-16-16": 200_000,
}
FITS = {
    "clusters-8-10": ("full", 100_000),
    "tied-8-10": ("tied", 100_000),
    "diag-8-10": ("diag", 100_000),
    "spherical-8-10": ("spherical", 100_000),
}
SLOW = {"full-8-10": 20_000, "full-2-8": 20_000, "diag-8-10": 20_000, "tied-8-10": 20_000}
SEEDS = range(5)
PER_CALL = 4


class Iteration:
    """`PER_CALL` iterations of EM from the recipe's start; a fit has next to no other cost."""

    params = (list(ITERATIONS), ["float64", "float32"], [1, 2])
    param_names = ("data", "dtype", "n_threads")
    timeout = 300

    def setup(self, data: str, dtype: str, n_threads: int) -> None:
        warnings.simplefilter("ignore")
        self.rows = common.rows(data, ITERATIONS[data], dtype)
        start, recipe = common.start(data, dtype), common.RECIPES[data]
        self.model = GaussianMixture(
            recipe.n_components,
            covariance_type=recipe.covariance_type,
            tol=0.0,
            max_iter=PER_CALL,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=start.precisions,
            n_threads=n_threads,
        )

    def time_iterations(self, data: str, dtype: str, n_threads: int) -> None:
        self.model.fit(self.rows)

    def track_peak_memory(self, data: str, dtype: str, n_threads: int) -> float:
        """Megabytes above the data."""
        peak = peak_above(lambda: self.model.fit(self.rows))
        return float("nan") if peak is None else peak

    track_peak_memory.unit = "MB"  # type: ignore[attr-defined]


class DefaultFit:
    """From raw rows to convergence, with all defaults."""

    params = (list(FITS),)
    param_names = ("data",)
    timeout = 300

    def setup(self, data: str) -> None:
        warnings.simplefilter("ignore")
        kind, n_rows = FITS[data]
        self.n_components = common.RECIPES[data].n_components
        self.kind = kind
        self.rows = common.rows(data, n_rows)

    def _fit(self, seed: int) -> GaussianMixture:
        model = GaussianMixture(self.n_components, covariance_type=self.kind, random_state=seed)
        return model.fit(self.rows)

    def time_fit(self, data: str) -> None:
        self._fit(0)

    def peakmem_fit(self, data: str) -> None:
        self._fit(0)

    def track_log_likelihood(self, data: str) -> float:
        """Minus the nats per row, mean over `SEEDS`: faster cannot hide worse, lower is better."""
        return float(-np.mean([self._fit(seed).score(self.rows) for seed in SEEDS]))

    def track_iterations(self, data: str) -> float:
        """Mean over `SEEDS` of the iterations."""
        return float(np.mean([self._fit(seed).n_iter_ for seed in SEEDS]))

    track_log_likelihood.unit = "-nats per row"  # type: ignore[attr-defined]
    track_iterations.unit = "iterations"  # type: ignore[attr-defined]


class SlowFit:
    """Overlapping components, where EM needs passes by the hundred: with and without L-BFGS."""

    params = (list(SLOW), [None, "lbfgs"])
    param_names = ("data", "acceleration")
    timeout = 300

    def setup(self, data: str, acceleration: str | None) -> None:
        warnings.simplefilter("ignore")
        recipe, n_rows = common.RECIPES[data], SLOW[data]
        self.rows = common.rows(data, n_rows)
        self.options = {
            "n_components": recipe.n_components,
            "covariance_type": recipe.covariance_type,
            "acceleration": acceleration,
            "gap_tol": 1e-6,
            "max_iter": 2000,
            "random_state": 0,
        }

    def time_fit(self, data: str, acceleration: str | None) -> None:
        GaussianMixture(**self.options).fit(self.rows)

    def track_passes(self, data: str, acceleration: str | None) -> int:
        return GaussianMixture(**self.options).fit(self.rows).n_passes_

    def track_log_likelihood(self, data: str, acceleration: str | None) -> float:
        """Minus the nats per row: fewer passes cannot hide a lower end."""
        return -GaussianMixture(**self.options).fit(self.rows).lower_bound_

    track_passes.unit = "passes"  # type: ignore[attr-defined]
    track_log_likelihood.unit = "-nats per row"  # type: ignore[attr-defined]
