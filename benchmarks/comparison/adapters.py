"""fastgmm, scikit-learn and oneDAL behind one interface; the other peers are in `other_adapters`.

Conversions of data and start happen in the constructors, so that no peer pays for them in its time.
"""

import importlib.metadata
import sys
import types
from dataclasses import dataclass
from typing import Any

import numpy as np


class Unsupported(Exception):
    """A peer cannot do what is asked; the text goes into the table."""


@dataclass(frozen=True)
class Job:
    """Rows (n, D) and the parameters to begin with, in the shapes of scikit-learn's attributes."""

    rows: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    precisions: np.ndarray
    covariance_type: str
    n_threads: int

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.weights)


class Adapter:
    """One peer with one job; what it does not override it does not support."""

    distribution: str
    """Name of its distribution, for the version."""
    own_start = False
    """Whether it cannot begin from given parameters: its likelihood compares with nobody's."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def fit(self, n_iter: int) -> None:
        """Run exactly `n_iter` iterations of EM from the job's start, without regularisation."""
        raise NotImplementedError

    def default_fit(self, seed: int) -> None:
        """Fit from raw rows with the peer's own defaults for everything but K."""
        raise Unsupported("no comparable default fit")

    def version(self) -> str:
        """Of what is installed."""
        return importlib.metadata.version(self.distribution)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, means and covariances after a fit."""
        raise NotImplementedError

    def score_samples(self, rows: np.ndarray) -> Any:
        """Log density of each row under the fitted mixture."""
        raise Unsupported("no density of rows")

    def predict(self, rows: np.ndarray) -> Any:
        """Label of each row."""
        raise Unsupported("no labels of rows")

    def predict_proba(self, rows: np.ndarray) -> Any:
        """Responsibilities of each row."""
        raise Unsupported("no responsibilities of rows")


class ScikitLearn(Adapter):
    """scikit-learn's GaussianMixture, and whatever has its interface."""

    distribution = "scikit-learn"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.make = self.estimator()

    def estimator(self) -> Any:
        """Return the class, with what it is told beside the common arguments."""
        from sklearn.mixture import GaussianMixture

        return GaussianMixture

    def fit(self, n_iter: int) -> None:
        job = self.job
        self.model = self.make(
            job.n_components,
            covariance_type=job.covariance_type,
            tol=0.0,
            reg_covar=0.0,
            max_iter=n_iter,
            weights_init=job.weights,
            means_init=job.means,
            precisions_init=job.precisions,
        ).fit(job.rows)
        if self.model.n_iter_ != n_iter:
            raise RuntimeError(f"{self.model.n_iter_} iterations instead of {n_iter}")

    def default_fit(self, seed: int) -> None:
        self.model = self.make(self.job.n_components, random_state=seed).fit(self.job.rows)

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.model.weights_, self.model.means_, self.model.covariances_

    def score_samples(self, rows: np.ndarray) -> Any:
        return self.model.score_samples(rows)

    def predict(self, rows: np.ndarray) -> Any:
        return self.model.predict(rows)

    def predict_proba(self, rows: np.ndarray) -> Any:
        return self.model.predict_proba(rows)


class Fastgmm(ScikitLearn):
    """fastgmm; FASTGMM_ISA is set by whoever starts the process."""

    distribution = "fastgmm"

    def estimator(self) -> Any:
        from functools import partial

        from fastgmm import GaussianMixture

        return partial(GaussianMixture, n_threads=self.job.n_threads)

    def version(self) -> str:
        """Of what is imported, which need not be what is installed."""
        import fastgmm

        return fastgmm.__version__


class OneDAL(Adapter):
    """Intel oneDAL through daal4py: em_gmm."""

    distribution = "daal4py"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        storage = {"full": "full", "diag": "diagonal"}
        if job.covariance_type not in storage:
            raise Unsupported(f"em_gmm has no {job.covariance_type} covariances")
        # daal4py 2024.7 imports its patches of scikit-learn, which fail beside scikit-learn 1.9;
        # em_gmm needs none of them.
        sys.modules["daal4py.sklearn"] = types.ModuleType("daal4py.sklearn")
        import daal4py

        daal4py.daalinit(job.n_threads)
        self.daal = daal4py
        self.options = {
            "nComponents": job.n_components,
            "fptype": "float" if job.rows.dtype == np.float32 else "double",
            "covarianceStorage": storage[job.covariance_type],
        }
        matrices = job.covariances if job.covariance_type == "full" else job.covariances[:, None, :]
        self.start = (job.weights[None], job.means, [np.ascontiguousarray(m) for m in matrices])

    def fit(self, n_iter: int) -> None:
        algorithm = self.daal.em_gmm(maxIterations=n_iter, accuracyThreshold=0.0, **self.options)
        self.result = algorithm.compute(self.job.rows, *self.start)
        done = int(np.ravel(self.result.nIterations)[0])
        if done != n_iter:
            raise RuntimeError(f"{done} iterations instead of {n_iter}")

    def default_fit(self, seed: int) -> None:
        engine = self.daal.engines_mt19937(seed=seed + 1)
        first = self.daal.em_gmm_init(engine=engine, **self.options).compute(self.job.rows)
        # scikit-learn's limit and threshold, the latter of the sum over rows; its own limit is 10
        algorithm = self.daal.em_gmm(
            maxIterations=100, accuracyThreshold=1e-3 * len(self.job.rows), **self.options
        )
        self.result = algorithm.compute(
            self.job.rows, first.weights, first.means, list(first.covariances)
        )

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        matrices = np.stack([np.array(matrix) for matrix in self.result.covariances])
        if self.job.covariance_type == "diag":
            matrices = matrices[:, 0]
        return np.ravel(self.result.weights), np.array(self.result.means), matrices
