"""What keeps covariances away from zero: a ridge on the diagonal, and a prior.

Both act on sufficient statistics, and so wherever an M-step is done.
"""

from dataclasses import field, replace
from typing import Any

import numpy as np

from fastgmm.archive import checks
from fastgmm.covariance.agreement import is_nonnegative
from fastgmm.covariance.estimate import Augmented
from fastgmm.covariance.forms import Form
from fastgmm.covariance.model import CovarianceModel
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

TINY = np.finfo(np.float64).tiny
"""Component weights are at least this where something is divided by them."""


@dataclass(frozen=True, eq=False)
class Prior:
    """A normal-inverse-Wishart prior of one data set: see `NormalInverseWishart`.

    Parameters
    ----------
    mean : ndarray of shape (D,)
    shrinkage : float
        The number of rows that the prior counts for in each mean.
    dof : float
        Degrees of freedom.
    scale : ndarray of shape (D, D), (D,) or ()
        The scale, in the form of the covariances.
    row_weight : float
        The weight of each of the rows that the prior counts for.
    """

    mean: FloatArray
    shrinkage: float
    dof: float
    scale: FloatArray
    row_weight: float = 1.0

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of a prior."""
        (d,) = checks.check_sizes("the prior's mean", self.mean, 1)
        checks.check_array("the prior's mean", self.mean, (d,))
        checks.check_number("the prior's shrinkage", self.shrinkage, 0.0)
        checks.check_number("the prior's dof", self.dof, TINY)
        checks.check_number("the prior's row weight", self.row_weight, TINY)
        if self.scale.shape not in ((), (d,), (d, d)):
            raise ValueError(f"the prior's scale must fit {d} features, got {self.scale.shape}")
        checks.check_array("the prior's scale", self.scale, self.scale.shape)
        if not is_nonnegative(self.scale):
            raise ValueError("the prior's scale must not be negative in any direction")

    def counts(self, model: CovarianceModel, n_components: int) -> float:
        """The number of rows that the prior adds to the divisor of a covariance.

        It comes from the exponents of the determinants of the inverse Wishart (inverse gamma for
        diagonals and single variances) and of the normal density of each mean (Fraley and Raftery
        2007, tables 2 to 4).
        """
        form, d = model.form, len(self.mean)
        of_means = form.features_per_variance(d) * (n_components if model.tied else 1)
        return self.dof + form.prior_exponent(d) + (of_means if self.shrinkage > 0 else 0)


@dataclass(frozen=True, eq=False)
class Regularization:
    """The ridge `reg_covar`, () or (D,), on the diagonals of covariances, and perhaps a prior."""

    reg_covar: FloatArray = field(default_factory=lambda: np.zeros(()))
    prior: Prior | None = None

    def check(self) -> None:
        """Raise ValueError where the ridge, from a file, is not one."""
        checks.check_array("reg_covar", self.reg_covar, self.reg_covar.shape, 0.0)
        if self.reg_covar.ndim > 1:
            raise ValueError(
                f"reg_covar is a number or one per feature, got {self.reg_covar.shape}"
            )

    def check_form(self, form: Form, n_features: int) -> None:
        """Raise ValueError where the numbers are not for mixtures of this form."""
        if self.reg_covar.shape not in ((), (n_features,)):
            raise ValueError(f"reg_covar must fit {n_features} features")
        prior = self.prior
        if prior is not None and not (
            len(prior.mean) == n_features and form.takes_prior_scale(prior.scale.shape, n_features)
        ):
            raise ValueError(f"the prior must fit {n_features} features")

    @classmethod
    def of(cls, reg_covar: Any) -> "Regularization":
        """The regularisation by a ridge, () or (D,), alone."""
        return cls(np.asarray(reg_covar, dtype=np.float64))

    def in_units(self, row_weight: float) -> "Regularization":
        """The regularisation for rows that weigh `row_weight` each."""
        if self.prior is None or self.prior.row_weight == row_weight:
            return self
        return replace(self, prior=replace(self.prior, row_weight=row_weight))

    @property
    def none(self) -> bool:
        """Whether nothing keeps some variance above zero."""
        ridge = self.reg_covar
        return self.prior is None and bool(np.count_nonzero(ridge) < ridge.size)

    @property
    def floor(self) -> FloatArray | None:
        """What variances may be raised to where rounding has made a covariance singular."""
        return None if self.none else self.reg_covar

    def ridge(self, form: Form) -> FloatArray:
        """The ridge in a form: (D,) or () for the diagonals of covariances, () for one variance."""
        return form.ridge(self.reg_covar)

    def augmented(self, statistics: SufficientStatistics) -> Augmented:
        """The sums of the statistics and the prior, with the divisors of both."""
        model = statistics.covariance_model
        k, d = statistics.reference.shape
        weight = np.maximum(statistics.component_weight, TINY)
        first, second = statistics.first_moment, statistics.second_moment
        covariance_weight = np.asarray(np.add.accumulate(weight)[-1]) if model.tied else weight
        if (n_features := model.sums.features_per_variance(d)) != 1:
            covariance_weight = covariance_weight * n_features
        if self.prior is None:
            return Augmented(statistics.reference, first, second, weight, covariance_weight)
        to_mean = self.prior.mean - statistics.reference
        unit = self.prior.row_weight
        scaled = np.sqrt(unit * self.prior.shrinkage) * to_mean
        return Augmented(
            statistics.reference,
            first + unit * self.prior.shrinkage * to_mean,
            second + unit * self.prior.scale + model.products(scaled, scaled),
            weight + unit * self.prior.shrinkage,
            covariance_weight + unit * self.prior.counts(model, k),
        )

    def log_prior(self, mixture: Mixture) -> float:
        """The log density of the prior at a mixture, in nats, but for a constant."""
        prior = self.prior
        if prior is None:
            return 0.0
        model, k = mixture.covariance_model, mixture.n_components
        form, inverses = model.form, mixture.inverse_factors
        log_determinants = -2.0 * form.log_pivots(inverses)
        distances = form.times(model.per_component(inverses, k), prior.mean - mixture.means)
        return (
            -0.5
            * prior.row_weight
            * (
                prior.counts(model, k) * log_determinants
                + form.total_trace(inverses, prior.scale)
                + prior.shrinkage * float((distances**2).sum())
            )
        )
