"""Covariances as their diagonals (..., D): no feature is correlated with another."""

import numpy as np

from fastgmm.covariance.factors import factored, log_determinants_of
from fastgmm.covariance.forms import Form
from fastgmm.typing import FloatArray


class DiagonalForm:
    """The form with one variance per feature."""

    name = "diagonal"
    ndim = 1
    kernel = tied_kernel = "diag"
    isotropic = False
    linear = True

    def shape(self, n_features: int) -> tuple[int, ...]:
        """(D,): the shape of one covariance."""
        return (n_features,)

    def n_parameters(self, n_features: int) -> int:
        """D: one free parameter per feature."""
        return n_features

    def features_per_variance(self, n_features: int) -> int:
        """One, since each feature has a variance of its own."""
        return 1

    def row_cost(self, n_features: int) -> int:
        """Four multiply-adds for each feature, and for the weight."""
        return 4 * (n_features + 1)

    def rows_needed(self, n_features: int) -> int:
        """Two rows have a variance."""
        return 2

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D): the array itself."""
        return array

    def matrices(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D, D): matrices with zeros off the diagonal."""
        matrices = np.zeros((*array.shape, n_features))
        np.einsum("...jj->...j", matrices)[...] = array
        return matrices

    def written(self, form: Form, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D): the diagonals of covariances or factors of another form."""
        return form.diagonals(array, n_features)

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """The variances of these features only."""
        return covariances[..., features]

    def from_deviations(self, deviations: FloatArray) -> FloatArray:
        """(D,): the deviations themselves."""
        return deviations

    def least_deviation(self, tiny: float) -> float:
        """A small multiple of `tiny`: kernels multiply by the inverse of a deviation."""
        return 4.0 * tiny

    def fault(self, array: np.ndarray, what: str) -> str | None:
        """What is wrong where a variance is not positive; None where all are."""
        return positive_fault(array)

    def factor(
        self, covariances: FloatArray, tolerance: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """Deviations and their inverses."""
        return factored(self, covariances, covariances.shape[-1], tolerance)

    def factor_precisions(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Deviations and their inverses, from inverse variances."""
        inverses = np.sqrt(precisions)
        return 1.0 / inverses, inverses

    def held_at(self, covariances: FloatArray, floor: FloatArray, tolerance: float) -> FloatArray:
        """The covariances as they are: a variance that no ridge has raised is not repaired."""
        return covariances

    def squares(self, factors: FloatArray) -> FloatArray:
        """(..., D): the variances, which are squares of deviations."""
        return factors**2

    def precisions(self, inverse_factors: FloatArray) -> FloatArray:
        """(..., D): the squares of inverse deviations."""
        return inverse_factors**2

    def precision_factors(self, inverse_factors: FloatArray) -> FloatArray:
        """(..., D): the inverse deviations themselves."""
        return inverse_factors

    def log_determinants(self, factors: FloatArray, n_features: int) -> FloatArray:
        """(...): the sums of the logarithms of the deviations."""
        return log_determinants_of(self, factors, n_features)

    def times(self, factors: FloatArray, vectors: FloatArray) -> FloatArray:
        """(K, D): vectors times deviations, feature by feature."""
        return factors * vectors

    def times_rows(self, factor: FloatArray, rows: FloatArray) -> FloatArray:
        """(n, D): rows times the deviations, feature by feature."""
        return rows * factor

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(K, D): the products of vectors, feature by feature."""
        return left * right

    def summed_products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(D,): the products of vectors by feature, summed over the components."""
        return np.asarray((left * right).sum(axis=0))

    def symmetric(self, array: FloatArray) -> FloatArray:
        """(..., D): the array itself, since a diagonal is its own transpose."""
        return array

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """() or (D,): the ridge itself."""
        return reg_covar

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """The variances less the ridge, but not less than zero."""
        return np.maximum(covariances - ridge, 0.0)

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, D): the squares of vectors."""
        return vectors**2

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., D): the second moments themselves."""
        return second

    def directions_at_floor(
        self,
        covariances: FloatArray,
        inverse_factors: FloatArray,
        ridge: FloatArray,
        share: float,
        asked: np.ndarray | None = None,
    ) -> np.ndarray:
        """(K,): the number of features whose variance is the ridge to more than this share."""
        shares = inverse_factors**2 * ridge
        counts = np.asarray((shares > share).sum(axis=1))
        return counts if asked is None else counts * asked

    def prior_exponent(self, n_features: int) -> int:
        """Two: an inverse gamma of dof / 2 has the variance to the power -(dof + 2) / 2."""
        return 2

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """(): the mean variance, the same for each feature."""
        return np.asarray(np.trace(covariance) / len(covariance))

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """Whether a scale is one number per feature, or one for all."""
        return shape in (self.shape(n_features), ())

    def log_pivots(self, factors: FloatArray) -> float:
        """The sum of the logarithms of all deviations."""
        return float(np.log(factors).sum())

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """The sum of scale over variance, over all features and components."""
        return float((inverse_factors**2 * scale).sum())

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """(...): ridge over variance, summed over the features."""
        return np.asarray((inverse_factors**2 * ridge).sum(axis=-1))


DIAGONAL = DiagonalForm()
"""This is the only instance of the form."""


def positive_fault(array: np.ndarray) -> str | None:
    """What is wrong where a variance is not positive; None where all are."""
    if (array <= 0.0).any():
        return f"positive, but the smallest is {array.min():g}"
    return None
