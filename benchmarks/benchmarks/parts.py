"""Known parts: fits with frozen means, adaptation to few rows, Fisher vectors of groups."""

import warnings

import numpy as np

from benchmarks import common
from fastgmm import GaussianMixture

PER_CALL = 4
GROUPS, GROUP_ROWS = 40, 500


def background(n_components: int, n_features: int) -> GaussianMixture:
    """A mixture of known parameters, as that of all speakers or images."""
    rng = np.random.default_rng(0)
    return GaussianMixture.from_parameters(
        np.full(n_components, 1.0 / n_components),
        rng.normal(size=(n_components, n_features)),
        rng.uniform(0.5, 1.5, size=(n_components, n_features)),
        covariance_type="diag",
        n_threads=1,
    )


def rows_of(model: GaussianMixture, n_rows: int) -> np.ndarray:
    """Rows of the mixture, but for where the benchmarks' own tests want few."""
    n_rows = n_rows if common.ROW_LIMIT is None else min(n_rows, common.ROW_LIMIT)
    return model.sample(n_rows, random_state=1)[0]


class FrozenMeans:
    """`PER_CALL` iterations with means that stay, and the same ones that are free."""

    params = (["full-16-16", "diag-32-64"], [(), ("means",)])
    param_names = ("data", "frozen")

    def setup(self, data: str, frozen: tuple[str, ...]) -> None:
        warnings.simplefilter("ignore")
        self.rows, recipe = common.rows(data, 50_000), common.RECIPES[data]
        k, kind = recipe.n_components, recipe.covariance_type
        start = GaussianMixture(k, covariance_type=kind, max_iter=1, random_state=0).fit(self.rows)
        self.model = GaussianMixture(
            k,
            covariance_type=kind,
            weights_init=start.weights_,
            means_init=start.means_,
            precisions_init=start.precisions_,
            frozen=frozen,
            tol=0.0,
            max_iter=PER_CALL,
            n_threads=1,
        )

    def time_iterations(self, data: str, frozen: tuple[str, ...]) -> None:
        self.model.fit(self.rows)


class Adaptation:
    """512 components with 39 features, as in speaker verification, and 10,000 rows."""

    def setup(self) -> None:
        self.model = background(512, 39)
        self.rows = rows_of(self.model, 10_000)
        self.statistics = self.model.e_step(self.rows)

    def time_rows(self) -> None:
        self.model.adapt(self.rows)

    def time_statistics(self) -> None:
        self.model.adapt(self.statistics)


class FisherVectors:
    """Groups of 500 rows with 64 features under 64 components."""

    params = (["float64", "float32"],)
    param_names = ("dtype",)

    def setup(self, dtype: str) -> None:
        self.model = background(64, 64)
        rows = rows_of(self.model, GROUPS * GROUP_ROWS).astype(dtype)
        self.groups = np.array_split(rows, GROUPS)

    def time_groups(self, dtype: str) -> None:
        self.model.fisher_vectors(self.groups)
