"""The relative frame: coordinates about a mixture, in its own units.

A mixture near another, the base, is described by how its log weights differ, by its means in
deviations of the base's components, and by L^-1 L' - I, the diagonal as logarithms.  Each of the
coordinates is scaled by the root of the information that a complete observation has of it.  In
these units the gradient of the mean log-likelihood is, to first order, EM's own step (Xu and Jordan
1996), needs nothing but the sufficient statistics, and depends on no units of the data.
"""

import numpy as np

from fastgmm.covariance.forms import Chart
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray

LEAST_SCALE = 1e-4
"""A component stays as it is if the square root of its weight is smaller than this."""


def gradient(
    mixture: Mixture,
    statistics: SufficientStatistics,
    regularization: Regularization,
) -> FloatArray:
    """The gradient of the mean log-likelihood and log priors per unit of weight: a vector.

    It is taken at the mixture, and `statistics` are those of an E-step under it.  The ridge enters
    as the prior that it is beside their component weights (`Regularization.ridge_penalty`), so that
    the gradient is zero where EM stays.
    """
    if not np.array_equal(statistics.reference, mixture.means):
        statistics = statistics.moved(mixture.means)
    model, chart = mixture.covariance_model, _chart(mixture)
    sums = regularization.augmented(statistics)
    inverses = mixture.inverse_factors
    each = model.per_component(inverses, mixture.n_components)
    means = model.form.times(each, sums.first_moment)
    spread = chart.gradient(
        inverses, sums.second_moment, sums.covariance_weight, regularization.ridge(model.form)
    )
    total = statistics.component_weight.sum()
    logits = statistics.component_weight - total * mixture.weights
    scale = _scales(mixture)
    held = scale > LEAST_SCALE
    inverse_scale = np.where(held, 1.0 / np.where(held, scale, 1.0), 0.0)
    scaled: FloatArray = _vector(chart, logits, means, spread) * inverse_scale / total
    return scaled


def mixture_at(base: Mixture, step: FloatArray) -> Mixture:
    """The mixture at these coordinates about the base.

    Raises
    ------
    IllDefinedCovarianceError
        When rounding leaves a covariance that is not positive definite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _mixture_at(base, step)


def _mixture_at(base: Mixture, step: FloatArray) -> Mixture:
    model, (k, d) = base.covariance_model, base.means.shape
    chart, scale = _chart(base), _scales(base)
    scaled = step / np.where(scale > LEAST_SCALE, scale, 1.0)
    logits, means, spread = np.split(scaled, [k, k + k * d])
    weights = base.weights * np.exp(logits - logits.max())
    covariances = chart.covariances(base.factors, chart.unflat(spread, model.shape(k, d)))
    off = model.form.times(model.per_component(base.factors, k), means.reshape(k, d))
    return Mixture.from_covariances(
        weights / weights.sum(), base.means + off, covariances, base.covariance_type, base.dtype
    )


def largest_move(base: Mixture, step: FloatArray) -> float:
    """The largest change that a step makes of a log weight, a mean in deviations, or a factor."""
    scale = _scales(base)
    return float(np.abs(step / np.where(scale > LEAST_SCALE, scale, np.inf)).max())


def coordinates(base: Mixture, other: Mixture) -> FloatArray:
    """The coordinates of another mixture about the base."""
    model, chart = base.covariance_model, _chart(base)
    held = (base.weights > 0) & (other.weights > 0)
    logits = np.log(np.where(held, other.weights, 1.0) / np.where(held, base.weights, 1.0))
    each = model.per_component(base.inverse_factors, base.n_components)
    means = model.form.times(each, other.means - base.means)
    spread = chart.coordinates(base.inverse_factors, other.factors)
    scale = _scales(base)
    return _vector(chart, logits, means, spread) * np.where(scale > LEAST_SCALE, scale, 0.0)


def _scales(base: Mixture) -> FloatArray:
    """The roots of the information that complete rows have, per unit of weight: a vector."""
    chart, (k, d) = _chart(base), base.means.shape
    roots = np.sqrt(base.weights)
    of_spread = np.asarray(1.0) if base.covariance_model.tied else roots
    spread = chart.scales(of_spread, base.covariances.shape, d)
    return _vector(chart, roots, np.broadcast_to(roots[:, None], (k, d)), spread)


def _chart(mixture: Mixture) -> Chart:
    chart = mixture.covariance_model.chart
    assert chart is not None, "a model without a chart is not accelerated"
    return chart


def _vector(chart: Chart, logits: FloatArray, means: FloatArray, spread: FloatArray) -> FloatArray:
    return np.concatenate([logits, means.ravel(), chart.flat(spread)])
