"""Candidates for the first mixture, compared by what a few passes of EM make of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.data.sample import weight_of_row
from fastgmm.em.stretch import iterated
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import StartRows

COMPARED_ROWS = 1000
"""Candidates are compared on at least this many rows."""
COMPARED_ROWS_PER_PARAMETER = 3
"""Candidates are compared on this many rows for each free parameter, where that is more and there
are as many."""
MOST_ROWS_PER_PARAMETER = 30
"""Candidates are compared on up to this many rows for each free parameter, where the cost
allows."""
FEWEST_PASSES = 2
"""A comparison takes at least this many passes of EM: with fewer it says little and is left out."""
MOST_PASSES = 20
"""A comparison takes at most this many passes of EM."""
FIRST_PASSES = 5
"""Candidates of several starts have this many passes before the best of them are chosen to go
on."""
KEPT = 6
"""This many of the candidates of several starts go on to the end of their comparison."""
LEAST_COST = 100_000_000
"""The comparison has no pass of EM where `FEWEST_PASSES` would cost more multiply-adds than this
per candidate."""
COST = 40_000_000
"""Passes and rows beyond the fewest are added up to this many multiply-adds per candidate."""

Candidates = Callable[[StartRows], list[Mixture]]
"""A function candidates(data) returns the candidates of one start."""


class Comparison:
    """Candidates of the starts of one fit, of which the most promising are kept.

    Parameters
    ----------
    data : StartRows
        The rows of any of the starts.
    candidates : callable
        The function that makes the candidates of a start.
    """

    def __init__(self, data: StartRows, candidates: Candidates) -> None:
        self._data, self._candidates = data, candidates
        self._kept: list[Entry] = []
        self._alone = data.start.n_init == 1

    def enter(self, data: StartRows) -> float:
        """Make the candidates of one start, and return the promise of the best of them.

        With one start alone nothing has been compared yet, and it is NaN.
        """
        entries = [Entry(data.start.index, one, one) for one in self._candidates(data)]
        if self._alone:
            self._kept = entries
            return np.nan
        for entry in entries:
            entry.go_on(self._data, FIRST_PASSES)
        self._kept = sorted(self._kept + entries, key=lambda one: -one.promise)[:KEPT]
        return max(entry.promise for entry in entries)

    def best(self) -> tuple[int, Mixture, float]:
        """The index of the start, the mixture and the promise of the best candidate of all."""
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
        """Run EM until the candidate has had `most` passes, or those that its cost allows.

        The rows are the same for all starts of a fit.  Where EM fails the promise is -inf.
        """
        n, n_passes = effort(data, self.candidate)
        rows, weight = data.first(n)
        regularization = data.start.regularization.in_units(weight_of_row(weight))
        given, left = RowData(rows, weight, data.n_threads), min(n_passes, most) - self.n_passes
        try:
            self.reached = iterated(self.reached, given, left, regularization)
            self.n_passes += max(left, 0)
        except IllDefinedCovarianceError:
            self.promise = -np.inf
            return
        density = log_density(self.reached, rows, np.empty(len(rows), rows.dtype), data.n_threads)
        self.promise = float(np.average(density, weights=weight))


def effort(data: StartRows, candidate: Mixture) -> tuple[int, int]:
    """The numbers of rows and of passes that a comparison takes: many where they cost little."""
    k, d = candidate.means.shape
    of_row = k * candidate.covariance_model.form.row_cost(d)
    free = candidate.n_parameters
    n = max(COMPARED_ROWS, min(COMPARED_ROWS_PER_PARAMETER * free, data.n_counted))
    if (FEWEST_PASSES + 1) * n * of_row > LEAST_COST:
        # These rows were not used to make the candidates, so they can be scored without an EM pass.
        return max(COMPARED_ROWS, min(n, COST // of_row)), 0
    n_passes = min(max(COST // (n * of_row) - 1, FEWEST_PASSES), MOST_PASSES)
    most = min(MOST_ROWS_PER_PARAMETER * free, COST // ((n_passes + 1) * of_row))
    return max(n, most), n_passes
