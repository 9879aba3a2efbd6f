"""Ask each public method for more memory than there is; print what came of it, as JSON.

Run by test_limited_memory.py.  Each call has a process of its own, which a limit of its addresses
holds to what it has and a little more.
"""

import json
import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastgmm

MORE = 600 << 20
"""So many bytes may be taken beside those that the process has."""
K, D = 400, 700
"""Covariances of so many components take 1.6 GB, each array of them."""
RNG = np.random.default_rng(0)
WIDE = RNG.normal(size=(900, D))
FEW = RNG.normal(size=(200, 2))
GAPS = np.where(RNG.random(WIDE.shape) < 0.1, np.nan, WIDE)
LONG = 1 << 27
"""So many rows of one float32 are a file of 512 MB, all of it a hole."""

Case = tuple[str, Callable[[], Any]]


def mixture(**params: Any) -> fastgmm.GaussianMixture:
    return fastgmm.GaussianMixture(K, random_state=0, n_threads=1, **params)


def long_rows() -> np.ndarray:
    """Rows that nobody has written: the file has a size, and takes no room."""
    path = Path("holes")
    path.touch()
    os.truncate(path, 4 * LONG)
    return np.memmap(path, dtype=np.float32, mode="r", shape=(LONG, 1))


def learned(model: fastgmm.GaussianMixture) -> None:
    """Learn from rows until there are enough for a first mixture."""
    while not model.is_fitted:
        model.partial_fit(WIDE)


def cases() -> Iterator[Case]:
    labels = np.full(len(WIDE), -1)
    groups = np.repeat([0, 1], 450)
    yield "fit", lambda: mixture().fit(WIDE)
    yield "fit with weights", lambda: mixture().fit(WIDE, sample_weight=np.ones(len(WIDE)))
    yield "fit with gaps", lambda: mixture(missing="em").fit(GAPS)
    yield "fit with labels", lambda: mixture().fit(WIDE, labels=labels)
    yield "fit with noise", lambda: mixture(noise=1.0).fit(WIDE)
    yield "fit with a prior", lambda: mixture(prior=fastgmm.NormalInverseWishart()).fit(WIDE)
    yield "fit_predict", lambda: mixture().fit_predict(WIDE)
    yield "fit_batches", lambda: mixture().fit_batches([WIDE[:450], WIDE[450:]])
    yield "partial_fit", lambda: learned(mixture())
    factors = {"covariance_type": "low_rank", "n_factors": D - 1}
    yield "fit of low rank", lambda: mixture(**factors).fit(WIDE)
    yield "fit of EVE", lambda: mixture(covariance_type="EVE").fit(WIDE)
    bayes = fastgmm.BayesianGaussianMixture(n_components=K, random_state=0)
    yield "a posterior", lambda: bayes.fit(WIDE)
    yield "select", lambda: fastgmm.select(WIDE, [K], "full", random_state=0)
    yield "fit_many", lambda: fastgmm.fit_many([WIDE, WIDE], K, random_state=0)
    yield "bootstrap_lrt", lambda: fastgmm.bootstrap_lrt(WIDE, K, max_components=K + 1)
    yield "fit_with", lambda: fastgmm.fit_with(lambda model: model.e_step(WIDE), WIDE, K)
    classifier = fastgmm.GaussianMixtureClassifier(K, random_state=0)
    yield "a classifier", lambda: classifier.fit(WIDE, groups)
    regressor = fastgmm.GaussianMixtureRegressor(K, random_state=0)
    yield "a regressor", lambda: regressor.fit(WIDE[:, 1:], WIDE[:, 0])
    spreads = np.broadcast_to(np.eye(D), (K, D, D))
    weights, means = np.full(K, 1 / K), np.zeros((K, D))
    make = fastgmm.GaussianMixture.from_parameters
    yield "from_parameters", lambda: make(weights, means, spreads)

    rows = long_rows()
    three = np.full(3, 1 / 3), np.arange(3.0)[:, np.newaxis], np.ones((3, 1, 1))
    model = make(*three, n_threads=1)
    noisy = make(*three, n_threads=1, noise=10.0)
    yield "score_samples", lambda: model.score_samples(rows)
    yield "predict_proba", lambda: model.predict_proba(rows)
    yield "predict", lambda: model.predict(rows)
    yield "component_log_density", lambda: model.component_log_density(rows)
    yield "mahalanobis", lambda: model.mahalanobis(rows)
    yield "noise_proba", lambda: noisy.noise_proba(rows)
    yield "impute", lambda: model.impute(rows)
    yield "a snapshot", lambda: model.snapshot().predict_proba(rows)
    yield "rows that are copied", lambda: model.score(rows[::-1])
    yield "integers", lambda: model.score(np.broadcast_to(np.int8(1), (1 << 28, 1)))
    pair = make([1.0], [[0.0, 0.0]], [np.eye(2)], n_threads=1)
    yield "regress", lambda: pair.regress(rows, [1], return_cov=True)
    yield "sample", lambda: pair.sample(1 << 28)
    yield "density_region", lambda: pair.density_region(0.5, n_samples=1 << 28)
    yield "kl_divergence", lambda: pair.kl_divergence(pair, n_samples=1 << 28)


def came_to(call: Callable[[], Any]) -> str:
    """What a call comes to in a process that has no more memory than this."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = MORE + pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            call()
            said = "done"
        except fastgmm.errors.NotEnoughMemoryError as error:
            said = str(error)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode()
    status = os.waitpid(child, 0)[1]
    return said if status == 0 else f"ended with {status}: {said}"


def run() -> None:
    warnings.simplefilter("ignore")
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    found = {name: came_to(call) for name, call in cases() if only in name}
    print(json.dumps(found, indent=1 if only else None))


if __name__ == "__main__":
    run()
