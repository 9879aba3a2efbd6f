"""L-BFGS over factors and noise: fewer passes where mixtures of factor analysers are slow.

It is that of `acceleration.py` in the coordinates of `factor_frame.py`.  What L-BFGS has not
learned is EM: a gradient becomes the step of the M-step with expanded parameters, to first order.
Rotations of the factors change nothing: no gradient points along them.
"""

import numpy as np

from fastgmm.data.vectors import inner, length
from fastgmm.em import quasi_newton
from fastgmm.em.acceleration import GRID, LARGEST_MOVE, SHRINK, Search
from fastgmm.em.factor_frame import FactorFrame
from fastgmm.errors import DataRangeError, IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import TINY, SufficientStatistics
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

LARGEST_GAIN = 3e-3
"""EM goes alone where its step gains more than this, in nats per row, as its slope foretells."""


@dataclass(frozen=False)
class FactorSearch(Search):
    """L-BFGS under way over mixtures of factor analysers."""

    def propose(
        self,
        mixture: Mixture,
        statistics: SufficientStatistics,
        lower_bound: float,
        em_mixture: Mixture,
    ) -> Mixture:
        """The next mixture to try, from an accepted one, its statistics and EM's step from it."""
        frame = self._about(mixture)
        gradient = _rounded(frame.gradient(statistics), statistics)
        quasi_newton.learn(self, gradient)
        self.gradient, self.value, self.gap = gradient, lower_bound, np.inf
        self.em_step = self.step = _rounded(frame.coordinates(em_mixture), statistics)
        moves = frame.moves(gradient)
        upward = moves * gradient
        if 0.5 * inner(upward, frame.em_metric(upward)) > LARGEST_GAIN:
            self.steps, self.changes = [], []
        if not self.steps:
            return em_mixture
        pairs = self.steps, self.changes
        direction = moves * quasi_newton.direction(upward, *pairs, frame.em_metric)
        slope = inner(gradient, direction)
        size = length(direction)
        if not slope >= 0.0 or not np.isfinite(size):
            return em_mixture
        self.gap = 0.5 * slope
        share = min(1.0, self.radius / max(size, TINY))
        share = min(share, LARGEST_MOVE / max(frame.largest_move(direction), TINY))
        try:
            ahead = frame.mixture_at(share * direction)
        except (IllDefinedCovarianceError, DataRangeError):
            self.radius = min(self.radius, size) * SHRINK
            return em_mixture
        self.step = share * direction
        return ahead

    def accepts(self, mixture: Mixture, lower_bound: float) -> bool:
        """Whether the step that was tried has climbed enough; the trust radius follows the gain."""
        accepted, self.radius = quasi_newton.judged(self, lower_bound - self.value)
        return accepted

    def reject(self, mixture: Mixture, statistics: SufficientStatistics) -> None:
        """Take EM's step in place of the failed one, which still has told of the curvature."""
        if np.isfinite(statistics.log_likelihood):
            gradient = self._about(mixture).gradient(statistics)
            quasi_newton.learn(self, _rounded(gradient, statistics))
        self.step = self.em_step
        self.failures += 1

    def _about(self, mixture: Mixture) -> FactorFrame:
        floor = self.regularization.ridge(mixture.covariance_model.form)
        return FactorFrame(mixture, floor)


def _rounded(vector: FloatArray, statistics: SufficientStatistics) -> FloatArray:
    """A vector on the grid of the rows' dtype."""
    grid = GRID[statistics.dtype]
    return np.asarray(np.rint(vector / grid) * grid)
