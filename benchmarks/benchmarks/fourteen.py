"""mclust's fourteen covariance types: iterations over many rows, M-steps, a choice among all."""

import warnings

from benchmarks import common
from fastgmm import GaussianMixture, select
from fastgmm.typing import MCLUST_TYPES

DATA = "full-16-16"
ROWS, COMPONENTS = 50_000, 8
PER_CALL = 4


class Iterations:
    """`PER_CALL` iterations that go on from a fit, and the M-step of one of them."""

    params = (list(MCLUST_TYPES),)
    param_names = ("covariance_type",)
    timeout = 300

    def setup(self, covariance_type: str) -> None:
        warnings.simplefilter("ignore")
        self.rows = common.rows(DATA, ROWS)
        self.model = GaussianMixture(
            COMPONENTS,
            covariance_type=covariance_type,
            tol=0.0,
            max_iter=PER_CALL,
            warm_start=True,
            random_state=0,
            n_threads=1,
        ).fit(self.rows)
        self.statistics = self.model.e_step(self.rows)

    def time_iterations(self, covariance_type: str) -> None:
        self.model.fit(self.rows)

    def time_m_step(self, covariance_type: str) -> None:
        self.model.m_step(self.statistics)


class Choice:
    """The choice among all fourteen, of a few rows."""

    timeout = 300

    def setup(self) -> None:
        warnings.simplefilter("ignore")
        self.rows = common.rows("full-2-8", 300)

    def time_select(self) -> None:
        select(self.rows, range(1, 4), "mclust", n_init=1, random_state=0, n_threads=1)
