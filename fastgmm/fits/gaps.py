"""Batches of a stream with gaps: each row is judged by the columns that were observed of it.

Log densities of rows with different columns are in different units.  What a row lacks of the best
component's peak, and by how much it exceeds what components lead to expect, are not.
"""

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.patterns import Patterns, grouped, parts_of
from fastgmm.em.e_step import EStep
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.patterns import peaks, scores_of
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

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


def measured(mixture: Mixture, rows: np.ndarray, n_threads: int | None) -> Measured:
    """How well a mixture explains rows (n, D) with gaps."""
    table, values = grouped(rows)
    density = np.empty(len(rows), rows.dtype)
    scores_of(mixture, table, values, "log_density", density, n_threads)
    return _measured(mixture, table, values, density, n_threads)


def e_step_of(
    mixture: Mixture, part: Part, extent: Extent, n_threads: int | None
) -> tuple[SufficientStatistics, Measured]:
    """The statistics of a batch with gaps, and how well the mixture explained its rows."""
    table, values = grouped(part.rows)
    e_step, begin = EStep(mixture, extent, mixture.dtype, n_threads), 0
    density = np.empty(len(part.rows), mixture.dtype)
    for some in parts_of(table, values, part.sample_weight):
        n = len(some.kind.order) if isinstance(some.kind, Patterns) else len(some.rows)
        e_step.add(some, density[begin : begin + n])
        begin += n
    return e_step.statistics(), _measured(mixture, table, values, density, n_threads)


def _measured(
    mixture: Mixture,
    table: Patterns,
    values: np.ndarray,
    density: np.ndarray,
    n_threads: int | None,
) -> Measured:
    """The same of grouped rows with known log densities (n,), in the order of the table."""
    odds = np.empty((len(density), mixture.n_components), values.dtype)
    scores_of(mixture, table, values, "responsibilities", odds, n_threads)
    tops = mixture.constants.log_weights + peaks(mixture, table)
    told = np.maximum(tops - 0.5 * table.observed[:, None], LEAST_EXPECTED)
    of_row = np.repeat(np.arange(len(table)), np.diff(table.rows).astype(np.intp))
    expected = np.einsum("ik,ik->i", odds.astype(np.float64), told[of_row])
    places = np.argsort(table.order)
    return Measured(
        log_density=density.astype(np.float64)[places],
        excess=(density - expected)[places],
        peak=tops.max(axis=1)[of_row][places],
        n_observed=table.observed[of_row][places],
    )
