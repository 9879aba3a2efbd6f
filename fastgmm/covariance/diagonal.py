"""Covariances as their diagonals (..., D): no feature is correlated with another."""

import numpy as np

from fastgmm.covariance.forms import Chart, Form, Scatters
from fastgmm.covariance.scatters import sums_of_labels
from fastgmm.errors import ill_defined_covariance_error
from fastgmm.typing import FloatArray


class DiagonalChart:
    """Logarithms of the ratios of deviations."""

    def scales(self, roots: FloatArray, shape: tuple[int, ...], n_features: int) -> FloatArray:
        """The information of a log deviation is twice the weight."""
        return np.broadcast_to(roots[..., None] * np.sqrt(2.0), shape)

    def coordinates(self, inverse_factors: FloatArray, factors: FloatArray) -> FloatArray:
        """Log (s' / s)."""
        return np.log(inverse_factors * factors)

    def covariances(self, factors: FloatArray, coordinates: FloatArray) -> FloatArray:
        """(s exp c)^2."""
        covariances: FloatArray = (factors * np.exp(coordinates)) ** 2
        return covariances

    def gradient(
        self, inverse_factors: FloatArray, second: FloatArray, weight: FloatArray, ridge: FloatArray
    ) -> FloatArray:
        """(second + weight ridge) / s^2 - weight."""
        weight = weight[..., None]
        gradient: FloatArray = inverse_factors**2 * (second + weight * ridge) - weight
        return gradient

    def flat(self, coordinates: FloatArray) -> FloatArray:
        """Row by row."""
        return np.ravel(coordinates)

    def unflat(self, vector: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """Row by row."""
        return vector.reshape(shape)


class DiagonalScatters:
    """The diagonals (M, D) of scatters."""

    factored = False

    def of_labels(self, vectors: FloatArray, labels: np.ndarray, n_clusters: int) -> FloatArray:
        """Sums of squares."""
        return sums_of_labels(vectors**2, labels, n_clusters)

    def between(self, vectors: FloatArray) -> FloatArray:
        """Squares."""
        return vectors**2

    def variances(self, scatter: FloatArray) -> FloatArray:
        """The diagonal itself."""
        return scatter

    def log_determinants(self, scatters: FloatArray, floor: float) -> FloatArray:
        """Sums of logarithms."""
        return np.asarray(np.log(scatters + floor).sum(axis=1))


class DiagonalForm:
    """One variance per feature."""

    name = "diagonal"
    ndim = 1
    kernel = tied_kernel = "diag"
    isotropic = False
    chart: Chart | None = DiagonalChart()
    scatters: Scatters = DiagonalScatters()

    def shape(self, n_features: int) -> tuple[int, ...]:
        """(D,)."""
        return (n_features,)

    def n_parameters(self, n_features: int) -> int:
        """One per feature."""
        return n_features

    def features_per_variance(self, n_features: int) -> int:
        """Each feature has its own."""
        return 1

    def row_cost(self, n_features: int) -> int:
        """A few for each feature."""
        return 4 * (n_features + 1)

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """The array itself."""
        return array

    def matrices(self, array: FloatArray, n_features: int) -> FloatArray:
        """Zeros off the diagonal."""
        matrices = np.zeros((*array.shape, n_features))
        np.einsum("...jj->...j", matrices)[...] = array
        return matrices

    def written(self, form: Form, array: FloatArray, n_features: int) -> FloatArray:
        """Their diagonals."""
        return form.diagonals(array, n_features)

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """Their variances."""
        return covariances[..., features]

    def from_deviations(self, deviations: FloatArray) -> FloatArray:
        """The deviations."""
        return deviations

    def least_deviation(self, tiny: float) -> float:
        """Kernels multiply by its inverse."""
        return 4.0 * tiny

    def fault(self, array: np.ndarray, what: str) -> str | None:
        """One that is not positive."""
        return positive_fault(array)

    def factor(
        self, covariances: FloatArray, tolerance: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Deviations and their inverses."""
        return deviations_of(covariances, self.ndim)

    def factor_precisions(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Deviations and their inverses."""
        inverses = np.sqrt(precisions)
        return 1.0 / inverses, inverses

    def held_at(self, covariances: FloatArray, floor: FloatArray, tolerance: float) -> FloatArray:
        """The same: a variance that the ridge has not raised is not to be repaired."""
        return covariances

    def squares(self, factors: FloatArray) -> FloatArray:
        """Of deviations."""
        return factors**2

    def precisions(self, inverse_factors: FloatArray) -> FloatArray:
        """Squares of inverse deviations."""
        return inverse_factors**2

    def precision_factors(self, inverse_factors: FloatArray) -> FloatArray:
        """Inverse deviations."""
        return inverse_factors

    def log_determinants(self, factors: FloatArray, n_features: int) -> FloatArray:
        """Sums of logarithms."""
        return np.asarray(np.log(factors).sum(axis=-1))

    def times(self, factors: FloatArray, vectors: FloatArray) -> FloatArray:
        """Feature by feature."""
        return factors * vectors

    def times_rows(self, factor: FloatArray, rows: FloatArray) -> FloatArray:
        """Feature by feature."""
        return rows * factor

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(K, D), feature by feature."""
        return left * right

    def summed_products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(D,)."""
        return np.asarray((left * right).sum(axis=0))

    def symmetric(self, array: FloatArray) -> FloatArray:
        """The array itself."""
        return array

    def central(
        self, second: FloatArray, step: FloatArray, weight: FloatArray, divisor: FloatArray
    ) -> FloatArray:
        """Feature by feature."""
        divisor = divisor[:, None]
        scaled = np.sqrt(weight)[:, None] * step
        central: FloatArray = second / divisor - scaled * scaled / divisor
        return central

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """The ridge itself."""
        return reg_covar

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Covariances to which the ridge was not added."""
        return np.maximum(covariances - ridge, 0.0)

    def with_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Rounding may have left a variance below zero: the ridge stands on zero then."""
        return np.asarray(np.maximum(covariances, 0.0) + ridge)

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, D)."""
        return vectors**2

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., D)."""
        return second

    def directions_at_floor(
        self, inverse_factors: FloatArray, ridge: FloatArray, share: float
    ) -> np.ndarray:
        """Features."""
        shares = inverse_factors**2 * ridge
        return np.asarray((shares > share).sum(axis=1))

    def prior_exponent(self, n_features: int) -> int:
        """An inverse gamma of dof / 2 has the variance to the power -(dof + 2) / 2."""
        return 2

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """The mean variance: the same for each feature."""
        return np.asarray(np.trace(covariance) / len(covariance))

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """One number per feature, or one for all."""
        return shape in (self.shape(n_features), ())

    def log_pivots(self, factors: FloatArray) -> float:
        """Of all deviations."""
        return float(np.log(factors).sum())

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """Scale over variance."""
        return float((inverse_factors**2 * scale).sum())

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """Ridge over variance, summed over the features."""
        return np.asarray((inverse_factors**2 * ridge).sum(axis=-1))


DIAGONAL = DiagonalForm()
"""The one instance."""


def deviations_of(variances: FloatArray, ndim: int) -> tuple[FloatArray, FloatArray]:
    """Roots of variances and their inverses; IllDefinedCovarianceError where one has none.

    `ndim` is the number of axes of one covariance: a first axis beyond counts components.
    """
    bad = ~((variances > 0) & np.isfinite(variances))
    if bad.any():
        first = None if variances.ndim == ndim else int(np.argwhere(bad)[0, 0])
        raise ill_defined_covariance_error(first)
    factors = np.sqrt(variances)
    return factors, 1.0 / factors


def positive_fault(array: np.ndarray) -> str | None:
    """What variances should be and are not."""
    if (array <= 0.0).any():
        return f"positive, but the smallest is {array.min():g}"
    return None
