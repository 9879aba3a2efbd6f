"""Covariances as matrices (..., D, D)."""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.factors import factored, log_determinants_of
from fastgmm.covariance.forms import Form
from fastgmm.errors import IllDefinedCovarianceError, ill_defined_covariance_error
from fastgmm.typing import FloatArray

CORRELATION_FLOOR = 1e-13
"""The smallest eigenvalue of a correlation matrix is raised to this times D where its covariance
cannot be factored as it is."""
TRACE_SHARE = 1.0 - 1e-6
"""A trace may be rounded by less than the rest of this share."""
BOUND_ROUNDING = 1e-3
"""A count of the directions in which a variance is below a bound is taken from pivots where their
rounding stands for a bound that differs by at most this share."""


class MatrixForm:
    """The form of the whole matrix: features may be correlated."""

    name = "matrix"
    ndim = 2
    kernel, tied_kernel = "full", "tied"
    isotropic = False
    linear = True

    def shape(self, n_features: int) -> tuple[int, ...]:
        """(D, D): the shape of one covariance."""
        return (n_features, n_features)

    def n_parameters(self, n_features: int) -> int:
        """D (D + 1) / 2: the entries of the lower triangle."""
        return n_features * (n_features + 1) // 2

    def features_per_variance(self, n_features: int) -> int:
        """One, since each feature has a variance of its own."""
        return 1

    def row_cost(self, n_features: int) -> int:
        """One triangle of multiply-adds for the distance, and one for the second moments."""
        return (n_features + 1) * (n_features + 2)

    def rows_needed(self, n_features: int) -> int:
        """D + 1: so many rows span a volume."""
        return n_features + 1

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D): a view of the diagonals, writable where the array is."""
        return _diagonal(array)

    def matrices(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D, D): the array itself."""
        return array

    def written(self, form: Form, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D, D): covariances or factors of another form, written out."""
        return form.matrices(array, n_features)

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """The covariances of these features: their rows and columns."""
        return covariances[..., features, :][..., features]

    def from_deviations(self, deviations: FloatArray) -> FloatArray:
        """(D, D): the matrix with these deviations on the diagonal."""
        return np.diag(deviations)

    def least_deviation(self, tiny: float) -> float:
        """A small multiple of `tiny`: kernels multiply by the inverse of a deviation."""
        return 4.0 * tiny

    def fault(self, array: np.ndarray, what: str) -> str | None:
        """What is wrong where a matrix is not symmetric or not positive definite, else None.

        Tests and tolerances are those of scikit-learn, so that both accept the same matrices.
        """
        stacked = array.reshape(-1, *array.shape[-2:])
        for k, matrix in enumerate(stacked):
            label = what if array.ndim == self.ndim else f"{what}[{k}]"
            if not np.allclose(matrix, matrix.T):
                found = f"{label} differs from its transpose by {np.abs(matrix - matrix.T).max():g}"
            # Cholesky's factors come first, because they take neither LAPACK nor its memory.
            elif _has_factor(matrix) or (smallest := np.linalg.eigvalsh(matrix)[0]) > 0.0:
                continue
            else:
                found = f"the smallest eigenvalue of {label} is {smallest:g}"
            return f"symmetric, positive-definite, but {found}"
        return None

    def factor(
        self, covariances: FloatArray, tolerance: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """L and L^-1 of covariances, by the kernel for Cholesky factors."""
        return factored(self, covariances, covariances.shape[-1], tolerance)

    def factor_precisions(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """L and L^-1 of the inverses, without inverting a matrix.

        With J the reversal of the features, J P J = C C^T gives P = (J C J)(J C J)^T, where J C J
        is upper triangular and so is the transpose of L^-1.
        """
        reversed_factors, reversed_inverses = self.factor(
            np.ascontiguousarray(precisions[..., ::-1, ::-1])
        )
        inverses = np.swapaxes(reversed_factors[..., ::-1, ::-1], -1, -2)
        factors = np.swapaxes(reversed_inverses[..., ::-1, ::-1], -1, -2)
        return np.ascontiguousarray(factors), np.ascontiguousarray(inverses)

    def held_at(self, covariances: FloatArray, floor: FloatArray, tolerance: float) -> FloatArray:
        """The covariances; singular ones have correlations with eigenvalues at a floor.

        The floor is `CORRELATION_FLOOR` times D.
        """
        stacked = covariances.reshape(-1, *covariances.shape[-2:]).copy()
        for index, covariance in enumerate(stacked):
            try:
                self.factor(covariance, tolerance)
            except IllDefinedCovarianceError:
                variances = np.maximum(np.diagonal(covariance), floor)
                if not (variances > 0.0).all():
                    component = None if covariances.ndim == self.ndim else index
                    raise ill_defined_covariance_error(component) from None
                stacked[index] = _hold_at_floor(covariance, np.sqrt(variances))
        return stacked.reshape(covariances.shape)

    def squares(self, factors: FloatArray) -> FloatArray:
        """(..., D, D): L L^T."""
        squares: FloatArray = factors @ np.swapaxes(factors, -1, -2)
        return squares

    def precisions(self, inverse_factors: FloatArray) -> FloatArray:
        """(..., D, D): L^-T L^-1."""
        precisions: FloatArray = np.swapaxes(inverse_factors, -1, -2) @ inverse_factors
        return precisions

    def precision_factors(self, inverse_factors: FloatArray) -> FloatArray:
        """(..., D, D): a view of L^-T, which is upper triangular."""
        return np.swapaxes(inverse_factors, -1, -2)

    def log_determinants(self, factors: FloatArray, n_features: int) -> FloatArray:
        """(...): the sums of the logarithms on the diagonals of L."""
        return log_determinants_of(self, factors, n_features)

    def times(self, factors: FloatArray, vectors: FloatArray) -> FloatArray:
        """(K, D): each vector times the matrix of its component."""
        products: FloatArray = np.einsum("kij,kj->ki", factors, vectors)
        return products

    def times_rows(self, factor: FloatArray, rows: FloatArray) -> FloatArray:
        """(n, D): all rows times one matrix."""
        products: FloatArray = rows @ factor.T
        return products

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(K, D, D): the outer products of vectors."""
        return left[:, :, None] * right[:, None, :]

    def summed_products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(D, D): the sum of the outer products of vectors, as one product of matrices."""
        # A copy is taken since NumPy has another routine for x.T @ x, which rounds differently.
        products: FloatArray = left.T @ (right.copy() if right is left else right)
        return products

    def symmetric(self, array: FloatArray) -> FloatArray:
        """(..., D, D): matrices with both triangles averaged."""
        return (array + np.swapaxes(array, -1, -2)) / 2

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """() or (D,): the ridge itself."""
        return reg_covar

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """(..., D, D): a copy of the covariances with the ridge taken off the diagonals."""
        bare = covariances.copy()
        diagonal = np.einsum("...jj->...j", bare)
        diagonal -= ridge
        return bare

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, D): the squares of vectors."""
        return vectors**2

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., D): the diagonals of second moments."""
        return _diagonal(second)

    def directions_at_floor(
        self,
        covariances: FloatArray,
        inverse_factors: FloatArray,
        ridge: FloatArray,
        share: float,
        asked: np.ndarray | None = None,
    ) -> np.ndarray:
        """(K,): the number of directions in which the ridge is more than this share.

        They are counted only where the trace of precision times ridge is large enough for one:
        by pivots, and where rounding could have changed those, by the singular values of L^-1 times
        the root of the ridge.
        """
        counts = np.zeros(len(inverse_factors), dtype=np.int64)
        suspects = self.ridge_traces(inverse_factors, ridge) > TRACE_SHARE * share
        if asked is not None:
            suspects &= asked
        if not suspects.any():
            return counts
        counts[suspects] = -1
        unsure = count_below(covariances, ridge / share, counts)
        for index in np.flatnonzero(unsure):
            scaled = inverse_factors[index] * np.sqrt(ridge)
            singular = np.linalg.svd(scaled, compute_uv=False)
            counts[index] = np.count_nonzero(singular**2 > share)
        return counts

    def prior_exponent(self, n_features: int) -> int:
        """D + 1: an inverse Wishart has the determinant to the power -(dof + D + 1) / 2."""
        return n_features + 1

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """(D, D): the covariance itself."""
        return covariance

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """Whether a scale is a matrix (D, D)."""
        return shape == self.shape(n_features)

    def log_pivots(self, factors: FloatArray) -> float:
        """The sum of the logarithms on all diagonals."""
        return float(np.log(_diagonal(factors)).sum())

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """The sum of the traces of L^-1 scale L^-T over all components."""
        return float(((inverse_factors @ scale) * inverse_factors).sum())

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """(...): the sums of the squares of L^-1 times the root of the ridge."""
        columns = np.einsum("...ij,...ij->...j", inverse_factors, inverse_factors)
        return np.asarray((columns * ridge).sum(axis=-1))


MATRIX = MatrixForm()
"""This is the only instance of the form."""


def count_below(covariances: FloatArray, bounds: FloatArray, counts: np.ndarray) -> np.ndarray:
    """Count, where counts (K,) are negative, the directions in which variances are below bounds.

    The bounds, () or (D,), are variances of the features.  Returned is (K,) whether a count is
    missing, or could be another one for bounds that differ by more than `BOUND_ROUNDING`.
    """
    asked = counts < 0
    bounds = np.array(np.broadcast_to(bounds, covariances.shape[-1]), order="C")
    if not (bounds > 0.0).all():
        return asked
    errors = np.zeros(len(counts))
    kernels.directions_below(len(bounds), covariances, bounds, counts, errors)
    return np.asarray(asked & ~(errors <= BOUND_ROUNDING))


def _diagonal(array: FloatArray) -> FloatArray:
    """The diagonals of matrices (..., D, D): a view, which can be written to if the array can."""
    diagonal: FloatArray = array.diagonal(0, -2, -1)
    if array.flags.writeable:
        diagonal.flags.writeable = True
    return diagonal


def _has_factor(matrix: np.ndarray) -> bool:
    try:
        MATRIX.factor(np.array(matrix, dtype=np.float64))
    except IllDefinedCovarianceError:
        return False
    return True


def _hold_at_floor(covariance: FloatArray, deviations: FloatArray) -> FloatArray:
    # Where a variance has cancelled, its covariances are rounding, too.
    correlation = np.clip(covariance / deviations[:, None] / deviations, -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    floor = CORRELATION_FLOOR * len(covariance)
    held: FloatArray = (vectors * np.maximum(eigenvalues, floor)) @ vectors.T
    held = held * deviations[:, None] * deviations
    return (held + held.T) / 2
