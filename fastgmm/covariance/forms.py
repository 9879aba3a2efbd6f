"""What a form is: how a covariance is stored, multiplied and factored.

There are three: a matrix, its diagonal, and one variance for all features.  Arrays hold one
covariance, or several along a leading axis of components: "..." below.  The factor of a covariance
is its lower Cholesky factor L; those of diagonals and of single variances are deviations.
"""

from typing import Protocol

import numpy as np

from fastgmm.typing import FloatArray


class Chart(Protocol):
    """Coordinates of covariances about others, the base: lower entries of L^-1 L', in units.

    The entries on the diagonal are logarithms.  A step of the acceleration is one in these
    coordinates; see `em.relative_frame`.
    """

    def scales(self, roots: FloatArray, shape: tuple[int, ...], n_features: int) -> FloatArray:
        """Roots of the information that complete rows have of each coordinate.

        Of covariances of this shape, of components with the weights `roots`**2 (...).
        """

    def coordinates(self, inverse_factors: FloatArray, factors: FloatArray) -> FloatArray:
        """Of covariances with these factors, about those with these inverse factors."""

    def covariances(self, factors: FloatArray, coordinates: FloatArray) -> FloatArray:
        """The covariances at these coordinates about those with these factors."""

    def gradient(
        self, inverse_factors: FloatArray, second: FloatArray, weight: FloatArray, ridge: FloatArray
    ) -> FloatArray:
        """Derivatives of the log-likelihood, and of a ridge, by the coordinates, at the base.

        `second` are second moments about the means and `weight` (...) their divisors.
        """

    def flat(self, coordinates: FloatArray) -> FloatArray:
        """The coordinates as a vector."""

    def unflat(self, vector: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        """What `flat` made a vector of, for covariances of this shape."""


class Scatters(Protocol):
    """Scatters of clusters, M of them, as far as merging by likelihood needs them."""

    factored: bool
    """Whether a determinant takes the factorisation of a matrix."""

    def of_labels(self, vectors: FloatArray, labels: np.ndarray, n_clusters: int) -> FloatArray:
        """(M, ...): sums of v v^T over the vectors (n, D) of each label."""

    def between(self, vectors: FloatArray) -> FloatArray:
        """(M, ...): v v^T of vectors (M, D)."""

    def variances(self, scatter: FloatArray) -> FloatArray:
        """(D,): the diagonal of one."""

    def log_determinants(self, scatters: FloatArray, floor: float) -> FloatArray:
        """(M,): of the covariances of the form that are nearest, with a floor on the diagonal."""


class Form(Protocol):
    """How covariances are stored, multiplied and factored."""

    name: str
    ndim: int
    """Number of axes of one covariance."""
    kernel: str
    """The covariance type under which the kernels know one covariance per component."""
    tied_kernel: str
    """The same for one that all share; where it is `kernel`, they are given it K times."""
    isotropic: bool
    """Whether all features have the same variance."""
    chart: Chart | None
    """None: EM goes without acceleration."""
    scatters: Scatters

    # ------------------------------------------------------------ sizes

    def shape(self, n_features: int) -> tuple[int, ...]:
        """Shape of one covariance."""

    def n_parameters(self, n_features: int) -> int:
        """Free parameters of one covariance."""

    def features_per_variance(self, n_features: int) -> int:
        """How many features share a stored variance: each of their squares counts for it."""

    def row_cost(self, n_features: int) -> int:
        """Multiply-adds that one row and component take in a pass, more or less."""

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
        """The factor of one covariance whose features (D,) have these deviations.

        All the same, where the form knows one variance.
        """

    def least_deviation(self, tiny: float) -> float:
        """The smallest deviation that kernels can take, whose dtype has this smallest number."""

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
        """Those that `factor` refuses, repaired, whose variances are `floor` (D,) or () at least.

        Raises
        ------
        IllDefinedCovarianceError
            Where the floor is zero.
        """

    def squares(self, factors: FloatArray) -> FloatArray:
        """L L^T: the covariances whose factors are given."""

    def precisions(self, inverse_factors: FloatArray) -> FloatArray:
        """L^-T L^-1."""

    def precision_factors(self, inverse_factors: FloatArray) -> FloatArray:
        """U with precision = U U^T: L^-T."""

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
        """The same, summed over the components."""

    def symmetric(self, array: FloatArray) -> FloatArray:
        """The array and its transpose, averaged."""

    # ------------------------------------------------------------ estimation

    def central(
        self, second: FloatArray, step: FloatArray, weight: FloatArray, divisor: FloatArray
    ) -> FloatArray:
        """(K, ...): (second - weight step step^T) / divisor of each component.

        Second moments (K, ...) about a reference, and the steps (K, D) from there to the means.
        """

    def ridge(self, reg_covar: FloatArray) -> FloatArray:
        """What a ridge () or (D,) adds to the stored variances."""

    def with_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """The ridge on the diagonals; the covariances may be changed in place."""

    def without_ridge(self, covariances: FloatArray, ridge: FloatArray) -> FloatArray:
        """Covariances to which the ridge was not added; a new array."""

    def mean_squares(self, vectors: FloatArray) -> FloatArray:
        """(K, D) or (K, 1): squares of vectors (K, D), averaged over what shares a variance."""

    def variances(self, second: FloatArray, n_features: int) -> FloatArray:
        """(..., D) or (..., 1): the second moments that belong to `mean_squares`."""

    def directions_at_floor(
        self, inverse_factors: FloatArray, ridge: FloatArray, share: float
    ) -> np.ndarray:
        """(K,): in how many directions the ridge is more than this share of the variance."""

    # ------------------------------------------------------------ log priors

    def prior_exponent(self, n_features: int) -> int:
        """What an inverse Wishart or inverse gamma adds to its degrees of freedom at a variance."""

    def prior_scale(self, covariance: FloatArray) -> FloatArray:
        """The scale of a prior after a covariance (D, D)."""

    def takes_prior_scale(self, shape: tuple[int, ...], n_features: int) -> bool:
        """Whether a scale of this shape, given by the user, means something."""

    def log_pivots(self, factors: FloatArray) -> float:
        """Sum over all components of the logarithms on the diagonals as they are stored."""

    def total_trace(self, inverse_factors: FloatArray, scale: FloatArray) -> float:
        """Sum over all components of the traces of precision times scale."""

    def ridge_traces(self, inverse_factors: FloatArray, ridge: FloatArray) -> FloatArray:
        """(...): traces of precision times ridge."""
