"""The mixtures that the runs of a fit begin with, turn by turn, where Ward's starts are wanted.

A fit with several starts never ends below the fit with the first of them alone, which therefore has
a turn as it stands; and it fails only if everything does, so that there is a turn for every
candidate while none of those before it has survived.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import COST, MOST_PASSES, Entry, entered, go_on, ranked
from fastgmm.starts.kinds import COMPARED_KINDS, KINDS, Kind, candidates
from fastgmm.starts.points import StartRows
from fastgmm.values import dataclass

FIRST_PASSES = 5
"""Candidates of a further start, or of several starts, have this many passes before the best of
them are chosen."""
KEPT = 6
"""This many of the candidates of several starts go on to the end of their comparison."""
RUN_PASSES = 30
"""A run is taken to have so many passes.  If all of them cost no more multiply-adds than a
comparison may, each start has its run."""


@dataclass(frozen=True)
class Promise:
    """What a start promises after a few passes over some rows, or why it promises nothing."""

    index: int
    value: float
    failure: str | None = None


Rank = tuple[bool, float, int, int]
"""What the best entry has least of; the last two are its start and its place there."""


class Turns(Protocol):
    """What the runs of a fit begin with."""

    @property
    def promises(self) -> tuple[Promise, ...]:
        """Of all starts, where they were compared; of none where each has its run."""

    @property
    def n_wanted(self) -> int:
        """The number of turns, of which the best run is kept; more are taken only if all fail."""

    def index(self, number: int) -> int:
        """The index of the start that has this turn."""

    def turn(self, number: int) -> Mixture | None:
        """The mixture of this turn; None where there are no more turns.

        Raises
        ------
        IllDefinedCovarianceError
            When this turn has no mixture.
        """


def turns_of(data: StartRows) -> Turns:
    """The turns of a fit with the starts `data.start.n_init`."""
    start, d = data.start, data.sample.rows.shape[1]
    of_row = start.n_components * model_of(start.covariance_type).form.row_cost(d)
    small = data.sample.whole and RUN_PASSES * data.n_counted * of_row <= COST
    return EachStart(data) if small or start.n_init == 1 else BestOfAll(data)


def ward_start(data: StartRows) -> Mixture:
    """The mixture of the best candidate of one start."""
    return _ranked_start(data, data.start.index)[0].begun(data)


class EachStart:
    """Each start has a turn, with the best of its candidates; the others wait."""

    promises: tuple[Promise, ...] = ()

    def __init__(self, data: StartRows) -> None:
        self._data = data
        self._waiting: dict[int, list[Rank]] = {}

    @property
    def n_wanted(self) -> int:
        """The number of starts."""
        return self._data.start.n_init

    def index(self, number: int) -> int:
        """The number itself while it is one of a start."""
        return number if number < self.n_wanted else self._others[number - self.n_wanted][2]

    def turn(self, number: int) -> Mixture | None:
        """The best candidate of the start of this number, or one of those that wait."""
        if number < self.n_wanted:
            return self._best(number)
        others, place = self._others, number - self.n_wanted
        return None if place >= len(others) else _made_again(self._data, others[place], KINDS)

    @lazy
    def _others(self) -> list[Rank]:
        """Those that wait, the best first."""
        for index in set(range(self.n_wanted)) - set(self._waiting):
            # The fit has gone on from a checkpoint, or the start has no candidate.
            with suppress(IllDefinedCovarianceError):
                self._best(index)
        return sorted(rank for ranks in self._waiting.values() for rank in ranks)

    def _best(self, index: int) -> Mixture:
        first, *others = _ranked_start(self._data, index)
        self._waiting[index] = [one.rank for one in others]
        return first.begun(self._data)


class BestOfAll:
    """The best candidate of all starts has a turn, then the first start alone, then the others."""

    def __init__(self, data: StartRows) -> None:
        self._data = data
        self._begun: list[Entry] = []

    @property
    def n_wanted(self) -> int:
        """Two, or one where the best candidate of all is that of the first start alone."""
        return self._compared[0]

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What each start has reached after the first passes, and the best of all in the end."""
        return self._compared[1]

    def index(self, number: int) -> int:
        """The start of the candidate of this number."""
        return self._compared[2][number][2]

    def turn(self, number: int) -> Mixture | None:
        """What this turn begins with; candidates are made again: all can be larger than the rows.

        The best of all and the first start alone begin where their comparison has brought them.
        """
        order = self._compared[2]
        if number >= len(order):
            return None
        for entry in self._begun:
            if order[number][2:] == entry.rank[2:]:
                return entry.begun(self._data)
        return _made_again(self._data, order[number], COMPARED_KINDS)

    @lazy
    def _compared(self) -> tuple[int, tuple[Promise, ...], list[Rank]]:
        kept: list[Entry] = []
        dropped: list[Rank] = []
        promises: list[Promise] = []
        for index in range(self._data.start.n_init):
            try:
                of_start = _of(self._data, index)
                found = entered(of_start, candidates(of_start, COMPARED_KINDS), FIRST_PASSES)
            except IllDefinedCovarianceError as error:
                promises.append(Promise(index, -np.inf, str(error)))
                continue
            promises.append(Promise(index, max(one.promise for one in found)))
            kept = sorted(kept + found, key=lambda one: one.rank)
            dropped += [one.rank for one in kept[KEPT:]]
            del kept[KEPT:]
        go_on(self._data, kept, MOST_PASSES)
        order = sorted(one.rank for one in kept) + sorted(dropped)
        self._begun = sorted(kept, key=lambda one: one.rank)[:1]
        if order:
            _, promise, index, _ = order[0]
            promises[index] = Promise(index, -promise)
        if promises[0].failure is not None:
            return 1, tuple(promises), order
        self._begun.insert(0, _ranked_start(self._data, 0)[0])
        first = self._begun[0].rank
        others = [rank for rank in order[1:] if rank[2:] != first[2:]]
        if order[0][2:] == first[2:]:
            return 1, tuple(promises), [order[0], *others]
        return 2, tuple(promises), [order[0], first, *others]


def _ranked_start(data: StartRows, index: int) -> list[Entry]:
    """The candidates of one start, the best first; the first start is what it is alone."""
    of_start = _of(data, index)
    return ranked(of_start, candidates(of_start), FIRST_PASSES if index else MOST_PASSES)


def _made_again(data: StartRows, rank: Rank, kinds: tuple[Kind, ...]) -> Mixture:
    """The candidate of this rank, which is the same each time."""
    _, _, index, place = rank
    return candidates(_of(data, index), kinds)[place]


def _of(data: StartRows, index: int) -> StartRows:
    n_init = data.start.n_init if index else 1
    if (data.start.index, data.start.n_init) == (index, n_init):
        return data
    return replace(data, start=replace(data.start, index=index, n_init=n_init))
