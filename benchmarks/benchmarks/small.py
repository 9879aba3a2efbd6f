"""Small data, and wide data with few rows per component: fits, iterations, starts, a choice."""

import warnings
from pathlib import Path

import numpy as np

import fastgmm
from benchmarks import common
from fastgmm import GaussianMixture

FAITHFUL = Path(__file__).resolve().parents[2] / "data" / "faithful.csv"
FITS = {
    "150 x 4, K 3": (150, 4, 3, 3.0),
    "1000 x 2, K 3, overlapping": (1000, 2, 3, 1.5),
    "1000 x 8, K 4, clear": (1000, 8, 4, 12.0),
    "10000 x 8, K 10": (10_000, 8, 10, 6.0),
    "100 x 1000, K 2": (100, 1000, 2, 6.0),
}
"""Rows, features, components and the separation of their means."""
ITERATIONS = {
    "1000 x 2, K 3": (1000, 2, 3),
    "160 x 8, K 8": (160, 8, 8),
    "2048 x 16, K 16": (2048, 16, 16),
}
FEW_ROWS = {
    "4 x 128, K 2": (4, 128, 2),
    "16 x 64, K 8": (16, 64, 8),
    "1024 x 64, K 8": (1024, 64, 8),
    "1280 x 32, K 64": (1280, 32, 64),
    "1024 x 8, K 512": (1024, 8, 512),
    "2048 x 2, K 512": (2048, 2, 512),
}
"""Two rows per component, some twenty, and two per feature of each component."""
STARTS = {
    "1000 x 2, K 3": (1000, 2, 3),
    "20000 x 8, K 10": (20_000, 8, 10),
    "20000 x 8, K 50": (20_000, 8, 50),
    "200 x 500, K 2": (200, 500, 2),
}
TYPES = ("full", "tied", "diag", "spherical")
SEEDS = range(5)
SIZES = range(1, 10)


class SmallFit:
    """A fit with all defaults."""

    params = (list(FITS),)
    param_names = ("rows",)

    def setup(self, rows: str) -> None:
        warnings.simplefilter("ignore")
        n, d, k, separation = FITS[rows]
        self.rows, self.k = common.sized_rows(n, d, k, separation), k

    def _fit(self, seed: int) -> GaussianMixture:
        return GaussianMixture(self.k, random_state=seed, n_threads=1).fit(self.rows)

    def time_fit(self, rows: str) -> None:
        self._fit(0)

    def track_log_likelihood(self, rows: str) -> float:
        """Minus the nats per row, mean over `SEEDS`: faster cannot hide worse."""
        return float(-np.mean([self._fit(seed).score(self.rows) for seed in SEEDS]))

    track_log_likelihood.unit = "-nats per row"  # type: ignore[attr-defined]


class _Iterations:
    """Iterations from a start that is given."""

    n_iter = 20

    def _prepare(self, sizes: tuple[int, int, int], covariance_type: str) -> None:
        warnings.simplefilter("ignore")
        n, d, k = sizes
        self.rows, start = common.sized_rows(n, d, k), common.sized_start(d, k)
        precisions = {
            "full": start.precisions,
            "tied": start.precisions[0],
            "diag": np.ones((k, d)),
            "spherical": np.ones(k),
        }
        self.model = GaussianMixture(
            k,
            covariance_type=covariance_type,
            tol=0.0,
            max_iter=self.n_iter,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=precisions[covariance_type],
            random_state=0,
            n_threads=1,
        )


class SmallIterations(_Iterations):
    """Twenty iterations over few rows, where nothing but the arithmetic should cost."""

    params = (list(ITERATIONS), list(TYPES))
    param_names = ("rows", "covariance_type")

    def setup(self, rows: str, covariance_type: str) -> None:
        self._prepare(ITERATIONS[rows], covariance_type)

    def time_iterations(self, rows: str, covariance_type: str) -> None:
        self.model.fit(self.rows)


class FewRows(_Iterations):
    """Three iterations where components have few rows, collapse and are held."""

    params = (list(FEW_ROWS),)
    param_names = ("rows",)
    n_iter = 3

    def setup(self, rows: str) -> None:
        self._prepare(FEW_ROWS[rows], "full")

    def time_iterations(self, rows: str) -> None:
        self.model.fit(self.rows)


class SmallStart:
    """A default start alone."""

    params = (list(STARTS),)
    param_names = ("rows",)

    def setup(self, rows: str) -> None:
        warnings.simplefilter("ignore")
        n, d, k = STARTS[rows]
        self.rows = common.sized_rows(n, d, k, 6.0)
        self.model = GaussianMixture(k, random_state=0, max_iter=0, n_threads=1)

    def time_start(self, rows: str) -> None:
        self.model.fit(self.rows)


class Faithful:
    """The choice among 54 models of Old Faithful's 272 eruptions, each of ten starts."""

    def setup(self) -> None:
        warnings.simplefilter("ignore")
        self.rows = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)

    def time_select(self) -> None:
        fastgmm.select(self.rows, SIZES, random_state=0, n_threads=1)

    def track_bic(self) -> float:
        """Of the best: lower is better."""
        return fastgmm.select(self.rows, SIZES, random_state=0, n_threads=1).best.bic


class SmallStream:
    """`partial_fit` of three components in two features, after the first model was made."""

    params = ([1, 256],)
    param_names = ("batch",)

    def setup(self, batch: int) -> None:
        rows = common.sized_rows(2000 + 500 * batch, 2, 3, 3.0)
        self.model = GaussianMixture(3, random_state=0, n_threads=1).partial_fit(rows[:2000])
        self.batches = [rows[i : i + batch] for i in range(2000, len(rows), batch)]

    def time_learn(self, batch: int) -> None:
        for rows in self.batches:
            self.model.partial_fit(rows)
