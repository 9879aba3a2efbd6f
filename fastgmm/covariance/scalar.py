"""Covariances as one variance for all features (...)."""

import numpy as np

from fastgmm.covariance.diagonal import positive_fault
from fastgmm.covariance.factors import factored, log_determinants_of
from fastgmm.covariance.forms import Form
from fastgmm.typing import FloatArray


class ScalarForm:
    """The form with one variance for all features."""

    name = "scalar"
    ndim = 0
    kernel = tied_kernel = "spherical"
    isotropic = True
    linear = True

    def shape(self, n_features: int) -> tuple[int, ...]:
        """(): the shape of one covariance."""
        return ()

    def n_parameters(self, n_features: int) -> int:
        """One free parameter."""
        return 1

    def features_per_variance(self, n_features: int) -> int:
        """D: all features share the variance."""
        return n_features

    def row_cost(self, n_features: int) -> int:
        """Four multiply-adds for each feature, and for the weight."""
        return 4 * (n_features + 1)

    def rows_needed(self, n_features: int) -> int:
        """Two rows have a variance."""
        return 2

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D): each number repeated D times."""
        return np.broadcast_to(array[..., None], (*array.shape, n_features))

    def matrices(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D, D): matrices with zeros off the diagonal."""
        matrices = np.zeros((*array.shape, n_features, n_features))
        np.einsum("...jj->...j", matrices)[...] = array[..., None]
        return matrices

    def written(self, form: Form, array: FloatArray, n_features: int) -> FloatArray:
        """The array itself: no other form stores so little."""
        return array

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """The covariances themselves: these features have the same variance."""
        return covariances

    def from_deviations(self, deviations: FloatArray) -> FloatArray:
        """(): the first of the deviations, which are all the same."""
        return np.asarray(deviations[0])

    def least_deviation(self, tiny: float) -> float:
        """A multiple of the root of `tiny`: kernels multiply by the inverse of a variance."""
        return float(4.0 * tiny**0.5)

    def fault(self, array: np.ndarray, what: str) -> str | None:
        """What is wrong where a variance is not positive; None where all are."""
        return positive_fault(array)

    def factor(
        self, covariances: FloatArray, tolerance: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Deviations and their inverses."""
        return factored(self, covariances, 1, tolerance)

    def factor_precisions(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Deviations and their inverses, from inverse variances."""
        inverses = np.sqrt(precisions)
        return 1.0 / inverses, inverses

    def held_at(self, covariances: FloatArray, floor: FloatArray, tolerance: float) -> FloatArray:
        """The covariances as they are: a variance that no ridge has raised is not repaired."""
        return covariances

    def squares(self, factors: FloatArray) -> FloatArray:
        """(...): the variances, which are squares of deviations."""
        return factors**2

    def precisions(self, inverse_factors: FloatArray) -> FloatArray:
        """(...): the squares of inverse deviations."""
        return inverse_factors**2

    def precision_factors(self, inverse_factors: FloatArray) -> FloatArray:
        """(...): the inverse deviations themselves."""
        return inverse_factors

    def log_determinants(self, factors: FloatArray, n_features: int) -> FloatArray:
        """(...): the logarithm of the deviation, added once per feature."""
        return log_determinants_of(self, factors, n_features)

    def times(self, factors: FloatArray, vectors: FloatArray) -> FloatArray:
        """(K, D): each vector times the one number of its component."""
        return factors[:, None] * vectors

    def times_rows(self, factor: FloatArray, rows: FloatArray) -> FloatArray:
        """(n, D): all rows times one number."""
        return rows * factor

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(K,): the traces of the products, which are scalar products of vectors."""
        return np.asarray((left * right).sum(axis=1))

    def summed_products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(): the sum of the traces of the products over the components."""
        return np.asarray((left * right).sum(axis=1).sum(axis=0))

    def symmetric(self, array: FloatArray) -> FloatArray:
        """The array itself, since a number is its own transpose."""
        return array

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """(): the mean ridge."""
        return np.asarray(reg_covar.mean())

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """The variances less the ridge, but not less than zero."""
        return np.maximum(covariances - ridge, 0.0)

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, 1): the squares of vectors, averaged over the features."""
        return np.asarray((vectors**2).mean(axis=1, keepdims=True))

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., 1): the traces over the number of features."""
        return second[..., None] / n_features

    def directions_at_floor(
        self,
        covariances: FloatArray,
        inverse_factors: FloatArray,
        ridge: FloatArray,
        share: float,
        asked: np.ndarray | None = None,
    ) -> np.ndarray:
        """(K,): one where the variance is the ridge to more than this share, else none."""
        counts = np.asarray((inverse_factors**2 * ridge > share).astype(int))
        return counts if asked is None else counts * asked

    def prior_exponent(self, n_features: int) -> int:
        """Two: an inverse gamma of dof / 2 has the variance to the power -(dof + 2) / 2."""
        return 2

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """(): the mean variance."""
        return np.asarray(np.trace(covariance) / len(covariance))

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """Whether a scale is one number."""
        return shape == ()

    def log_pivots(self, factors: FloatArray) -> float:
        """The sum of the logarithms of all deviations, each counted once."""
        return float(np.log(factors).sum())

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """The sum of scale over variance, each component counted once."""
        return float((inverse_factors**2 * scale).sum())

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """(...): ridge over variance."""
        return np.asarray(inverse_factors**2 * ridge)


SCALAR = ScalarForm()
"""This is the only instance of the form."""
