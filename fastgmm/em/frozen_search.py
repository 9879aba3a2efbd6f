"""L-BFGS where some parts of a mixture are kept: the coordinates of these stay zero.

It is that of `acceleration.py`, whose kernels move every coordinate, with the same constants.  The
gradient is the same, too, but for the weights: those that are free share what the others leave.

Over 216 fits of 1,500 x 3 rows (six covariance types, three seeds, all choices of one or two parts,
for all components or two of four) the passes to 1e-6 nats from EM's end were 0.27 of EM's in the
geometric mean, 0.16 where EM took more than 40, and in no case more; none ended lower.
"""

from dataclasses import field
from typing import Any

import numpy as np

from fastgmm.data.vectors import inner, length
from fastgmm.em import quasi_newton
from fastgmm.em import relative_frame as frame
from fastgmm.em.acceleration import GRID, LARGEST_MOVE, SHRINK, Search
from fastgmm.em.kept import Kept
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import TINY, SufficientStatistics
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass


@dataclass(frozen=False)
class FrozenSearch(Search):
    """L-BFGS under way over mixtures of which some parts are kept."""

    _kept: Kept = field(init=False, repr=False, compare=False)

    def over(self, kept: Kept) -> "FrozenSearch":
        """The search itself, over what these leave free."""
        self._kept = kept
        return self

    def propose(
        self,
        mixture: Mixture,
        statistics: SufficientStatistics,
        lower_bound: float,
        em_mixture: Mixture,
    ) -> Mixture:
        """The next mixture to try, from an accepted one, its statistics and EM's step from it."""
        sums = frame.sums_of(mixture, statistics, self.regularization, GRID[statistics.dtype])
        self.held = np.array(sums[5])
        self.value = self.objective(mixture, lower_bound)
        gradient = self._gradient(mixture, sums)
        quasi_newton.learn(self, gradient)
        self.gradient = gradient
        self.em_step = self.step = self._to(mixture, em_mixture, sums[6])
        if not self.steps:
            self.gap = np.inf
            return em_mixture
        direction = quasi_newton.direction(gradient, self.steps, self.changes)
        self.gap = 0.5 * inner(gradient, direction)
        size = length(direction)
        share = min(1.0, self.radius / max(size, TINY))
        share = min(share, LARGEST_MOVE / max(frame.largest_move(mixture, direction), TINY))
        try:
            ahead = self._kept.within(frame.mixture_at(mixture, share * direction), mixture.n_free)
        except IllDefinedCovarianceError:
            self.radius = min(self.radius, size) * SHRINK
            return em_mixture
        self.step = share * direction
        return ahead

    def reject(self, mixture: Mixture, statistics: SufficientStatistics) -> None:
        """Take EM's step in place of the failed one, which still has told of the curvature."""
        if np.isfinite(statistics.log_likelihood):
            sums = frame.sums_of(mixture, statistics, self.regularization, GRID[statistics.dtype])
            quasi_newton.learn(self, self._gradient(mixture, sums))
        self.step = self.em_step
        self.failures += 1

    def _gradient(self, mixture: Mixture, sums: tuple[Any, ...]) -> FloatArray:
        """The gradient over what is free, on the grid."""
        kernel, k = self._frame_at(mixture), mixture.n_components
        out = np.empty(kernel.n_coordinates)
        kernel.gradient(frame.arrays_of(mixture), (*sums[:6], 0.0), out)
        kept = self._kept.of_weights
        if kept.any() and not kept.all():
            held, weights = sums[1], mixture.weights
            share = held[~kept].sum() / max(float(weights[~kept].sum()), TINY)
            roots = np.sqrt(weights)
            moves = roots > frame.LEAST_SCALE
            pull = (held - share * weights) / held.sum()
            out[:k] = np.divide(pull, roots, out=np.zeros(k), where=moves)
        return self._free(mixture, out, sums[6])

    def _to(self, base: Mixture, other: Mixture, grid: float) -> FloatArray:
        """The coordinates of another mixture about a base, on the grid."""
        return self._free(base, frame.coordinates(base, other), grid)

    def _free(self, mixture: Mixture, vector: FloatArray, grid: float) -> FloatArray:
        """A vector of coordinates with zeros for what is kept, in multiples of the grid."""
        kept, (k, d) = self._kept, mixture.means.shape
        end = k * (1 + d)
        vector[:k][kept.of_weights] = 0.0
        vector[k:end].reshape(k, d)[kept.of_means] = 0.0
        if mixture.covariance_model.tied:
            vector[end:] *= not kept.of_covariances.all()
        else:
            vector[end:].reshape(k, -1)[kept.of_covariances] = 0.0
        return np.asarray(np.rint(vector / grid) * grid)
