"""Candidates for the first parameters compared by what a few passes of EM make of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.data.sample import weight_of_row
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import maximization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import StartRows

COMPARED_ROWS = 1000
"""Candidates are compared on at least so many rows."""
COMPARED_ROWS_PER_PARAMETER = 3
"""They are compared on so many rows for each free parameter, where that is more and there are."""
MOST_ROWS_PER_PARAMETER = 30
"""They are compared on up to so many rows for each free parameter, where the cost allows."""
FEWEST_PASSES = 2
"""A comparison takes at least so many passes of EM, or it says little and is left out."""
MOST_PASSES = 20
"""A comparison takes at most so many passes of EM."""
FIRST_PASSES = 5
"""Candidates of several starts have so many passes before the best of them are chosen to go on."""
KEPT = 6
"""Of the candidates of several starts so many go on to the end of their comparison."""
LEAST_COST = 100_000_000
"""The fewest passes are left out where they cost a candidate more multiply-adds than this."""
COST = 40_000_000
"""Passes and rows beyond the fewest are added up to so many multiply-adds per candidate."""

Candidates = Callable[[StartRows], list[Mixture]]
"""candidates(rows) -> those of one start."""


class Comparison:
    """Candidates of the starts of one fit, of which the most promising are kept.

    Parameters
    ----------
    data : StartRows
        Of any of the starts.
    candidates : callable
        What makes the candidates of a start.
    """

    def __init__(self, data: StartRows, candidates: Candidates) -> None:
        self._data, self._candidates = data, candidates
        self._kept: list[Entry] = []
        self._alone = data.start.n_init == 1

    def enter(self, data: StartRows) -> float:
        """Make the candidates of one start; what the best of them reaches at first."""
        entries = [Entry(data.start.index, one, one) for one in self._candidates(data)]
        if self._alone:
            self._kept = entries
            return np.nan
        for entry in entries:
            entry.go_on(self._data, FIRST_PASSES)
        self._kept = sorted(self._kept + entries, key=lambda one: -one.promise)[:KEPT]
        return max(entry.promise for entry in entries)

    def best(self) -> tuple[int, Mixture, float]:
        """Start, parameters and promise of the best of all."""
        if len(self._kept) > 1:
            for entry in self._kept:
                entry.go_on(self._data, MOST_PASSES)
        best = max(self._kept, key=lambda one: one.promise)
        return best.index, best.candidate, best.promise


@dataclass
class Entry:
    """A candidate, and how far some passes of EM over some rows have brought it."""

    index: int
    candidate: Mixture
    reached: Mixture
    promise: float = np.nan
    n_passes: int = 0

    def go_on(self, data: StartRows, most: int) -> None:
        """EM until it has had so many passes, or what they may cost; -inf where it fails.

        The rows are the same for all starts of a fit.
        """
        n, n_passes = effort(data, self.candidate)
        rows, weight = data.first(n)
        regularization = data.start.regularization.in_units(weight_of_row(weight))
        ridge = regularization.reg_covar
        try:
            for _ in range(min(n_passes, most) - self.n_passes):
                given = RowData(rows, weight, data.n_threads)
                statistics = expectation(self.reached, given, reg_covar=ridge)
                self.reached = maximization(statistics, regularization)
                self.n_passes += 1
        except IllDefinedCovarianceError:
            self.promise = -np.inf
            return
        density = log_density(self.reached, rows, np.empty(len(rows), rows.dtype), data.n_threads)
        self.promise = float(np.average(density, weights=weight))


def effort(data: StartRows, candidate: Mixture) -> tuple[int, int]:
    """Rows and passes that a comparison takes: many where they cost little."""
    k, d = candidate.means.shape
    of_row = k * candidate.covariance_model.form.row_cost(d)
    free = candidate.n_parameters
    n = max(COMPARED_ROWS, min(COMPARED_ROWS_PER_PARAMETER * free, data.n_counted))
    if (FEWEST_PASSES + 1) * n * of_row > LEAST_COST:
        # these rows were not used to make the candidates, so they judge them without an EM pass
        return max(COMPARED_ROWS, min(n, COST // of_row)), 0
    n_passes = min(max(COST // (n * of_row) - 1, FEWEST_PASSES), MOST_PASSES)
    most = min(MOST_ROWS_PER_PARAMETER * free, COST // ((n_passes + 1) * of_row))
    return max(n, most), n_passes
