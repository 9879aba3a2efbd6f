"""Batches of a stream with gaps: each row is judged by the columns that were observed of it.

Log densities of rows with different columns are in different units.  What a row lacks of the best
component's peak, and by how much it exceeds what components lead to expect, are not.
"""

from dataclasses import dataclass

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import COMPLETE, Part
from fastgmm.data.patterns import Pattern, patterns_of
from fastgmm.em.e_step import EStep
from fastgmm.mixture.density import in_blocks
from fastgmm.mixture.gaps import Gaps, constants_of
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray

LEAST_EXPECTED = -1e6
"""A component of no weight has no rows either: it is expected to have this log density, in nats."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What tells how well rows are explained in the columns that were observed of each.

    Parameters
    ----------
    log_density : ndarray of shape (n,)
        float64, in nats, of the observed columns.
    excess : ndarray of shape (n,)
        By how much it exceeds what the row's components lead to expect, in nats.
    peak : ndarray of shape (n,)
        The log density of the best component at its mean, in nats, of the same columns.
    n_observed : ndarray of int, shape (n,)
        The number of these columns.
    """

    log_density: FloatArray
    excess: FloatArray
    peak: FloatArray
    n_observed: np.ndarray

    @classmethod
    def of_none(cls, n: int) -> "Measured":
        """Room for n rows."""
        return cls(np.empty(n), np.empty(n), np.empty(n), np.empty(n, dtype=np.intp))

    def put(
        self, mixture: Mixture, pattern: Pattern, rows: np.ndarray, density: np.ndarray
    ) -> None:
        """Note the rows (m, p) of one pattern and their log densities (m,)."""
        index, p = pattern.index, len(pattern.observed)
        constants = constants_of(mixture, pattern.observed)
        tops = constants.log_weights + constants.offsets
        odds = np.empty((len(rows), mixture.n_components), rows.dtype)
        in_blocks(constants.packed(rows.dtype).responsibilities, odds.shape[1], rows, odds, 1)
        expected = odds.astype(np.float64) @ np.maximum(tops - 0.5 * p, LEAST_EXPECTED)
        self.log_density[index] = density
        self.excess[index] = density - expected
        self.peak[index], self.n_observed[index] = tops.max(), p


def measured(mixture: Mixture, rows: np.ndarray, n_threads: int | None) -> Measured:
    """How well a mixture explains rows (n, D) with gaps."""
    found = Measured.of_none(len(rows))
    for pattern in patterns_of(rows):
        some = pattern.of(rows)
        density = np.empty(len(some), rows.dtype)
        packed = constants_of(mixture, pattern.observed).packed(rows.dtype)
        in_blocks(packed.log_density, mixture.n_components, some, density, n_threads)
        found.put(mixture, pattern, some, density)
    return found


def e_step_of(
    mixture: Mixture, part: Part, extent: Extent, n_threads: int | None
) -> tuple[SufficientStatistics, Measured]:
    """The statistics of a batch with gaps, and how well the mixture explained its rows."""
    rows, weight = part.rows, part.sample_weight
    e_step, found = EStep(mixture, extent, mixture.dtype, n_threads), Measured.of_none(len(rows))
    for pattern in patterns_of(rows):
        some, complete = pattern.of(rows), len(pattern.observed) == mixture.n_features
        kind = COMPLETE if complete else Gaps(pattern.observed, mixture.n_features)
        of_some = None if weight is None else weight[pattern.index]
        density = np.empty(len(some), mixture.dtype)
        e_step.add(Part(some, of_some, kind), density)
        found.put(mixture, pattern, some, density)
    return e_step.statistics(), found
