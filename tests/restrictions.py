"""What the restricted covariance models have in common, for their tests."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.covariance.estimate import Augmented
from fastgmm.covariance.model import CovarianceModel

EIGHT = ("VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")


def free_covariances(
    model: CovarianceModel, n_components: int, n_features: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return covariances of a form that have nothing in common."""
    k, d = n_components, n_features
    roots = rng.normal(size=(k, d, d + 3)) * np.exp(rng.normal(size=(k, 1, 1)))
    matrices = roots @ roots.transpose(0, 2, 1) / d
    return matrices if model.form.ndim == 2 else np.array(np.einsum("kjj->kj", matrices))


def sums_of(
    model: CovarianceModel, n_components: int, n_features: int, rng: np.random.Generator
) -> Augmented:
    """Return sums of rows about references that are not their means."""
    weight = rng.uniform(20.0, 90.0, n_components)
    step = 0.1 * rng.normal(size=(n_components, n_features))
    covariances = free_covariances(model, n_components, n_features, rng)
    second = model.weighted(covariances + model.products(step, step), weight)
    first = weight[:, None] * step
    return Augmented(np.zeros_like(step), first, second, weight, weight)


def obeys(kind: str, covariances: NDArray[np.float64], rtol: float = 1e-6) -> bool:
    """Whether covariances have in common what the letters of a model say, by its definition."""
    d = covariances.shape[1]
    if covariances.ndim == 2:
        covariances = covariances[:, :, None] * np.eye(d)
    logs = np.linalg.slogdet(covariances)[1] / d
    shapes = covariances / np.exp(logs)[:, None, None]
    close: Any = {"rtol": rtol, "atol": rtol * np.abs(shapes).max()}
    good = kind[0] == "V" or np.allclose(logs, logs[0], rtol=0.0, atol=rtol)
    if kind[1] == "E":
        values = np.linalg.eigvalsh(shapes)
        good &= np.allclose(values, values[0], **close)
    if kind[2] == "E":  # matrices that share their axes commute
        products = shapes[:, None] @ shapes[None]
        scale = np.abs(products).max()
        good &= np.allclose(products, products.transpose(1, 0, 2, 3), rtol=0.0, atol=rtol * scale)
    if kind[1:] == "EE":
        good &= np.allclose(shapes, shapes[0], **close)
    return bool(good)
