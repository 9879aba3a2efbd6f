"""The relative frame: coordinates about a mixture, in its own units.

A mixture near another, the base, is described by how its log weights differ, by its means in
deviations of the base's components, and by L^-1 L' - I, the diagonal as logarithms.  Each of the
coordinates is scaled by the root of the information that a complete observation has of it.  In
these units the gradient of the mean log-likelihood is, to first order, EM's own step (Xu and Jordan
1996), needs nothing but the sufficient statistics, and depends on no units of the data.
"""

import numpy as np

from fastgmm.covariance.factors import whitened
from fastgmm.covariance.types import Shape
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray

LEAST_SCALE = 1e-4
"""Root of a weight: a component of less stays as it is."""


def gradient(
    mixture: Mixture,
    statistics: SufficientStatistics,
    regularization: Regularization,
) -> FloatArray:
    """Of the mean log-likelihood and log priors per unit of weight, at the base: a vector.

    `statistics` are of an E-step under these parameters.  The ridge enters as the prior that it is
    beside their component weights (`Regularization.ridge_penalty`), so that the gradient is zero
    where EM stays.
    """
    if not np.array_equal(statistics.reference, mixture.means):
        statistics = statistics.moved(mixture.means)
    shape, k = mixture.shape, mixture.n_components
    sums = regularization.augmented(statistics)
    inverses = mixture.inverse_factors
    means = whitened(shape.per_component(inverses, k), sums.first_moment)
    ridge, second, weight = regularization.ridge(shape), sums.second_moment, sums.covariance_weight
    if shape.form == "matrix":
        second = second.copy()
        diagonal = np.einsum("...jj->...j", second)
        diagonal += weight[..., None] * ridge
        spread = inverses @ second @ np.swapaxes(inverses, -1, -2)
        diagonal = np.einsum("...jj->...j", spread)
        diagonal -= weight[..., None]
    elif shape.form == "diagonal":
        spread = inverses**2 * (second + weight[..., None] * ridge) - weight[..., None]
    else:
        spread = inverses**2 * (second + weight * ridge) - weight
    total = statistics.component_weight.sum()
    logits = statistics.component_weight - total * mixture.weights
    scale = _scales(mixture)
    held = scale > LEAST_SCALE
    inverse_scale = np.where(held, 1.0 / np.where(held, scale, 1.0), 0.0)
    scaled: FloatArray = _vector(shape, logits, means, spread) * inverse_scale / total
    return scaled


def moved(base: Mixture, step: FloatArray) -> Mixture:
    """The mixture at these coordinates; IllDefinedCovarianceError where rounding leaves none."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _moved(base, step)


def _moved(base: Mixture, step: FloatArray) -> Mixture:
    shape, (k, d) = base.shape, base.means.shape
    scale = _scales(base)
    logits, means, spread = _parts(shape, step / np.where(scale > LEAST_SCALE, scale, 1.0), k, d)
    weights = base.weights * np.exp(logits - logits.max())
    factors = base.factors
    if shape.form == "matrix":
        inside = spread.copy()
        diagonal = np.einsum("...jj->...j", inside)
        diagonal[...] = np.exp(diagonal)
        factors = factors @ inside
        covariances = factors @ np.swapaxes(factors, -1, -2)
        covariances = (covariances + np.swapaxes(covariances, -1, -2)) / 2
        off = np.einsum("kij,kj->ki", shape.per_component(base.factors, k), means)
    else:
        covariances = (factors * np.exp(spread)) ** 2
        each = shape.per_component(base.factors, k)
        off = means * (each if shape.form == "diagonal" else each[:, None])
    return Mixture.from_covariances(
        weights / weights.sum(), base.means + off, covariances, base.covariance_type, base.dtype
    )


def largest_move(base: Mixture, step: FloatArray) -> float:
    """The largest change of a log weight, a mean in deviations, or a factor, in a step."""
    scale = _scales(base)
    return float(np.abs(step / np.where(scale > LEAST_SCALE, scale, np.inf)).max())


def coordinates(base: Mixture, other: Mixture) -> FloatArray:
    """The coordinates of another mixture about the base."""
    shape, (k, _) = base.shape, base.means.shape
    held = (base.weights > 0) & (other.weights > 0)
    logits = np.log(np.where(held, other.weights, 1.0) / np.where(held, base.weights, 1.0))
    means = whitened(shape.per_component(base.inverse_factors, k), other.means - base.means)
    if shape.form == "matrix":
        spread = base.inverse_factors @ other.factors
        diagonal = np.einsum("...jj->...j", spread)
        diagonal[...] = np.log(diagonal)
    else:
        spread = np.log(base.inverse_factors * other.factors)
    scale = _scales(base)
    return _vector(shape, logits, means, spread) * np.where(scale > LEAST_SCALE, scale, 0.0)


def _scales(base: Mixture) -> FloatArray:
    """Roots of the complete data's information per unit of weight: a vector."""
    shape, (k, d) = base.shape, base.means.shape
    roots = np.sqrt(base.weights)
    spread = np.asarray(1.0) if shape.tied else roots
    if shape.form == "matrix":
        spread = np.broadcast_to(spread[..., None, None], base.covariances.shape).copy()
        diagonal = np.einsum("...jj->...j", spread)
        diagonal *= np.sqrt(2.0)
    else:
        count = 2.0 if shape.form == "diagonal" else 2.0 * d
        spread = spread[..., None] if shape.form == "diagonal" else spread
        spread = np.broadcast_to(spread * np.sqrt(count), base.covariances.shape)
    return _vector(shape, roots, np.broadcast_to(roots[:, None], (k, d)), spread)


def _vector(shape: Shape, logits: FloatArray, means: FloatArray, spread: FloatArray) -> FloatArray:
    if shape.form == "matrix":
        lower = np.tril_indices(spread.shape[-1])
        spread = spread[..., lower[0], lower[1]]
    return np.concatenate([logits, means.ravel(), np.ravel(spread)])


def _parts(
    shape: Shape, vector: FloatArray, k: int, d: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    logits, means, spread = np.split(vector, [k, k + k * d])
    if shape.form != "matrix":
        return logits, means.reshape(k, d), spread.reshape(shape.of(k, d))
    lower = np.tril_indices(d)
    square = np.zeros(shape.of(k, d))
    square[..., lower[0], lower[1]] = spread.reshape(*square.shape[:-2], -1)
    return logits, means.reshape(k, d), square
