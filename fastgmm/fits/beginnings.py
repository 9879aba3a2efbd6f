"""What the runs of a fit begin with, turn by turn: the mixtures of its starts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fastgmm.data.passes import Data
from fastgmm.em.stretch import Stretches
from fastgmm.fits.plan import Plan
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.methods import Draws, initial_parameters
from fastgmm.starts.points import Start, StartRows
from fastgmm.starts.turns import Promise, Turns, turns_of

if TYPE_CHECKING:
    from fastgmm.starts.labelled import LabelStart


class FitDraws(Draws, Protocol):
    """What starts ask the fit for."""

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the rows that the fit is done with."""

    @property
    def given(self) -> Mixture | None:
        """The only mixture to begin with, where the user's is in other coordinates than the fit."""


class Beginnings:
    """The mixtures that the runs of a fit begin with; what they share is made when it is asked for.

    Parameters
    ----------
    data : Data
    plan : Plan
    start : Start
        That of the plan, in the coordinates of the fit, and of a type that starts know.
    draws : FitDraws
    over_all : callable
        It returns compiled iterations over all rows, with which candidates may be compared.
    """

    def __init__(
        self,
        data: Data,
        plan: Plan,
        start: Start,
        draws: FitDraws,
        over_all: Callable[[], Stretches | None],
    ) -> None:
        self._data, self._plan, self._start = data, plan, start
        self._draws, self._over_all = draws, over_all

    @property
    def n_wanted(self) -> int:
        """The number of turns, of which the best run is kept."""
        if self._plan.warm is not None or self._of_labels is not None:
            return 1
        n_init = self._plan.start.n_init
        return n_init if self.turns is None or n_init == 1 else self.turns.n_wanted

    @lazy
    def turns(self) -> Turns | None:
        """The turns of Ward's starts; None where each start is made when its turn comes."""
        start = self._start
        given = any(one is not None for one in (start.weights, start.means, start.precisions))
        given |= self._of_labels is not None
        if self._plan.warm is not None or start.method != "ward" or given:
            return None
        draws = self._draws
        rows = StartRows(
            draws.sample,
            start,
            draws.n_threads,
            draws.seed,
            span=draws.span,
            over_all=self._over_all,
        )
        return turns_of(rows)

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What each start has promised, where they were compared before their turns."""
        return () if self._of_labels is not None or self.turns is None else self.turns.promises

    @lazy
    def _labels(self) -> "LabelStart | None":
        """What places components where their labels are; None where that is given or not known."""
        start = self._start
        given = start.means is not None or start.precisions is not None
        if not self._data.labelled or given or self._plan.warm is not None:
            return None
        # What labels need is loaded with the first of them.
        from fastgmm.starts.labelled import LabelStart

        return LabelStart(self._data, start, self._draws.sample)

    @lazy
    def _of_labels(self) -> Mixture | None:
        """The only start, where labels alone say enough."""
        return None if self._labels is None else self._labels.alone

    def index(self, turn: int) -> int:
        """The index of the start that has this turn."""
        try:
            index = turn if self.turns is None else self.turns.index(turn)
        except IndexError:
            index = -1
        if index < 0 or (self.turns is None and turn >= self.n_wanted):
            raise ValueError(
                f"the checkpoint is of turn {turn} of its fit, and this one has none of that "
                "number: remove the checkpoint's file"
            )
        return index

    def mixture(self, turn: int) -> Mixture | None:
        """The mixture that the run of this turn begins with; None if there are no more.

        Raises
        ------
        IllDefinedCovarianceError
            When this turn has none.
        """
        found, kind = self._started(turn), self._plan.start.covariance_type
        if found is not None and found.covariance_type != kind:
            # What factors need is loaded with the first of them.
            from fastgmm.starts.factors import with_factors

            found = with_factors(found, kind, self._draws.sample, self._draws.n_threads)
        if found is not None and self._labels is not None and self._of_labels is None:
            found = self._labels.beside(found)
        return found

    def _started(self, turn: int) -> Mixture | None:
        """The mixture of the start itself."""
        if self._of_labels is not None:
            return self._of_labels if turn == 0 else None
        if self.turns is not None:
            return self.turns.turn(turn)
        if turn >= self.n_wanted:
            return None
        if self._draws.given is not None:
            return self._draws.given
        draws = self._draws
        return self._plan.warm or initial_parameters(draws, self._start, draws.dtype, turn)
