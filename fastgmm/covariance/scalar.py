"""Covariances as one variance for all features (...)."""

import numpy as np

from fastgmm.covariance.diagonal import DiagonalScatters, deviations_of, positive_fault
from fastgmm.covariance.forms import Chart, Form, Scatters
from fastgmm.typing import FloatArray


class ScalarChart:
    """Logarithms of the ratios of deviations."""

    def scales(self, roots: FloatArray, shape: tuple[int, ...], n_features: int) -> FloatArray:
        """Each feature tells of the deviation."""
        return np.broadcast_to(roots * np.sqrt(2.0 * n_features), shape)

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
        gradient: FloatArray = inverse_factors**2 * (second + weight * ridge) - weight
        return gradient

    def flat(self, coordinates: FloatArray) -> FloatArray:
        """One per component."""
        return np.ravel(coordinates)

    def unflat(self, vector: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """One per component."""
        return vector.reshape(shape)


class ScalarScatters:
    """The diagonals (M, D) of scatters, of which the means are what counts."""

    factored = False
    _diagonals = DiagonalScatters()

    def of_labels(self, vectors: FloatArray, labels: np.ndarray, n_clusters: int) -> FloatArray:
        """Sums of squares, feature by feature."""
        return self._diagonals.of_labels(vectors, labels, n_clusters)

    def between(self, vectors: FloatArray) -> FloatArray:
        """Squares, feature by feature."""
        return self._diagonals.between(vectors)

    def variances(self, scatter: FloatArray) -> FloatArray:
        """Still one per feature."""
        return self._diagonals.variances(scatter)

    def log_determinants(self, scatters: FloatArray, floor: float) -> FloatArray:
        """D times the logarithm of the mean variance."""
        logs: FloatArray = scatters.shape[1] * np.log((scatters + floor).mean(axis=1))
        return logs


class ScalarForm:
    """One variance for all features."""

    name = "scalar"
    ndim = 0
    kernel = tied_kernel = "spherical"
    isotropic = True
    chart: Chart | None = ScalarChart()
    scatters: Scatters = ScalarScatters()

    def shape(self, n_features: int) -> tuple[int, ...]:
        """()."""
        return ()

    def n_parameters(self, n_features: int) -> int:
        """One."""
        return 1

    def features_per_variance(self, n_features: int) -> int:
        """All."""
        return n_features

    def row_cost(self, n_features: int) -> int:
        """A few for each feature."""
        return 4 * (n_features + 1)

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D): each number D times."""
        return np.broadcast_to(array[..., None], (*array.shape, n_features))

    def matrices(self, array: FloatArray, n_features: int) -> FloatArray:
        """Zeros off the diagonal."""
        matrices = np.zeros((*array.shape, n_features, n_features))
        np.einsum("...jj->...j", matrices)[...] = array[..., None]
        return matrices

    def written(self, form: Form, array: FloatArray, n_features: int) -> FloatArray:
        """No other form stores so little."""
        return array

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """The same."""
        return covariances

    def from_deviations(self, deviations: FloatArray) -> FloatArray:
        """The first of them."""
        return np.asarray(deviations[0])

    def least_deviation(self, tiny: float) -> float:
        """Kernels multiply by the square of its inverse."""
        return float(4.0 * tiny**0.5)

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
        """The logarithm, added once per feature."""
        return np.asarray(np.log(self.diagonals(factors, n_features)).sum(axis=-1))

    def times(self, factors: FloatArray, vectors: FloatArray) -> FloatArray:
        """One number for each vector."""
        return factors[:, None] * vectors

    def times_rows(self, factor: FloatArray, rows: FloatArray) -> FloatArray:
        """One number for all."""
        return rows * factor

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(K,): traces."""
        return np.asarray((left * right).sum(axis=1))

    def summed_products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(): the sum of the traces."""
        return np.asarray((left * right).sum(axis=1).sum(axis=0))

    def symmetric(self, array: FloatArray) -> FloatArray:
        """The array itself."""
        return array

    def central(
        self, second: FloatArray, step: FloatArray, weight: FloatArray, divisor: FloatArray
    ) -> FloatArray:
        """Traces over divisors that count each feature."""
        scaled = np.sqrt(weight)[:, None] * step
        central: FloatArray = second / divisor - self.products(scaled, scaled) / divisor
        return central

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """The mean ridge."""
        return np.asarray(reg_covar.mean())

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Covariances to which the ridge was not added."""
        return np.maximum(covariances - ridge, 0.0)

    def with_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Rounding may have left a variance below zero: the ridge stands on zero then."""
        return np.asarray(np.maximum(covariances, 0.0) + ridge)

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, 1)."""
        return np.asarray((vectors**2).mean(axis=1, keepdims=True))

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., 1): traces over the number of features."""
        return second[..., None] / n_features

    def directions_at_floor(
        self, inverse_factors: FloatArray, ridge: FloatArray, share: float
    ) -> np.ndarray:
        """One or none."""
        return np.asarray((inverse_factors**2 * ridge > share).astype(int))

    def prior_exponent(self, n_features: int) -> int:
        """An inverse gamma of dof / 2 has the variance to the power -(dof + 2) / 2."""
        return 2

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """The mean variance."""
        return np.asarray(np.trace(covariance) / len(covariance))

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """Only a number."""
        return shape == ()

    def log_pivots(self, factors: FloatArray) -> float:
        """Of all deviations, each once."""
        return float(np.log(factors).sum())

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """Scale over variance, each once."""
        return float((inverse_factors**2 * scale).sum())

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """Ridge over variance."""
        return np.asarray(inverse_factors**2 * ridge)


SCALAR = ScalarForm()
"""The one instance."""
