"""What a fit says of its way to the mixture."""

from fastgmm.estimators.fitted import Fitted
from fastgmm.estimators.fixed import FixedList, with_fixed_attributes
from fastgmm.estimators.state import Report
from fastgmm.fits.reached import Initialization


@with_fixed_attributes
class Reported(Fitted):
    """The attributes of a fit's report; estimators that fit mixtures inherit them."""

    def _report(self) -> Report:
        self._fitted()
        assert self._state is not None
        return self._state.report

    @property
    def converged_(self) -> bool:
        """Whether the best start has met the rule of `tol` and `gap_tol`; False of a stream."""
        return self._report().converged

    @property
    def n_iter_(self) -> int:
        """The iterations of the best start; the updates of a stream."""
        return self._report().n_iter

    @property
    def n_passes_(self) -> int:
        """The passes of the best start: more than iterations where accelerated steps failed."""
        return self._report().n_passes

    @property
    def lower_bound_(self) -> float:
        """What the fit has raised, as it was before the last M-step, in nats."""
        return self._report().lower_bound

    @property
    def lower_bounds_(self) -> list[float]:
        """That of each iteration, in nats."""
        return FixedList(self._report().lower_bounds)

    @property
    def gap_(self) -> float:
        """The predicted distance of `lower_bound_` from its limit, in nats; inf where unknown."""
        return self._report().gap

    @property
    def initializations_(self) -> list[Initialization]:
        """What each start has reached."""
        return FixedList(self._report().initializations)
