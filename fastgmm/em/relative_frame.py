"""The relative frame: coordinates about a mixture, in its own units.

A mixture near another, the base, is described by how its log weights differ, by its means in
deviations of the base's components, and by L^-1 L' - I, the diagonal as logarithms.  Each of the
coordinates is scaled by the root of the information that a complete observation has of it.  In
these units the gradient of the mean log-likelihood is, to first order, EM's own step (Xu and Jordan
1996), needs nothing but the sufficient statistics, and depends on no units of the data.

The arithmetic is in `kernels/relative_frame.pxi`, for this loop and for compiled iterations.
"""

from typing import Any

import numpy as np

from fastgmm import kernels
from fastgmm.em.regularization import Regularization
from fastgmm.errors import ill_defined_covariance_error
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.noise import with_noise
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray

LEAST_SCALE = 1e-4
"""A component stays as it is if the square root of its weight is smaller than this."""
Arrays = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""Weights, means, covariances, factors and inverse factors of a mixture."""
_NO_PACE = np.append(np.zeros(9), LEAST_SCALE)
"""Coordinates need no constants of a search but the last."""


def frame_of(
    mixture: Mixture, regularization: Regularization | None = None, pace: FloatArray = _NO_PACE
) -> Any:
    """The kernels' coordinates about mixtures of a shape, with a ridge; `pace` is of searches."""
    model, (k, d) = mixture.covariance_model, mixture.means.shape
    ridge = (regularization or Regularization()).ridge(model.form)
    of_ridge, background = np.atleast_1d(ridge), mixture.noise is not None
    return kernels.RelativeFrame(model.form.name, model.tied, k, d, of_ridge, pace, background)


def arrays_of(mixture: Mixture) -> Arrays:
    """The parameters of a mixture, as the kernels read them: the weight of noise comes last."""
    factors, inverses = mixture.factors, mixture.inverse_factors
    return mixture.all_weights, mixture.means, mixture.covariances, factors, inverses


def room_for(mixture: Mixture) -> Arrays:
    """Arrays for the parameters of a mixture like this one."""
    covariances, factors, inverses = (np.empty(mixture.covariances.shape) for _ in range(3))
    weights, means = np.empty(mixture.all_weights.shape), np.empty(mixture.means.shape)
    return weights, means, covariances, factors, inverses


def sums_of(
    mixture: Mixture,
    statistics: SufficientStatistics,
    regularization: Regularization,
    grid: float = 0.0,
) -> tuple[Any, ...]:
    """The sums of an E-step under a mixture and of the prior, as the kernels read them."""
    sums, held = regularization.augmented(statistics), statistics.component_weight
    if mixture.noise is not None:
        held = with_noise(held, statistics.weight)
    moments = sums.reference, held, sums.first_moment, sums.second_moment
    divisors = sums.mean_weight, sums.covariance_weight
    return *(np.asarray(array, order="C") for array in (*moments, *divisors)), grid


def gradient(
    mixture: Mixture,
    statistics: SufficientStatistics,
    regularization: Regularization,
) -> FloatArray:
    """The gradient of the mean log-likelihood and log priors per unit of weight: a vector.

    It is taken at the mixture, and `statistics` are those of an E-step under it.  To add the ridge
    after each M-step maximises no fixed objective; with the weights of components held it does, and
    the ridge is a prior beside them (`kernels/relative_frame.pxi`, `ridge_penalty`).  As such it
    enters, so that the gradient is zero where EM stays.
    """
    frame = frame_of(mixture, regularization)
    out = np.empty(frame.n_coordinates)
    frame.gradient(arrays_of(mixture), sums_of(mixture, statistics, regularization), out)
    return out


def mixture_at(base: Mixture, step: FloatArray) -> Mixture:
    """The mixture at these coordinates about the base.

    Raises
    ------
    IllDefinedCovarianceError
        When rounding leaves a covariance that is not positive definite.
    """
    room = room_for(base)
    if not frame_of(base).mixture_at(arrays_of(base), step, room):
        raise ill_defined_covariance_error(None)
    return Mixture.of_arrays(base.covariance_type, room, base.dtype, base.noise)


def largest_move(base: Mixture, step: FloatArray) -> float:
    """The largest change that a step makes of a log weight, a mean in deviations, or a factor."""
    largest: float = frame_of(base).largest_move(base.all_weights, step)
    return largest


def coordinates(base: Mixture, other: Mixture) -> FloatArray:
    """The coordinates of another mixture about the base."""
    frame = frame_of(base)
    out = np.empty(frame.n_coordinates)
    frame.coordinates(arrays_of(base), arrays_of(other), 0.0, out)
    return out
