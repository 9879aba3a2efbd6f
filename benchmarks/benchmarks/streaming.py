"""Streams: online learning, batches from files, scores in batches."""

import tempfile
import warnings
from pathlib import Path

import numpy as np

from benchmarks import common
from fastgmm import GaussianMixture, sources

ROWS = 100_000
RECIPE = "full-16-16"


class PartialFit:
    """`partial_fit` after the first model was made; one call, or all rows in batches."""

    params = (["full", "tied", "diag", "spherical"], [1, 100, 256, 4096])
    param_names = ("covariance_type", "batch")
    timeout = 300

    def setup(self, covariance_type: str, batch: int) -> None:
        self.rows = common.rows(RECIPE, ROWS)
        self.model = GaussianMixture(
            16, covariance_type=covariance_type, random_state=0, n_threads=1
        ).partial_fit(self.rows[:20_000])
        self.batches = [
            self.rows[begin : begin + batch]
            for begin in range(20_000, min(ROWS, 20_000 + 500 * batch), batch)
        ]

    def time_learn(self, covariance_type: str, batch: int) -> None:
        for rows in self.batches:
            self.model.partial_fit(rows)

    def track_rows_per_second(self, covariance_type: str, batch: int) -> float:
        """Rows learned from per second of this thread."""
        import time

        begin = time.thread_time()
        self.time_learn(covariance_type, batch)
        return sum(map(len, self.batches)) / (time.thread_time() - begin)

    track_rows_per_second.unit = "rows/s"  # type: ignore[attr-defined]


class FitBatches:
    """Passes over a mapped file, and over arrays in memory."""

    params = (["memory", ".npy"],)
    param_names = ("source",)
    timeout = 300

    def setup(self, source: str) -> None:
        warnings.simplefilter("ignore")
        rows = common.rows(RECIPE, ROWS)
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name, "rows.npy")
        np.save(path, rows)
        self.batches = (
            np.array_split(rows, 10)
            if source == "memory"
            else sources.batches(path, batch_rows=16384)
        )
        self.model = GaussianMixture(16, random_state=0, tol=0.0, max_iter=4)

    def teardown(self, source: str) -> None:
        self.folder.cleanup()

    def time_four_passes(self, source: str) -> None:
        self.model.fit_batches(self.batches)


class Snapshots:
    """What a reader pays for a model that is whole."""

    def setup(self) -> None:
        self.model = GaussianMixture(16, random_state=0).fit(common.rows(RECIPE, 5000))

    def time_snapshot(self) -> None:
        self.model.snapshot()
