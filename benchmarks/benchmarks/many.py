"""Many small fits: one model per group, and the bootstrap."""

import warnings

import numpy as np

import fastgmm
from benchmarks import common

GROUPS = 300
ROWS = 200
REPLICATES = 100


class Groups:
    """Groups of 200 rows with three columns, two components each."""

    params = ([1, 2],)
    param_names = ("n_threads",)
    timeout = 300

    def setup(self, n_threads: int) -> None:
        warnings.simplefilter("ignore")
        rows = common.rows("full-8-10", GROUPS * ROWS)[:, :3]
        self.groups = np.array_split(np.ascontiguousarray(rows), max(1, len(rows) // ROWS))

    def time_fit_many(self, n_threads: int) -> None:
        fastgmm.fit_many(self.groups, 2, random_state=0, n_threads=n_threads)

    def time_fits_in_a_loop(self, n_threads: int) -> None:
        for rows in self.groups:
            fastgmm.GaussianMixture(2, random_state=0, n_threads=n_threads).fit(rows)


class Bootstrap:
    """Replicates of two components in two columns."""

    params = (["nonparametric", "parametric", "weighted"], [1, 2])
    param_names = ("kind", "n_threads")
    timeout = 300

    def setup(self, kind: str, n_threads: int) -> None:
        warnings.simplefilter("ignore")
        self.rows = common.rows("full-2-8", 300)
        self.model = fastgmm.GaussianMixture(2, random_state=0).fit(self.rows)

    def time_bootstrap(self, kind: str, n_threads: int) -> None:
        fastgmm.bootstrap(
            self.model, self.rows, REPLICATES, kind=kind, random_state=0, n_threads=n_threads
        )


class LikelihoodRatio:
    """Two components against three."""

    params = ([1, 2],)
    param_names = ("n_threads",)
    timeout = 300

    def setup(self, n_threads: int) -> None:
        warnings.simplefilter("ignore")
        self.rows = common.rows("full-2-8", 300)

    def time_bootstrap_lrt(self, n_threads: int) -> None:
        fastgmm.bootstrap_lrt(
            self.rows,
            2,
            max_components=3,
            n_bootstrap=REPLICATES // 5,
            random_state=0,
            n_threads=n_threads,
        )
