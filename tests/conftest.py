"""Fixtures that several test modules share."""

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

# In the clone's root stands a fastgmm/ that is not built: interpreters that tests start there are
# to import the installed one.
os.environ["PYTHONSAFEPATH"] = "1"

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")


class CorrelatedMixture(NamedTuple):
    """A mixture whose covariances have no axis in common, so that a transposed factor shows."""

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]  # (K, D, D)

    def sample(
        self, n_samples: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return rows and the component that each came from, every component at least once."""
        n_components, n_features = self.means.shape
        rest = rng.choice(n_components, n_samples - n_components, p=self.weights)
        labels = np.concatenate([np.arange(n_components), rest])
        factors = np.linalg.cholesky(self.covariances)
        noise = rng.standard_normal((n_samples, n_features))
        rows = self.means[labels] + np.einsum("nij,nj->ni", factors[labels], noise)
        return rows, labels

    def covariances_as(self, covariance_type: str) -> NDArray[np.float64]:
        """Return the covariances in the shape of one of the four types."""
        if covariance_type == "full":
            return self.covariances.copy()
        if covariance_type == "tied":
            return np.tensordot(self.weights, self.covariances, 1)
        variances = np.diagonal(self.covariances, axis1=1, axis2=2)
        return variances.copy() if covariance_type == "diag" else variances.mean(axis=1)

    def precisions_as(self, covariance_type: str) -> NDArray[np.float64]:
        """Return the inverses of `covariances_as`, exactly symmetric."""
        covariances = self.covariances_as(covariance_type)
        if covariance_type in ("diag", "spherical"):
            return 1.0 / covariances
        precisions = np.linalg.inv(covariances)
        return (precisions + np.swapaxes(precisions, -1, -2)) / 2.0


def correlated_mixture(
    n_components: int, n_features: int, rng: np.random.Generator, *, separation: float = 3.0
) -> CorrelatedMixture:
    """
    Draw a mixture.

    The variances along the random axes of a component go from 0.25 to 4, a condition number of 16
    at most; `separation` is the deviation of the means in each coordinate.
    """
    weights = rng.dirichlet(np.full(n_components, 10.0))
    means = separation * rng.standard_normal((n_components, n_features))
    axes, _ = np.linalg.qr(rng.standard_normal((n_components, n_features, n_features)))
    variances = 4.0 ** rng.uniform(-1.0, 1.0, (n_components, 1, n_features))
    covariances = (axes * variances) @ np.swapaxes(axes, 1, 2)
    return CorrelatedMixture(weights, means, (covariances + np.swapaxes(covariances, 1, 2)) / 2.0)


@pytest.fixture(params=[0, 1, 2])
def seed(request: pytest.FixtureRequest) -> int:
    """Run the test once per seed."""
    return int(request.param)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Return a generator of random numbers, one per `seed`."""
    return np.random.default_rng(seed)


@pytest.fixture(params=COVARIANCE_TYPES)
def covariance_type(request: pytest.FixtureRequest) -> str:
    """Run the test once per covariance type."""
    return str(request.param)


@pytest.fixture(scope="session")
def make_mixture() -> Callable[..., CorrelatedMixture]:
    """Return `correlated_mixture`."""
    return correlated_mixture


@pytest.fixture(scope="session")
def raised() -> Callable[..., Exception]:
    """Return a function that calls and returns what was raised; it fails if nothing was."""

    def error_of(call: Callable[..., object], *args: object, **kwargs: object) -> Exception:
        with pytest.raises(Exception) as caught:  # noqa: PT011 -- the caller looks at it
            call(*args, **kwargs)
        return caught.value

    return error_of
