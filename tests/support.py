"""Builders of mixtures and small helpers that several test modules share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from fastgmm import GaussianMixture, kernels

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical", "tied_diag", "tied_spherical")
OF_SCIKIT_LEARN = COVARIANCE_TYPES[:4]


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
        """Return the covariances in the shape of one of the six types."""
        return in_shape_of(covariance_type, self.covariances, self.weights)

    def precisions_as(self, covariance_type: str) -> NDArray[np.float64]:
        """Return the inverses of `covariances_as`, exactly symmetric."""
        covariances = self.covariances_as(covariance_type)
        if covariance_type not in ("full", "tied"):
            return np.asarray(1.0 / covariances)
        precisions = np.linalg.inv(covariances)
        return (precisions + np.swapaxes(precisions, -1, -2)) / 2.0


def in_shape_of(
    covariance_type: str,
    matrices: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """
    Write covariance matrices (K, D, D) in the shape of one of the six types.

    Tied ones are their mean, by these weights (K,) or by equal ones; diagonals are those of the
    matrices, and single variances the means of these.
    """
    if covariance_type.startswith("tied"):
        matrices = np.average(matrices, axis=0, weights=weights)
    if covariance_type in ("full", "tied"):
        return np.array(matrices)
    variances = np.diagonal(matrices, axis1=-2, axis2=-1)
    return np.array(variances if covariance_type.endswith("diag") else variances.mean(axis=-1))


def matrices_of(
    covariance_type: str, covariances: NDArray[np.float64], means: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Write covariances of one of the six types, which belong to means (K, D), as (K, D, D)."""
    n_components, n_features = means.shape
    if covariance_type.startswith("tied"):
        covariances = np.stack([covariances] * n_components)
    if covariance_type in ("full", "tied"):
        return covariances
    return covariances.reshape(n_components, -1, 1) * np.eye(n_features)


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


def error_of(call: Callable[..., object], *args: object, **kwargs: object) -> Exception:
    """Call and return what was raised; a call that raises nothing fails the test."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- the caller looks at it
        call(*args, **kwargs)
    return caught.value


def complete_start(rows: NDArray[Any]) -> dict[str, Any]:
    """Return parameters of a fit of two components and five iterations that needs no seed."""
    return {
        "n_components": 2,
        "weights_init": [0.4, 0.6],
        "means_init": rows[:2].astype(float).tolist(),
        "precisions_init": np.stack([np.eye(rows.shape[1])] * 2),
        "max_iter": 5,
        "tol": 0.0,
    }


def assert_same_model(one: GaussianMixture, other: GaussianMixture) -> None:
    """Compare what two fits have learned, to the last bit."""
    for name in ("weights_", "means_", "covariances_", "precisions_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def three_in_four() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return weights, means and covariances of a mixture whose numbers can be typed anywhere."""
    means = [[0.0, 1.0, -2.0, 3.0], [2.0, -1.0, 0.5, 1.0], [-3.0, 0.25, 4.0, -1.5]]
    factors = np.array(
        [
            [[2, 0, 0, 0], [0.5, 1.5, 0, 0], [-0.75, 0.25, 1, 0], [1, -0.5, 0.25, 0.5]],
            [[1, 0, 0, 0], [-0.5, 2, 0, 0], [0.25, 0.5, 0.75, 0], [0, 1, -0.25, 1.25]],
            [[0.5, 0, 0, 0], [1, 1, 0, 0], [0, -1, 2, 0], [0.5, 0.25, 1.5, 1]],
        ]
    )
    return np.array([0.5, 0.2, 0.3]), np.array(means), factors @ np.swapaxes(factors, 1, 2)


def known_model(
    covariance_type: Any, rng: np.random.Generator, *sizes: int, **more: Any
) -> tuple[GaussianMixture, np.ndarray]:
    """A model of known parameters, by default 3 components in 4 features, and 60 rows of it."""
    k, d = sizes or (3, 4)
    truth = correlated_mixture(k, d, rng, separation=1.5)
    model = GaussianMixture.from_parameters(
        truth.weights,
        truth.means,
        truth.covariances_as(covariance_type),
        covariance_type=covariance_type,
        **more,
    )
    return model, truth.sample(60, rng)[0]


def ward_tree(
    points: NDArray[np.float64], weight: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of clusters that Ward's method merges in turn, and their costs, by its kernel alone."""
    n = len(points)
    weight = np.ones(n) if weight is None else weight
    merged, heights = np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1)
    kernels.ward(np.ascontiguousarray(points), weight, merged, heights)
    return merged, heights
