"""Fixtures that several test modules share; plain helpers are in support.py."""

import os
from collections.abc import Iterator

# OpenBLAS reads it when NumPy is imported.  The matrices of tests are small: with threads that wait
# for work in a loop, tests of scikit-learn's path took three times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from numpy.typing import NDArray

from fastgmm import GaussianMixture
from support import COVARIANCE_TYPES, OF_SCIKIT_LEARN, correlated_mixture

# In the clone's root stands a fastgmm/ that is not built: interpreters that tests start there are
# to import the installed one.
os.environ["PYTHONSAFEPATH"] = "1"


@pytest.fixture(params=[0, 1, 2])
def seed(request: pytest.FixtureRequest) -> int:
    """Run the test once per seed."""
    return int(request.param)


@pytest.fixture(autouse=True, scope="module")
def _numbers_of_threads() -> Iterator[None]:
    """Undo what a cluster of dask leaves in the process that makes it: one thread for others."""
    before = {name: one for name, one in os.environ.items() if name.endswith("_NUM_THREADS")}
    yield
    for name in [name for name in os.environ if name.endswith("_NUM_THREADS")]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Return a generator of random numbers, one per `seed`."""
    return np.random.default_rng(seed)


@pytest.fixture
def rows(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return rows of overlapping components, over which EM takes its time."""
    return correlated_mixture(4, 3, rng, separation=1.5).sample(400, rng)[0]


@pytest.fixture(params=COVARIANCE_TYPES)
def covariance_type(request: pytest.FixtureRequest) -> str:
    """Run the test once per covariance type."""
    return str(request.param)


@pytest.fixture(params=OF_SCIKIT_LEARN)
def scikit_learns_type(request: pytest.FixtureRequest) -> str:
    """Run the test once per covariance type that scikit-learn has, too."""
    return str(request.param)


@pytest.fixture(params=[name for name in COVARIANCE_TYPES if name not in OF_SCIKIT_LEARN])
def type_of_our_own(request: pytest.FixtureRequest) -> str:
    """Run the test once per covariance type that scikit-learn lacks: a tied diag or spherical."""
    return str(request.param)


@pytest.fixture
def twins(
    type_of_our_own: str, rng: np.random.Generator
) -> tuple[GaussianMixture, GaussianMixture, NDArray[np.float64]]:
    """Return a tied model, the model that has its covariance once per component, and rows."""
    mixture = correlated_mixture(4, 3, rng, separation=1.5)
    covariance = mixture.covariances_as(type_of_our_own)
    tied, untied = (
        GaussianMixture.from_parameters(
            mixture.weights, mixture.means, covariances, covariance_type=name
        )
        for covariances, name in (
            (covariance, type_of_our_own),
            (np.stack([covariance] * 4), type_of_our_own.removeprefix("tied_")),
        )
    )
    return tied, untied, mixture.sample(500, rng)[0]
