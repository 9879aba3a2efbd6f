"""What keeps covariances away from zero: a ridge on the diagonal, and a prior.

Both act on sufficient statistics, and so everywhere that there are any.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fastgmm.covariance.factors import whitened
from fastgmm.covariance.types import Shape
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray

_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Augmented:
    """Statistics with what the prior adds: sums over rows, and divisors that are no longer equal.

    Parameters
    ----------
    reference, first_moment, second_moment : ndarray
        As in the statistics.
    mean_weight : ndarray of shape (K,)
        Divides the first moments.
    covariance_weight : ndarray of shape (K,), or () if tied
        Divides the second moments; for one variance per component it counts each feature.
    """

    reference: FloatArray
    first_moment: FloatArray
    second_moment: FloatArray
    mean_weight: FloatArray
    covariance_weight: FloatArray


@dataclass(frozen=True)
class Prior:
    """A normal-inverse-Wishart prior of one data set: see `priors.NormalInverseWishart`.

    Parameters
    ----------
    mean : ndarray of shape (D,)
    shrinkage : float
        Rows that it counts for in each mean.
    dof : float
    scale : ndarray of shape (D, D), (D,) or ()
        As the form of the covariances.
    row_weight : float
        What one of the rows weighs, that the prior counts for.
    """

    mean: FloatArray
    shrinkage: float
    dof: float
    scale: FloatArray
    row_weight: float = 1.0

    def counts(self, shape: Shape, n_components: int) -> float:
        """What the prior adds to the weight of a covariance.

        The exponents of the determinants of the inverse Wishart (inverse gamma for diagonals and
        single variances) and of the normal density of each mean (Fraley and Raftery 2007, tables
        2 to 4).
        """
        d = len(self.mean)
        exponent = d + 1 if shape.form == "matrix" else 2
        of_mean = d if shape.form == "scalar" else 1
        n_means = n_components if shape.tied else 1
        return self.dof + exponent + (of_mean * n_means if self.shrinkage > 0 else 0)


@dataclass(frozen=True)
class Regularization:
    """The ridge `reg_covar`, () or (D,), on the diagonals of covariances, and perhaps a prior."""

    reg_covar: FloatArray = field(default_factory=lambda: np.zeros(()))
    prior: Prior | None = None

    @classmethod
    def of(cls, reg_covar: Any) -> "Regularization":
        """A ridge alone."""
        return cls(np.asarray(reg_covar, dtype=np.float64))

    def arrays(self) -> dict[str, FloatArray]:
        """For files."""
        arrays = {"ridge": self.reg_covar}
        if self.prior is not None:
            arrays |= {"prior_mean": self.prior.mean, "prior_scale": self.prior.scale}
            numbers = [self.prior.shrinkage, self.prior.dof, self.prior.row_weight]
            arrays["prior_numbers"] = np.array(numbers)
        return arrays

    @classmethod
    def of_arrays(cls, arrays: dict[str, FloatArray]) -> "Regularization":
        """What `arrays` gave."""
        if "prior_mean" not in arrays:
            return cls(arrays["ridge"])
        shrinkage, dof, row_weight = arrays["prior_numbers"].tolist()
        prior = Prior(arrays["prior_mean"], shrinkage, dof, arrays["prior_scale"], row_weight)
        return cls(arrays["ridge"], prior)

    def in_units(self, row_weight: float) -> "Regularization":
        """The same for rows of which one weighs so much."""
        if self.prior is None or self.prior.row_weight == row_weight:
            return self
        return replace(self, prior=replace(self.prior, row_weight=row_weight))

    @property
    def none(self) -> bool:
        """Whether nothing holds a covariance up."""
        return self.prior is None and not self.reg_covar.all()

    def ridge(self, shape: Shape) -> FloatArray:
        """What is added to a covariance of this form: to its diagonal (D,) or (), or to it, ()."""
        return np.asarray(self.reg_covar.mean()) if shape.form == "scalar" else self.reg_covar

    def augmented(self, statistics: SufficientStatistics) -> Augmented:
        """The statistics and the prior; without one the divisors are the component weights."""
        shape = statistics.shape
        k, d = statistics.reference.shape
        weight = np.maximum(statistics.component_weight, _TINY)
        first, second = statistics.first_moment, statistics.second_moment
        covariance_weight = np.asarray(weight.sum()) if shape.tied else weight
        if shape.form == "scalar":
            covariance_weight = covariance_weight * d
        if self.prior is None:
            return Augmented(statistics.reference, first, second, weight, covariance_weight)
        to_mean = self.prior.mean - statistics.reference
        unit = self.prior.row_weight
        shrinkage = np.full(k, unit * self.prior.shrinkage)
        return Augmented(
            statistics.reference,
            first + unit * self.prior.shrinkage * to_mean,
            second + unit * self.prior.scale + shape.squares(to_mean, to_mean, shrinkage),
            weight + unit * self.prior.shrinkage,
            covariance_weight + unit * self.prior.counts(shape, k),
        )

    def log_prior(self, mixture: Mixture) -> float:
        """Log density of the prior at the parameters, in nats, up to a constant."""
        prior = self.prior
        if prior is None:
            return 0.0
        shape, (k, d) = mixture.shape, mixture.means.shape
        inverses = mixture.inverse_factors
        diagonals = shape.diagonals(inverses, d) if shape.form != "scalar" else inverses[..., None]
        log_determinants = -2.0 * float(np.log(diagonals).sum())
        distances = whitened(shape.per_component(inverses, k), prior.mean - mixture.means)
        if shape.form == "matrix":
            scaled = float(((inverses @ prior.scale) * inverses).sum())
        else:
            scaled = float((inverses**2 * prior.scale).sum())
        return (
            -0.5
            * prior.row_weight
            * (
                prior.counts(shape, k) * log_determinants
                + scaled
                + prior.shrinkage * float((distances**2).sum())
            )
        )

    def ridge_penalty(self, mixture: Mixture, covariance_weight: FloatArray) -> float:
        """Log density, in nats, of the prior whose maximiser has the ridge at these weights.

        A ridge that is added after each M-step is the maximiser of nothing that stays the same;
        beside `covariance_weight` (K,) or () held fixed it is.
        """
        if not self.reg_covar.any():
            return 0.0
        shape = mixture.shape
        inverses, ridge = mixture.inverse_factors, self.ridge(shape)
        if shape.form == "matrix":
            traces = ((inverses * np.sqrt(ridge)) ** 2).sum(axis=(-2, -1))
        elif shape.form == "diagonal":
            traces = (inverses**2 * ridge).sum(axis=-1)
        else:
            traces = inverses**2 * ridge
        return -0.5 * float((covariance_weight * traces).sum())
