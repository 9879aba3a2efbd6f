"""The trail of a fit: what a later fit must know of it to go on as if there had been no break."""

from dataclasses import replace

import numpy as np

from fastgmm import kernels
from fastgmm.archive import checks
from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.em.regularization import Regularization
from fastgmm.em.stopping import NOISE_WINDOW, ROUNDING
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

LENGTH = 2 * NOISE_WINDOW
"""No rule of the end looks at more lower bounds than this."""
SAME = 1e3
"""Sums of the same rows agree to this many times their rounding, whatever mixture they were made
with."""
SAME_RIDGE = 0.1
"""Ridges that differ by less than this share are taken for the same: "auto" estimates one from a
sample."""
GROWTH = 3.0
"""The next change of the same trace is at most this many times the largest of the last ones."""


@dataclass(frozen=True, eq=False)
class Moments:
    """What all rows of a data set sum up to: this tells data sets apart, at the price of a pass.

    Parameters
    ----------
    n_samples : int
    weight : float
        The sum of the sample weights.
    mean : ndarray of shape (D,)
        The mean of all rows.
    variances : ndarray of shape (D,) or (1,)
        The variances of the columns; their mean, where the sums know no more.
    """

    n_samples: int
    weight: float
    mean: FloatArray
    variances: FloatArray

    @classmethod
    def of(cls, statistics: SufficientStatistics) -> "Moments":
        """The moments of the rows that the statistics are of."""
        model, d = statistics.covariance_model, statistics.reference.shape[1]
        sums = (
            statistics.reference,
            statistics.component_weight,
            statistics.first_moment,
            statistics.second_moment,
        )
        mean, variances = np.empty(d), np.empty(1 if model.sums.isotropic else d)
        form = model.sums.name
        if not model.sums.linear:
            form, sums = DIAGONAL.name, (*sums[:3], model.sums.variances(sums[3], d))
        arrays = (np.asarray(array, order="C") for array in sums)
        kernels.moments_of_rows((form, model.tied), *arrays, mean, variances)
        return cls(statistics.n_samples, statistics.weight, mean, variances)

    def check(self) -> None:
        """Raise ValueError where no rows, of which a file tells, could have these moments."""
        checks.check_count("n_samples", self.n_samples)
        checks.check_number("the weight of the rows of a trail", self.weight, 0.0)
        n_features, n_variances = self.mean.size, self.variances.size
        shaped = self.mean.shape == (n_features,) and self.variances.shape == (n_variances,)
        if not shaped or n_features == 0 or n_variances not in (1, n_features):
            raise ValueError("the moments of a trail must have one mean and variance per column")
        finite = np.isfinite(self.mean).all() and np.isfinite(self.variances).all()
        if not finite or self.variances.min() < 0.0:
            raise ValueError("the moments of a trail must be finite, and variances not below zero")

    def same(self, other: "Moments", dtype: np.dtype) -> bool:
        """Whether these are the moments of the same rows, the sums of which are of a dtype."""
        if self.n_samples != other.n_samples or self.mean.shape != other.mean.shape:
            return False
        if self.variances.shape != other.variances.shape:
            return False  # of another covariance type
        least = SAME * float(np.finfo(dtype).eps)
        spread = np.sqrt(self.variances) + float(np.finfo(dtype).eps) * np.abs(self.mean)
        return bool(
            abs(self.weight - other.weight) <= least * self.weight
            and (np.abs(self.mean - other.mean) <= least * spread).all()
            and (np.abs(self.variances - other.variances) <= least * spread**2).all()
        )


@dataclass(frozen=True, eq=False)
class Trail:
    """The last lower bounds of a mixture on its way, and what they are the bounds of.

    Parameters
    ----------
    lower_bounds : tuple of float
        In nats per row, the latest last.
    moments : Moments
        Those of the rows.
    regularization : Regularization
        The ridge and the prior of the M-steps.
    """

    lower_bounds: tuple[float, ...]
    moments: Moments
    regularization: Regularization

    def check(self) -> None:
        """Raise ValueError where no fit, of which a file tells, could have left this."""
        checks.check_log_density("lower bounds of a trail", *self.lower_bounds)
        if len(self.lower_bounds) > LENGTH:
            raise ValueError(f"a trail has at most {LENGTH} lower bounds")

    def check_for(self, mixture: Mixture) -> None:
        """Raise ValueError where this cannot be the trail of a mixture."""
        if self.moments.mean.size != mixture.n_features:
            raise ValueError(f"the trail must be of rows with {mixture.n_features} features")
        self.regularization.check_form(mixture.covariance_model.form, mixture.n_features)

    def after(self, lower_bounds: "list[float]") -> "Trail":
        """The trail after more iterations."""
        joined = (*self.lower_bounds, *lower_bounds[-LENGTH:])
        return replace(self, lower_bounds=joined[-LENGTH:])

    def leads_to(
        self, lower_bound: float, moments: Moments, regularization: Regularization, dtype: np.dtype
    ) -> bool:
        """Whether a first pass, with this bound, has gone over the same rows to the same end.

        A history of other rows, of other weights or of another ridge or prior foretells nothing.
        Rows that were standardised all have the same moments: the step to the bound must be one
        that EM could have made, too.
        """
        if not self.moments.same(moments, dtype):
            return False
        ours, theirs = self.regularization, regularization
        if (ours.prior is None) != (theirs.prior is None):
            return False
        if not np.allclose(ours.reg_covar, theirs.reg_covar, rtol=SAME_RIDGE, atol=0.0):
            return False
        bounds = self.lower_bounds
        if len(bounds) < 2:
            return True
        largest = GROWTH * float(np.abs(np.diff(bounds[-4:])).max())
        rounding = SAME * ROUNDING[dtype] * abs(lower_bound)
        return abs(lower_bound - bounds[-1]) <= largest + rounding
