"""Iterations of plain EM over few rows, several at a time and without Python in between.

The compiled loop does what `em.loop` does, with the same kernels in the same order: the bits are
the same.  It ends before an iteration in which something may happen that has to be decided.
"""

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.estimate import LARGEST, PIVOT_ROUNDING
from fastgmm.covariance.types import model_of
from fastgmm.data.extent import Extent
from fastgmm.data.parts import COMPLETE, Part
from fastgmm.data.passes import Data
from fastgmm.em.collapse import FLOOR_SHARE
from fastgmm.em.e_step import NEGLIGIBLE, carried_bounds, expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, Family, maximization
from fastgmm.em.precision import SINGLE, dtype_of_sums
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import CANCELLATION
from fastgmm.threads import rows_per_block
from fastgmm.typing import CovarianceType

MOST_ITERATIONS = 16
"""One stretch has at most this many iterations."""
AT_ONCE = 400_000
"""The iterations of one stretch cost at most this together, some 100 microseconds: those after the
end of the run are for nothing."""
LARGEST_COST = 1 << 25
"""An iteration that costs more, some ten milliseconds, gains nothing by a stretch."""
COST_OF_PAIR = 20
"""The exponential of a row and component costs as much as this many multiply-adds."""


class Stretches:
    """Compiled iterations over the same rows.

    Parameters
    ----------
    part : Part
        One block of rows.
    extent : Extent
        The number and weights of the rows.
    covariance_type : str
    n_components : int
    regularization : Regularization
        A ridge alone.
    target : float
        The distance to the limit that the run is to reach, in nats per row.
    """

    def __init__(
        self,
        part: Part,
        extent: Extent,
        covariance_type: CovarianceType,
        n_components: int,
        regularization: Regularization,
        target: float,
    ) -> None:
        self._target = target
        rows = part.rows
        self._type, self._dtype = covariance_type, rows.dtype
        self._model, self._n_components = model_of(covariance_type), n_components
        self._n_features = rows.shape[1]
        cost = len(rows) * n_components * (self._model.form.row_cost(rows.shape[1]) + COST_OF_PAIR)
        self.n_slots = max(1, min(MOST_ITERATIONS, AT_ONCE // cost))
        limits = (
            extent.weight,
            min(1.0, extent.lightest),
            NEGLIGIBLE if kernels.SKIP else -1.0,
            min(1.0, extent.weight / max(extent.n_counted, 1)),
            FLOOR_SHARE,
            PIVOT_ROUNDING,
            CANCELLATION,
            LARGEST[rows.dtype],
        )
        self._compiled = kernels.stretches[rows.dtype](
            self._model.kernel,
            self._model.form.name,
            self._model.tied,
            n_components,
            rows,
            part.sample_weight,
            np.atleast_1d(regularization.ridge(self._model.form)),
            np.array(limits),
            self.n_slots,
        )

    def run(self, mixture: Mixture, most: int) -> list[float]:
        """Iterate from a mixture, at most so often: the lower bound that each one began with."""
        if not self._precise(mixture):
            return []
        bounds = np.empty(min(most, self.n_slots))
        done = self._compiled.run(
            mixture.weights, mixture.means, mixture.factors, mixture.inverse_factors, bounds
        )
        precise = 1
        while precise < done and self._precise(self.mixture(precise)):
            precise += 1
        reached: list[float] = bounds[: min(done, precise)].tolist()
        return reached

    def _precise(self, mixture: Mixture) -> bool:
        """Whether sums in the dtype of the rows are good enough; if not, the loop makes others."""
        if self._dtype != SINGLE or self._model.form.ndim < 2:
            return True
        return dtype_of_sums(mixture, SINGLE, self._target) == SINGLE

    def mixture(self, index: int) -> Mixture:
        """The mixture after so many iterations of the last run, from 1."""
        k, d = self._n_components, self._n_features
        shape = self._model.shape(k, d)
        arrays = np.empty(k), np.empty((k, d)), np.empty(shape), np.empty(shape), np.empty(shape)
        self._compiled.mixture(index, *arrays)
        return Mixture(self._type, *arrays, self._dtype)


def stretches_over(
    data: Data,
    covariance_type: CovarianceType,
    n_components: int,
    regularization: Regularization,
    family: Family,
    target: float = np.inf,
) -> Stretches | None:
    """Compiled iterations over data; None where only the loop can do them, or does as well.

    Whether there are any depends on data and rules alone, and not on the number of threads.  Sums
    over float32 rows are precise enough for a distance to the limit of `target`.
    """
    part, extent, model = data.resident, data.extent, model_of(covariance_type)
    if part is None or part.kind is not COMPLETE or extent.exponent:
        return None
    if family is not MAXIMUM_LIKELIHOOD or regularization.prior is not None:
        return None
    n, d = part.rows.shape
    cost = n * n_components * (model.form.row_cost(d) + COST_OF_PAIR)
    if model.form.ndim == 2:
        cost += model.n_parameters(n_components, d) * d  # factors and their inverses
    if not model.unrestricted or n > rows_per_block(n_components, d) or cost > LARGEST_COST:
        return None
    if carried_bounds(part.rows, covariance_type, n_components).possible:
        return None
    return Stretches(part, extent, covariance_type, n_components, regularization, target)


def iterated(mixture: Mixture, data: Data, n: int, regularization: Regularization) -> Mixture:
    """EM from a mixture for n iterations: no rule ends it, and no component is repaired.

    Raises
    ------
    IllDefinedCovarianceError
        When a covariance is singular.
    """
    kind, k = mixture.covariance_type, mixture.n_components
    stretches = stretches_over(data, kind, k, regularization, MAXIMUM_LIKELIHOOD)
    while n > 0:
        done = 0 if stretches is None else len(stretches.run(mixture, n))
        if stretches is not None and done > 0:
            mixture = stretches.mixture(done)
        else:
            statistics = expectation(mixture, data, reg_covar=regularization.reg_covar)
            mixture, done = maximization(statistics, regularization), 1
        n -= done
    return mixture
