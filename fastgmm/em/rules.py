"""The rules that EM follows in a run: when it ends, when it is accelerated, what holds it back."""

from dataclasses import field

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.model import CovarianceModel
from fastgmm.em.acceleration import (
    FEWEST_PASSES,
    FIRST_PASSES,
    LARGEST_GAIN,
    LEAST_SLOW_RATE,
    MOST_SLOW_RATE,
    Search,
)
from fastgmm.em.extrapolation import Extrapolation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, Family
from fastgmm.em.regularization import Regularization
from fastgmm.em.run import Run
from fastgmm.em.stopping import NOISE_WINDOW, Stopping, numbers_of
from fastgmm.em.trail import Trail
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import Acceleration, FloatArray
from fastgmm.values import dataclass

LEAST_FALL = 1e-14
"""A fall of the mean log-likelihood by less than this share of it is rounding."""
WHEN = {None: 0.0, "auto": 1.0, "lbfgs": 2.0}
"""The kernels know by these numbers when L-BFGS may begin."""


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules that EM follows in a run.

    Parameters
    ----------
    stopping : Stopping
    regularization : Regularization
    acceleration : {"auto", "lbfgs"}, optional
    trail : Trail, optional
        That of the fit which this one goes on with.
    family : Family
        The rule of the M-step.
    dtype : numpy.dtype, optional
        The dtype of the rows, and so of mixtures; None: that of the statistics.
    """

    stopping: Stopping
    regularization: Regularization = field(default_factory=Regularization)
    acceleration: Acceleration | None = None
    trail: Trail | None = None
    family: Family = MAXIMUM_LIKELIHOOD
    dtype: np.dtype | None = None
    unit: float = 1.0
    """Lower bounds, and with them `tol`, are so many times those per row."""

    def begun(self, mixture: Mixture) -> Run:
        """A run that begins with a mixture."""
        before = () if self.trail is None else self.trail.lower_bounds
        bound = before[-1] if before else -np.inf
        return Run(mixture, bound, regularization=self.regularization, trail=self.trail)

    def search(self, model: CovarianceModel, weight: float) -> Search | Extrapolation | None:
        """What proposes steps ahead of EM for rows of this weight; None where nothing may."""
        if model.accelerates:
            return self.family.search(self.regularization, weight)
        if self.family is not MAXIMUM_LIKELIHOOD:
            return None  # these steps are ahead of this family's M-step
        if model.restrict is not None:
            return Extrapolation(self.regularization)
        # Few fits have factors: what goes ahead of them is loaded with the first.
        from fastgmm.em.factor_search import FactorSearch

        return FactorSearch(self.regularization, weight)

    def numbers(self, dtype: np.dtype) -> FloatArray:
        """The rules as the kernels read them, for sums of a dtype."""
        acceleration = self.acceleration if self.family.accelerates else None
        slow = FIRST_PASSES, LARGEST_GAIN, LEAST_SLOW_RATE, MOST_SLOW_RATE, FEWEST_PASSES
        stopping = self.stopping.over(self.unit)
        return numbers_of(stopping, dtype, (WHEN[acceleration], *slow, LEAST_FALL))

    def foretold(self, run: Run, dtype: np.dtype) -> tuple[float, float, bool]:
        """The gap, the noise that ends the run or 0, and whether it is slow: by its bounds."""
        last = np.array(run.recent(2 * NOISE_WINDOW), dtype=np.float64) / self.unit
        gap, noise, _, slow = kernels.foretold(self.numbers(dtype), last)
        return gap * self.unit, noise * self.unit, slow
