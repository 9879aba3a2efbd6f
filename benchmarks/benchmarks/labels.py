"""Iterations over rows of which some have labels, beside the same rows without; a classifier."""

import time

import numpy as np

from benchmarks import common
from fastgmm import GaussianMixture, GaussianMixtureClassifier

N_ROWS = {"full-16-16": 200_000, "diag-32-64": 100_000}
"""Recipes, with the number of their rows."""
KNOWN = ("nothing", "tenth", "half", "all", "100 sets", "1000 sets", "5000 sets")
"""What is known of the rows: the labels of a share, or sets of a third of the components."""
SHARES = {"nothing": 0.0, "tenth": 0.1, "half": 0.5, "all": 1.0}
CLASSES = 10


def known(model: GaussianMixture, rows: np.ndarray, what: str) -> np.ndarray | None:
    """Return labels, or the components that rows may be of, their own among them."""
    rng, own = np.random.default_rng(0), model.predict(rows)
    if what in SHARES:
        return np.where(rng.random(len(rows)) < SHARES[what], own, -1)
    n, k = int(what.split()[0]), len(model.weights_)
    sets = rng.random((n, k)) < 1.0 / 3.0
    sets[np.arange(n), rng.integers(k, size=n)] = True
    return sets[rng.integers(n, size=len(rows))]


class LabelledIterations:
    """Ten iterations: what grouping costs once shows little."""

    params = (list(N_ROWS), KNOWN)
    param_names = ("data", "known")
    timer = time.thread_time
    timeout = 300

    def setup(self, data: str, known_rows: str) -> None:
        self.rows, start = common.rows(data, N_ROWS[data]), common.start(data)
        kind = common.RECIPES[data].covariance_type
        model = GaussianMixture.from_parameters(
            start.weights, start.means, start.covariances, covariance_type=kind, n_threads=1
        )
        self.labels = known(model, self.rows, known_rows)
        self.model = GaussianMixture(
            len(start.weights),
            covariance_type=kind,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=start.precisions,
            acceleration=None,
            max_iter=10,
            tol=0.0,
            n_threads=1,
        )

    def time_fit(self, data: str, known_rows: str) -> None:
        self.model.fit(self.rows, labels=self.labels)


class Classifier:
    """A fit of ten classes with all defaults but their size, and predictions."""

    timer = time.thread_time

    def setup(self) -> None:
        self.rows = common.rows("full-16-16", 50_000)
        self.classes = np.arange(len(self.rows)) % CLASSES
        model = GaussianMixtureClassifier(4, random_state=0, n_threads=1)
        self.model = model.fit(self.rows, self.classes)

    def time_fit(self) -> None:
        self.model.fit(self.rows, self.classes)

    def time_predict(self) -> None:
        self.model.predict(self.rows)
