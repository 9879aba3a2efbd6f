"""Candidates for the first mixture, compared by what a few passes of EM make of them."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from fastgmm.covariance.model import CovarianceModel
from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.data.sample import weight_of_row
from fastgmm.em.collapse import at_floor
from fastgmm.em.regularization import Regularization
from fastgmm.em.stretch import FixedIterations
from fastgmm.mixture.mixture import Mixture, n_parameters
from fastgmm.starts.points import StartRows
from fastgmm.typing import CovarianceType
from fastgmm.values import dataclass

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
PASSES_OF_ALL = 1.5
"""A comparison on some of the rows costs at most as much as this many passes over all that are
known, or `PASSES_OF_SOME` of its own.  What all rows are compared on, the fit need not do again."""
PASSES_OF_SOME = 10
"""See `PASSES_OF_ALL`."""
FIRST_STAGE = 5
"""Twice and four times this number of passes are ends of stages, after which candidates are dropped
that cannot win."""
LEAD = 1e-4
"""A candidate goes on if it may come to lead by more than this, in nats per row."""
LEAST_COST = 100_000_000
"""The comparison has no pass of EM where `FEWEST_PASSES` would cost more multiply-adds than this
per candidate."""
COST = 40_000_000
"""Passes and rows beyond the fewest are added up to this many multiply-adds per candidate."""


@dataclass(frozen=False)
class Entry:
    """A candidate, and how far some passes of EM over some rows have brought it.

    Parameters
    ----------
    index : int
        The index of its start.
    place : int
        Its place among the candidates of the start.
    candidate, reached : Mixture
        The candidate, and what the passes have made of it.
    promise : float
        The mean log density of the rows then; -inf where EM has failed, NaN before.
    weak : bool
        Whether the promise is worth less than any of one that is not weak: see `is_weak`.
    n_passes : int
    pace : float
        What the last passes have brought, in nats per row and pass; infinite before.
    """

    index: int
    place: int
    candidate: Mixture
    reached: Mixture
    promise: float = np.nan
    weak: bool = False
    n_passes: int = 0
    pace: float = np.inf

    def may_lead(self, leader: "Entry", most: int) -> bool:
        """Whether it may be ahead after `most` passes: they bring less and less."""
        ahead = self.promise + self.pace * (most - self.n_passes)
        return ahead > leader.promise + LEAD

    def begun(self, data: StartRows) -> Mixture:
        """What a run from here begins with: passes over all rows were its own first ones."""
        if self.n_passes == 0 or self.weak:
            return self.candidate
        whole = len(compared_rows(data, effort(data)[0])[0].rows) == data.n_rows
        return self.reached if whole else self.candidate

    @property
    def rank(self) -> tuple[bool, float, int, int]:
        """What the best of some entries has least of."""
        return self.weak, -self.promise, self.index, self.place


def go_on(data: StartRows, entries: Sequence[Entry], most: int) -> None:
    """Run EM until each entry has had `most` passes, or those that its cost allows.

    The rows are the same for all starts of a fit.
    """
    n, n_passes = effort(data)
    iterations, regularization = _iterations(data, n)
    model, n_rows = model_of(data.start.covariance_type), data.weight_in_rows
    passes = [max(min(n_passes, most) - one.n_passes, 0) for one in entries]
    needed = rows_needed(model, data.sample.rows.shape[1])
    mixtures = [one.reached for one in entries]
    found = iterations.go_on(mixtures, passes, needed, n_rows)
    for entry, left, reached in zip(entries, passes, found, strict=True):
        before, weak = entry.promise, reached.weak
        entry.reached, entry.promise = reached.mixture, reached.promise
        if weak is None:
            weak = is_weak(reached.mixture, regularization, n_rows)
        entry.weak = weak
        if entry.promise == -np.inf:
            entry.pace = 0.0
            continue
        entry.n_passes += left
        if left > 0 and not np.isnan(before):
            entry.pace = (entry.promise - before) / left


def entered(data: StartRows, candidates: list[Mixture], most: int) -> list[Entry]:
    """The candidates of one start after up to so many passes of EM each."""
    entries = [Entry(data.start.index, i, one, one) for i, one in enumerate(candidates)]
    go_on(data, entries, most)
    return entries


def ranked(data: StartRows, candidates: list[Mixture], most: int) -> list[Entry]:
    """The candidates of one start, compared by up to so many passes of EM, the best first.

    One alone is not compared, and promises nothing.
    """
    if len(candidates) == 1:
        return [Entry(data.start.index, 0, candidates[0], candidates[0])]
    most = min(most, effort(data)[1])
    stage = min(FIRST_STAGE, most)
    entries = entered(data, candidates, stage)
    leader, racing = min(entries, key=lambda one: one.rank), entries
    while len(racing) > 1 and stage < most:
        stage = min(2 * stage, most)
        go_on(data, racing, stage)
        leader = min(racing, key=lambda one: one.rank)
        racing = [one for one in racing if one is leader or one.may_lead(leader, most)]
    return sorted(entries, key=lambda one: one.rank)


def compared_rows(data: StartRows, n: int) -> tuple[RowData, float]:
    """The rows that candidates are compared on, for all starts, and the weight of one of them."""
    data = data.within
    if data.sample.whole:
        n = min(n, data.n_counted)

    def make() -> tuple[RowData, float]:
        rows, weight = data.first(n)
        return RowData(rows, weight, data.n_threads), weight_of_row(weight)

    found: tuple[RowData, float] = data.sample.made.once(("compared", n, data.n_threads), make)
    return found


def _iterations(data: StartRows, n: int) -> tuple[FixedIterations, Regularization]:
    """EM over the rows that candidates are compared on, made once for all starts of a fit."""

    def make() -> tuple[FixedIterations, Regularization]:
        start, (compared, unit) = data.start, compared_rows(data, n)
        regularization = start.regularization.in_units(unit)
        stretches = None
        if data.over_all is not None and len(compared.rows) == data.n_rows:
            stretches = data.over_all()
        iterations = FixedIterations(
            compared, start.covariance_type, start.n_components, regularization, stretches
        )
        return iterations, regularization

    if n not in data.compiled:
        data.compiled[n] = make()
    found: tuple[FixedIterations, Regularization] = data.compiled[n]
    return found


def is_weak(mixture: Mixture, regularization: Regularization, n_rows: float) -> bool:
    """Whether some component has fewer of the rows than it needs, or no volume but the ridge.

    The likelihood of such a mixture has no bound and says little of the data.
    """
    if mixture.n_components == 1 and mixture.noise is None:
        return False
    needed = rows_needed(mixture.covariance_model, mixture.n_features)
    few = float(mixture.weights.min()) * n_rows < needed
    return few or bool(at_floor(mixture, regularization).any())


def rows_needed(model: CovarianceModel, n_features: int) -> int:
    """The number of rows that a component has a covariance from.

    It is one where components share a covariance.
    """
    return 1 if model.tied else model.rows_needed(n_features)


def effort(data: StartRows) -> tuple[int, int]:
    """The numbers of rows and of passes that a comparison takes: many where they cost little."""
    start = data.start
    return effort_of(
        start.covariance_type, start.n_components, data.sample.rows.shape[1], data.n_counted
    )


@lru_cache(64)
def effort_of(
    covariance_type: CovarianceType, n_components: int, n_features: int, n_counted: int
) -> tuple[int, int]:
    """The numbers of rows and of passes of a comparison where so many rows count."""
    of_row = n_components * model_of(covariance_type).form.row_cost(n_features)
    free = n_parameters(covariance_type, n_components, n_features)
    n = max(COMPARED_ROWS, min(COMPARED_ROWS_PER_PARAMETER * free, n_counted))
    if (FEWEST_PASSES + 1) * n * of_row > LEAST_COST:
        # These rows were not used to make the candidates, so they can be scored without an EM pass.
        return max(COMPARED_ROWS, min(n, COST // of_row)), 0
    of_all = int(PASSES_OF_ALL * n_counted)
    wanted = MOST_PASSES
    if n < n_counted:
        wanted = min(max(of_all // n, PASSES_OF_SOME), MOST_PASSES)
    n_passes = min(max(COST // (n * of_row) - 1, FEWEST_PASSES), wanted)
    most = min(
        MOST_ROWS_PER_PARAMETER * free, COST // ((n_passes + 1) * of_row), of_all // n_passes
    )
    return max(n, most), n_passes
