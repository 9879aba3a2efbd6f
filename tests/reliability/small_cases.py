"""Call all kernels with a few rows each: for tools under which a process runs fifty times slower.

Run by test_small_cases.py, and by `ci/sanitizers.sh memory` under valgrind; the instruction set is
that of FASTGMM_ISA.
"""

import json
import warnings
from typing import Any

import numpy as np

import fastgmm
from fastgmm import BayesianGaussianMixture, GaussianMixture, kernels

RNG = np.random.default_rng(0)
TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "low_rank")
RESTRICTED = ("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV")
RESTRICTED += ("EVV", "VVV")
N_FEATURES = (1, 3, 9)
"""A number alone, fewer than the lanes of a vector register, and one beyond eight of them."""


def rows_of(n_features: int, dtype: Any, n: int = 37) -> Any:
    """Two clusters, in a number of rows that no block divides."""
    rows = RNG.normal(size=(n, n_features)) + np.where(np.arange(n) % 2, 4.0, 0.0)[:, np.newaxis]
    return rows.astype(dtype)


def ask(model: Any, rows: Any) -> None:
    """All questions about rows."""
    model.score_samples(rows)
    model.predict_proba(rows)
    model.predict(rows)
    model.score_one(rows[0])


def fit_types(dtype: Any) -> None:
    """Each covariance type, with and without weights, labels and noise."""
    for n_features in N_FEATURES:
        rows = rows_of(n_features, dtype)
        for name in TYPES:
            if name != "low_rank" or n_features > 1:
                extra = {"n_factors": 1} if name == "low_rank" else {}
                model = GaussianMixture(2, covariance_type=name, random_state=0, **extra)
                ask(model.fit(rows), rows)
                model.fit(rows, sample_weight=np.arange(1.0, len(rows) + 1.0))
    rows = rows_of(3, dtype)
    for name in RESTRICTED:
        ask(GaussianMixture(2, covariance_type=name, random_state=0, max_iter=8).fit(rows), rows)
    labels = np.where(np.arange(len(rows)) < 6, np.arange(len(rows)) % 2, -1)
    GaussianMixture(2, random_state=0).fit(rows, labels=labels)
    ask(GaussianMixture(2, noise=0.01, random_state=0).fit(rows), rows)
    GaussianMixture(2, frozen=("means",), means_init=rows[:2], random_state=0).fit(rows)


def fit_others(dtype: Any) -> None:
    """Gaps, streams, batches, groups, posteriors, and what is done with mixtures."""
    rows = rows_of(3, dtype)
    gaps = rows.copy()
    gaps[RNG.random(rows.shape) < 0.2] = np.nan
    for name in ("full", "diag"):
        model = GaussianMixture(2, covariance_type=name, missing="em", random_state=0).fit(gaps)
        ask(model, gaps)
        model.impute(gaps)
    for name in ("full", "tied", "diag", "spherical"):
        stream = GaussianMixture(2, covariance_type=name, random_state=0)
        for n in (1100, 50, 3):
            ask(stream.partial_fit(rows_of(3, dtype, n)), rows)
    GaussianMixture(2, random_state=0).fit_batches([rows, rows_of(3, dtype)])
    fastgmm.fit_many([rows, rows_of(3, dtype)], 2, random_state=0)
    fastgmm.select(rows, [1, 2], "full", n_init=1, random_state=0)
    fastgmm.compress(rows_of(3, dtype, 300))
    for kind in ("full", "diag"):
        posterior = BayesianGaussianMixture(n_components=3, covariance_type=kind, random_state=0)
        ask(posterior.fit(rows), rows)
    whole = GaussianMixture(3, random_state=0).fit(rows)
    whole.merge_components(2)
    whole.kl_divergence(model.__class__(2, random_state=0).fit(rows), n_samples=50)
    whole.marginal([0, 2])
    whole.conditional([0], [0.5])
    whole.adapt(rows)
    whole.fisher_vectors(rows)
    whole.bic(rows)
    whole.snapshot().scorer(dtype)


def start_and_end(dtype: Any) -> None:
    """All ways to start, more rows than a block, and components that collapse."""
    rows = rows_of(3, dtype, 700)
    for init in ("ward", "kmeans", "k-means++", "random", "random_from_data"):
        model = GaussianMixture(6, init_params=init, n_init=2, random_state=0, max_iter=12)
        ask(model.fit(rows), rows)
    for name in ("full", "diag", "spherical"):
        few = GaussianMixture(4, covariance_type=name, random_state=0, reg_covar=1e-9)
        ask(few.fit(np.round(rows[:60] / 4.0)), rows)
    points, heights = rows[:21].astype(np.float64), np.empty(20)
    kernels.ward(points, np.ones(21), np.empty((20, 2), dtype=np.intp), heights)


def main() -> None:
    """Do all of it in both types."""
    warnings.simplefilter("ignore")
    for dtype in (np.float64, np.float32):
        fit_types(dtype)
        fit_others(dtype)
        start_and_end(dtype)
    print(json.dumps({"instruction set": kernels.CHOSEN.name}))


if __name__ == "__main__":
    main()
