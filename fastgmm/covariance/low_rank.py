"""Covariances as factors and a diagonal: Sigma = Lam Lam^T + Psi (mixtures of factor analysers).

The model of a row is x = mean + Lam z + e, with z of q standard normal factors and e of variances
Psi (Ghahramani and Hinton 1996; with one variance for all features it is PPCA, Tipping and Bishop
1999).  Nothing here has D x D numbers but what users ask for.
"""

import numpy as np

from fastgmm.covariance.diagonal import positive_fault
from fastgmm.covariance.forms import Form
from fastgmm.covariance.matrix import MATRIX
from fastgmm.errors import IllDefinedCovarianceError, ill_defined_covariance_error
from fastgmm.typing import FloatArray


class LowRankForm:
    """The form of q factors and a diagonal; all arrays are (..., D + q, q + 1).

    With M = I + Lam^T Psi^-1 Lam = R R^T and T = R^-1 Lam^T Psi^-1, so that
    Sigma^-1 = Psi^-1 - T^T T (Woodbury) and det Sigma = det Psi (det R)^2:

    ============  =========================  ======================================
    array         D rows                     q rows
    ============  =========================  ======================================
    covariance    Lam and the diagonal Psi   zeros
    factor        Lam and Psi^1/2            R and zeros
    its inverse   T^T and Psi^-1/2           R^-1 and the lengths of the rows of R
    ============  =========================  ======================================

    Sums of second moments have the same shape: see `FactorAnalysis`.
    """

    name = "low_rank"
    ndim = 2
    kernel = tied_kernel = "low_rank"
    isotropic = False
    linear = False

    def __init__(self, n_factors: int) -> None:
        self.n_factors = n_factors

    # ------------------------------------------------------------ sizes

    def shape(self, n_features: int) -> tuple[int, ...]:
        """(D + q, q + 1): the shape of one covariance."""
        return (n_features + self.n_factors, self.n_factors + 1)

    def n_parameters(self, n_features: int) -> int:
        """D q + D, less q (q - 1) / 2 for the rotations of the factors, which change nothing."""
        q = self.n_factors
        return n_features * (q + 1) - q * (q - 1) // 2

    def features_per_variance(self, n_features: int) -> int:
        """One, since each feature has a variance of its own."""
        return 1

    def row_cost(self, n_features: int) -> int:
        """Each factor is a multiply-add per feature for the distance, and one for the sums."""
        return (2 * self.n_factors + 5) * (n_features + 1)

    def rows_needed(self, n_features: int) -> int:
        """Q + 2: so many rows do not all lie in a plane of q directions."""
        return self.n_factors + 2

    # ------------------------------------------------------------ views and conversions

    def loadings(self, array: FloatArray) -> FloatArray:
        """(..., D, q): Lam of a covariance or of a factor; T^T of an inverse; a view."""
        return array[..., : -self.n_factors, :-1]

    def noise(self, array: FloatArray) -> FloatArray:
        """(..., D): the diagonal of a covariance, of a factor or of an inverse; a view."""
        return array[..., : -self.n_factors, -1]

    def root(self, array: FloatArray) -> FloatArray:
        """(..., q, q): R of a factor, R^-1 of an inverse; a view."""
        return array[..., -self.n_factors :, :-1]

    def joined(self, loadings: FloatArray, diagonal: FloatArray) -> FloatArray:
        """(..., D + q, q + 1): Lam and a diagonal as one array, with zeros below."""
        *lead, d, q = loadings.shape
        array = np.zeros((*lead, d + q, q + 1))
        array[..., :d, :q], array[..., :d, q] = loadings, diagonal
        return array

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D): the variances of covariances."""
        return np.asarray((self.loadings(array) ** 2).sum(axis=-1) + self.noise(array))

    def matrices(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D, D): covariances, written out."""
        loadings = self.loadings(array)
        matrices: FloatArray = loadings @ np.swapaxes(loadings, -1, -2)
        np.einsum("...jj->...j", matrices)[...] += self.noise(array)
        return matrices

    def written(self, form: Form, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D + q, q + 1): diagonals of another form, with factors that do nothing."""
        diagonals = form.diagonals(array, n_features)
        return self.joined(np.zeros((*diagonals.shape, self.n_factors)), diagonals)

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """The covariances of these features: the other rows are left out."""
        return self.joined(
            self.loadings(covariances)[..., features, :], self.noise(covariances)[..., features]
        )

    def from_deviations(self, deviations: FloatArray) -> FloatArray:
        """(D + q, q + 1): the factor with these deviations of the noise, and no loadings."""
        factor = self.joined(np.zeros((len(deviations), self.n_factors)), deviations)
        self.root(factor)[...] = np.eye(self.n_factors)
        return factor

    def least_deviation(self, tiny: float) -> float:
        """A small multiple of `tiny`: kernels multiply by the inverse of a deviation."""
        return 4.0 * tiny

    def fault(self, array: np.ndarray, what: str) -> str | None:
        """What is wrong where a variance of the noise is not positive; None where all are."""
        return positive_fault(self.noise(array))

    # ------------------------------------------------------------ algebra

    def factor(
        self, covariances: FloatArray, tolerance: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """The factors and their inverses, of M = I + Lam^T Psi^-1 Lam and its Cholesky factor."""
        q, noise = self.n_factors, self.noise(covariances)
        good = (noise > 0.0).all(axis=-1) & np.isfinite(covariances).all(axis=(-1, -2))
        if not good.all():
            raise ill_defined_covariance_error(int(np.argmin(good)) if good.ndim else None)
        deviations = np.sqrt(noise)
        scaled = self.loadings(covariances) / deviations[..., None]
        grown = np.swapaxes(scaled, -1, -2) @ scaled
        np.einsum("...ii->...i", grown)[...] += 1.0
        try:
            roots, inverse_roots = MATRIX.factor(np.ascontiguousarray(grown))
        except IllDefinedCovarianceError as error:
            raise ill_defined_covariance_error(error.component) from None
        factors = covariances.copy()
        self.noise(factors)[...], self.root(factors)[...] = deviations, roots
        inverses = np.empty_like(factors)
        projections = scaled @ np.swapaxes(inverse_roots, -1, -2)
        self.loadings(inverses)[...] = projections / deviations[..., None]
        self.noise(inverses)[...] = 1.0 / deviations
        self.root(inverses)[...] = inverse_roots
        inverses[..., -q:, -1] = np.sqrt((roots**2).sum(axis=-1))
        return factors, inverses

    def factor_precisions(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Nobody gives precisions of low rank: `validation.initial` refuses them."""
        raise NotImplementedError

    def squares(self, factors: FloatArray) -> FloatArray:
        """(..., D + q, q + 1): the covariances of factors."""
        return self.joined(self.loadings(factors), self.noise(factors) ** 2)

    def log_determinants(self, factors: FloatArray, n_features: int) -> FloatArray:
        """(...): half the logarithm of det Psi, and that of det R."""
        of_noise = np.log(self.noise(factors)).sum(axis=-1)
        pivots = np.diagonal(self.root(factors), axis1=-2, axis2=-1)
        return np.asarray(of_noise + np.log(pivots).sum(axis=-1))

    def precisions(self, inverse_factors: FloatArray) -> FloatArray:
        """(..., D, D): Psi^-1 - T^T T, written out."""
        projections = self.loadings(inverse_factors)
        precisions: FloatArray = -(projections @ np.swapaxes(projections, -1, -2))
        np.einsum("...jj->...j", precisions)[...] += self.noise(inverse_factors) ** 2
        return precisions

    def precision_factors(self, inverse_factors: FloatArray) -> FloatArray:
        """(..., D, D): upper triangular U with precision = U U^T, written out."""
        inverses = MATRIX.factor_precisions(self.precisions(inverse_factors))[1]
        return MATRIX.precision_factors(inverses)

    def times(self, factors: FloatArray, vectors: FloatArray) -> FloatArray:
        """(K, D): each vector times the factor of its component, as `times_rows` has it."""
        pairs = zip(factors, vectors, strict=True)
        return np.array([self.times_rows(factor, row[None])[0] for factor, row in pairs])

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(K, D + q, q + 1): the products of vectors by feature, with no factor behind them."""
        return self.joined(np.zeros((*left.shape, self.n_factors)), left * right)

    def summed_products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(D + q, q + 1): the same, summed over the components."""
        return np.asarray(self.products(left, right).sum(axis=0))

    def symmetric(self, array: FloatArray) -> FloatArray:
        """The array itself: what it stands for is symmetric."""
        return array

    def times_rows(self, factor: FloatArray, rows: FloatArray) -> FloatArray:
        """(n, D): rows times the symmetric root of Sigma / Psi, and the roots of Psi.

        With A = Psi^-1/2 Lam it is I + A f(M) A^T, where f(m) = 1 / (1 + sqrt(m)) of the
        eigenvalues m of M = I + A^T A: no number cancels.
        """
        deviations = self.noise(factor)
        scaled, root = self.loadings(factor) / deviations[:, None], self.root(factor)
        values, vectors = np.linalg.eigh(root @ root.T)
        along = scaled @ vectors
        return np.asarray((rows + (rows @ along / (1.0 + np.sqrt(values))) @ along.T) * deviations)

    # ------------------------------------------------------------ estimation

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """() or (D,): the least variance of noise."""
        return reg_covar

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """(..., D + q, q + 1): a copy, as a floor adds nothing."""
        return np.array(covariances)

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, D): the squares of vectors."""
        return vectors**2

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., D): the sums of squares among the second moments."""
        return self.noise(second)

    def held_at(self, covariances: FloatArray, floor: FloatArray, tolerance: float) -> FloatArray:
        """The covariances with noise of at least `floor`."""
        held = covariances.copy()
        self.noise(held)[...] = np.maximum(self.noise(held), floor)
        return held

    def directions_at_floor(
        self,
        covariances: FloatArray,
        inverse_factors: FloatArray,
        ridge: FloatArray,
        share: float,
        asked: np.ndarray | None = None,
    ) -> np.ndarray:
        """(K,): the features whose noise is the ridge, less q: so many may be what a factor is.

        A factor that is one of the features leaves it no noise (Heywood's case), and is no
        collapse.
        """
        at_floor = (self.noise(covariances) * share < ridge).sum(axis=-1)
        counts = np.maximum(at_floor - self.n_factors, 0)
        return counts if asked is None else np.asarray(counts * asked)

    # ------------------------------------------------------------ log priors

    def prior_exponent(self, n_features: int) -> int:
        """There is no prior of low rank: `em.priors` refuses it."""
        raise NotImplementedError

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """There is no prior of low rank: `em.priors` refuses it."""
        raise NotImplementedError

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """No scale means anything."""
        return False

    def log_pivots(self, factors: FloatArray) -> float:
        """The sum of the logarithms of the noise's roots and of the pivots of R, or of inverses."""
        return float(self.log_determinants(factors, factors.shape[-2] - self.n_factors).sum())

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """The sum of the traces of precision times a diagonal over all components."""
        return float(self.ridge_traces(inverse_factors, scale).sum())

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """(...): the traces of precision times ridge."""
        diagonals = self.noise(inverse_factors) ** 2
        diagonals = diagonals - (self.loadings(inverse_factors) ** 2).sum(axis=-1)
        return np.asarray((diagonals * ridge).sum(axis=-1))
