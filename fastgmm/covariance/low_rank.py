"""Covariances as a few factors and a diagonal: Sigma = Lam Lam^T + Psi (mixtures of factor analysers).

The model of a row is x = mean + Lam z + e with z of q standard normal factors and e of variances Psi
(Ghahramani and Hinton 1996; with one variance for all features it is PPCA, Tipping and Bishop 1999).
Nothing here has D x D numbers but what users ask for.
"""

from dataclasses import dataclass

import numpy as np

from fastgmm.covariance.estimate import Augmented
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.model import CovarianceModel
from fastgmm.errors import IllDefinedCovarianceError, ill_defined_covariance_error
from fastgmm.typing import FloatArray

LEAST_SHARE = 1e-10
"""Noise variances are at least this share of the variance of their feature: what is less is the
rounding of a difference of sums."""
TINY = float(np.finfo(np.float64).tiny)
"""The smallest normal float64, for weights that are divided by."""


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

    Sums of second moments have the same shape: see `LowRankModel.from_kernels`.
    """

    name = "low_rank"
    ndim = 2
    kernel = tied_kernel = "low_rank"
    isotropic = False

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
        """q + 2: so many rows have an extent beside the plane of the factors."""
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

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """The covariances of these features: the other rows are left out."""
        return self.joined(
            self.loadings(covariances)[..., features, :], self.noise(covariances)[..., features]
        )

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

    def agrees(
        self, covariances: FloatArray, factors: FloatArray, inverses: FloatArray, tolerance: float
    ) -> bool:
        """Whether factors and inverses, which may come from a file, are those of the covariances."""
        try:
            own = self.factor(covariances)
        except IllDefinedCovarianceError:
            return False
        return all(
            bool((np.abs(given - made) <= tolerance * np.abs(made).max()).all())
            for given, made in zip((factors, inverses), own, strict=True)
        )
