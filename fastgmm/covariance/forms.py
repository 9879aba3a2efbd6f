"""What a form is: how a covariance is stored, multiplied and factored.

There are three: a matrix, its diagonal, and one variance for all features.  Arrays hold one
covariance, or several along a leading axis of components, which shapes write as "...".  The factor
of a covariance is its lower Cholesky factor L; those of diagonals and of single variances are
deviations.
"""

from typing import Protocol

import numpy as np

from fastgmm.typing import FloatArray


class Form(Protocol):
    """How covariances are stored, multiplied and factored."""

    name: str
    """The name of the form, by which results that were made for it are kept."""
    ndim: int
    """The number of axes of the array of one covariance."""
    kernel: str
    """The covariance type under which the kernels know one covariance per component."""
    tied_kernel: str
    """The covariance type under which the kernels know one covariance that all components share;
    where it is `kernel`, the kernels are given that covariance K times."""
    isotropic: bool
    """Whether all features have the same variance."""
    linear: bool
    """Whether a sum of arrays stands for the sum of their covariances."""

    # ------------------------------------------------------------ sizes

    def shape(self, n_features: int) -> tuple[int, ...]:
        """The shape of one covariance."""

    def n_parameters(self, n_features: int) -> int:
        """The number of free parameters of one covariance."""

    def features_per_variance(self, n_features: int) -> int:
        """The number of features that share a variance; the squares of each count for it."""

    def row_cost(self, n_features: int) -> int:
        """The number of multiply-adds that one row and component take in a pass, roughly."""

    def rows_needed(self, n_features: int) -> int:
        """The number of rows whose scatter can be a covariance: fewer span no volume."""

    # ------------------------------------------------------------ views and conversions

    def diagonals(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D): the diagonals of covariances or of factors, a view."""

    def matrices(self, array: FloatArray, n_features: int) -> FloatArray:
        """(..., D, D): covariances or factors, written out."""

    def written(self, form: "Form", array: FloatArray, n_features: int) -> FloatArray:
        """Covariances or factors of another form, which stores no more than this one, in this."""

    def selected(self, covariances: FloatArray, features: np.ndarray) -> FloatArray:
        """The covariances of these features only."""

    def from_deviations(self, deviations: FloatArray) -> FloatArray:
        """The factor of one covariance whose features have these deviations (D,).

        They are all the same where the form knows one variance.
        """

    def least_deviation(self, tiny: float) -> float:
        """The smallest deviation that kernels take in a dtype with this smallest number."""

    def fault(self, array: np.ndarray, what: str) -> str | None:
        """What covariances or precisions, called `what`, should be and are not; None: nothing."""

    # ------------------------------------------------------------ algebra

    def factor(
        self, covariances: FloatArray, tolerance: float = 0.0
    ) -> tuple[FloatArray, FloatArray]:
        """L and L^-1.

        A Cholesky pivot up to `tolerance` times D times its diagonal element counts as zero.

        Raises
        ------
        IllDefinedCovarianceError
            When a covariance is not positive definite.
        """

    def factor_precisions(self, precisions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """L and L^-1 of the covariances whose inverses are given."""

    def held_at(self, covariances: FloatArray, floor: FloatArray, tolerance: float) -> FloatArray:
        """The covariances, with those repaired that `factor` refuses.

        Their variances are at least `floor`, (D,) or ().

        Raises
        ------
        IllDefinedCovarianceError
            When a covariance is to be repaired and the floor is zero.
        """

    def squares(self, factors: FloatArray) -> FloatArray:
        """L L^T: the covariances whose factors are given."""

    def precisions(self, inverse_factors: FloatArray) -> FloatArray:
        """L^-T L^-1: the precisions whose inverse factors are given."""

    def precision_factors(self, inverse_factors: FloatArray) -> FloatArray:
        """L^-T: the factors U with precision = U U^T."""

    def log_determinants(self, factors: FloatArray, n_features: int) -> FloatArray:
        """(...): log det L, in nats."""

    def times(self, factors: FloatArray, vectors: FloatArray) -> FloatArray:
        """(K, D): L v for factors (K, ...), one of each component, and vectors (K, D).

        Inverse factors whiten the vectors, factors undo that.
        """

    def times_rows(self, factor: FloatArray, rows: FloatArray) -> FloatArray:
        """(n, D): L x for one factor and all rows."""

    def products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """(K, ...): left right^T of vectors (K, D)."""

    def summed_products(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """The sum over the components of left right^T of vectors (K, D)."""

    def symmetric(self, array: FloatArray) -> FloatArray:
        """The array and its transpose, averaged."""

    # ------------------------------------------------------------ estimation

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """What a ridge, () or (D,), adds to the stored variances."""

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Covariances to which the ridge was not added, as a new array."""

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, D) or (K, 1): squares of vectors (K, D), averaged over what shares a variance."""

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., D) or (..., 1): the second moments that belong to `mean_squares`."""

    def directions_at_floor(
        self,
        covariances: FloatArray,
        inverse_factors: FloatArray,
        ridge: FloatArray,
        share: float,
        asked: np.ndarray | None = None,
    ) -> np.ndarray:
        """(K,): in how many directions the ridge is more than this share of the variance.

        Where `asked` (K,) is false the answer is 0.
        """

    # ------------------------------------------------------------ log priors

    def prior_exponent(self, n_features: int) -> int:
        """What an inverse Wishart or inverse gamma adds to its dof at a determinant."""

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """The scale of a prior after a covariance (D, D)."""

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """Whether a scale of this shape, given by the user, means something."""

    def log_pivots(self, factors: FloatArray) -> float:
        """The sum over all components of the logarithms on the diagonals, as they are stored."""

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """The sum over all components of the traces of precision times scale."""

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """(...): the traces of precision times ridge."""
