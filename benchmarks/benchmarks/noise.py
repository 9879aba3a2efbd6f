"""Noise beside the components: default fits from raw rows, and iterations against plain ones."""

import warnings

import numpy as np

from benchmarks import common
from fastgmm import GaussianMixture

PER_CALL = 4


def scene(n_rows: int, n_features: int, share: float) -> np.ndarray:
    """Rows of four clusters, a share of which is noise in a box around them."""
    rng = np.random.default_rng(3)
    centres = 8.0 * rng.normal(size=(4, n_features))
    rows = centres[rng.integers(4, size=n_rows)] + rng.normal(size=(n_rows, n_features))
    noisy = rng.random(n_rows) < share
    ends = rows.min(axis=0) - 8.0, rows.max(axis=0) + 8.0
    rows[noisy] = rng.uniform(*ends, (int(noisy.sum()), n_features))
    return rows


class DefaultNoise:
    """From raw rows to convergence, with all defaults."""

    params = ([3_000, 100_000], [2, 8], [0.1, 0.3])
    param_names = ("rows", "features", "share")
    timeout = 300

    def setup(self, n_rows: int, n_features: int, share: float) -> None:
        warnings.simplefilter("ignore")
        self.rows = scene(n_rows, n_features, share)
        self.model = GaussianMixture(4, noise="uniform", random_state=0, n_threads=1)

    def time_fit(self, n_rows: int, n_features: int, share: float) -> None:
        self.model.fit(self.rows)

    def track_passes(self, n_rows: int, n_features: int, share: float) -> int:
        return self.model.fit(self.rows).n_passes_

    def track_error_of_share(self, n_rows: int, n_features: int, share: float) -> float:
        return abs(self.model.fit(self.rows).noise_weight_ - share)


class NoiseIteration:
    """`PER_CALL` iterations that go on from a fit, with a given volume and without noise."""

    params = (["full-16-16", "tied-16-16", "spherical-16-16"], [True, False])
    param_names = ("data", "noise")
    timeout = 300

    def setup(self, data: str, noise: bool) -> None:
        warnings.simplefilter("ignore")
        self.rows, recipe = common.rows(data, 200_000), common.RECIPES[data]
        self.model = GaussianMixture(
            recipe.n_components,
            covariance_type=recipe.covariance_type,
            noise=float(np.prod(np.ptp(self.rows, axis=0))) if noise else None,
            tol=0.0,
            max_iter=PER_CALL,
            warm_start=True,
            n_threads=1,
        ).fit(self.rows)

    def time_iterations(self, data: str, noise: bool) -> None:
        self.model.fit(self.rows)
