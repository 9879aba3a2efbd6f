"""Many fits at once: the choice of the number of components, and fits of repeated rows."""

import warnings

import numpy as np

import fastgmm
from benchmarks import common

SELECTED = {"full-2-8": 2000, "full-8-10": 5000}
SIZES = range(1, 10)


class Selection:
    """Nine sizes and six covariance types, each from the best of ten starts."""

    params = (list(SELECTED), [1, 2])
    param_names = ("data", "n_threads")
    timeout = 300

    def setup(self, data: str, n_threads: int) -> None:
        warnings.simplefilter("ignore")
        self.rows = common.rows(data, SELECTED[data])

    def time_select(self, data: str, n_threads: int) -> None:
        fastgmm.select(self.rows, SIZES, random_state=0, n_threads=n_threads)

    def track_bic(self, data: str, n_threads: int) -> float:
        """Of the best, per row: lower is better."""
        chosen = fastgmm.select(self.rows, SIZES, random_state=0, n_threads=n_threads)
        return chosen.best.bic / len(self.rows)


class RepeatedRows:
    """Rows of eight bits per number, as in images."""

    params = (["uint8", "float64"],)
    param_names = ("dtype",)

    def setup(self, dtype: str) -> None:
        rows = common.rows("full-2-8", 500_000)
        scaled = 256.0 * (rows - rows.min(axis=0)) / (np.ptp(rows, axis=0) + 1e-9)
        self.rows = np.floor(scaled).astype(dtype)

    def time_compress(self, dtype: str) -> None:
        fastgmm.compress(self.rows)

    def time_numpy_unique(self, dtype: str) -> None:
        np.unique(self.rows, axis=0, return_counts=True)
