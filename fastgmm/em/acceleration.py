"""L-BFGS in the relative frame: fewer passes where EM is slow.

EM's step is, to first order, the gradient in the relative frame (`relative_frame.py`), so that the
first direction is EM itself, and curvature is learned from what EM's passes compute in any case: no
extra pass, no line search.  The frame moves with the iterate; differences of gradients are taken as
if it had not, which is right to first order in the step (Nocedal and Wright 2006, section 7.2, for
the update; Huang, Gallivan and Absil 2015 for the moving frame).

It begins where EM turns out slow.  With that, on 87 data sets (synthetic, iris, wine, digits,
pixels, six covariance types; EM takes 5 to 600 passes until its changes are under 1e-6) the passes
to EM's level were 0.44 of EM's in the geometric mean and in no case more than 10 % above; two ended
lower.

A step is accepted if it climbs (Armijo's condition); else EM's own step from the same point is
taken, which always does.  A trust radius halves after a failure and doubles after a success.
Without the radius and the curvature that a failed step has told, up to 122 steps of 193 failed on
these data, with both 8 at the most.  Nine passes of SQUAREM (Varadhan and Roland 2008) before it
gained nothing over ten of EM.

Differences of gradients magnify rounding, and rounding depends on how rows are cut into batches.
So gradients are rounded to a grid far above it and far below what matters: the steps of any cut are
then the same bits, and their fits agree as those of EM do.
"""

from dataclasses import field, fields
from typing import Any

import numpy as np

from fastgmm.archive import checks
from fastgmm.data.vectors import inner
from fastgmm.em import relative_frame as frame
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

FIRST_PASSES = 10
"""This many passes of plain EM come before the first L-BFGS step: they decide which optimum is
approached."""
LARGEST_GAIN = 0.03
"""L-BFGS starts only when EM gains less than this, in nats per row and iteration: before that EM's
own steps are the longest."""
LEAST_SLOW_RATE = 0.5
"""L-BFGS starts only if each of EM's last two gains is more than this share of the gain before: EM
ends soon where its gains shrink faster."""
MOST_SLOW_RATE = 1.02
"""L-BFGS starts only if each of EM's last two gains is less than this many times the gain before:
EM gathers speed where its gains grow faster."""
FEWEST_PASSES = 8.0
"""L-BFGS starts only if EM would need at least this many more passes, as predicted."""
MEMORY = 10
"""L-BFGS remembers this many pairs of a step and its change of the gradient.  With 5 and with 20
pairs the number of passes is the same within 3 %."""
LARGE_MEMORY = 1 << 30
"""Where pairs would take more bytes than this, L-BFGS remembers as few as `LEAST_MEMORY`."""
LEAST_MEMORY = 5
"""L-BFGS remembers at least this many pairs."""
FIRST_RADIUS = 0.3
"""The trust radius has this length in the relative frame before the first L-BFGS step."""
SHRINK = 0.5
"""After a poor step the trust radius is this many times the length of that step."""
GROW = 2.0
"""After a good step the trust radius is at least this many times the length of that step."""
LARGEST_MOVE = 3.0
"""One coordinate changes by at most this in a step: a mean by deviations, a log weight by nats.
The trust radius hardly limits components of small weight, so they get this limit of their own."""
ARMIJO = 1e-4
"""A step is accepted if it gains at least this share of what the slope foretells (Armijo's
condition)."""
POOR = 0.1
"""The trust radius shrinks after a step that gains less than this share of what the slope
foretells."""
GOOD = 0.3
"""The trust radius grows after a step that gains more than this share of what the slope foretells;
a quadratic function gains half of it."""
GRID = {np.dtype(np.float64): 2.0**-30, np.dtype(np.float32): 2.0**-20}
"""Gradients and EM's steps in the relative frame are rounded to multiples of this, by the dtype of
the rows: a point whose gradient is g is about g^2 / 2 nats per row from the end."""
MOST_FAILURES = 3
"""After this many failed steps in a row EM goes on alone."""
CURVATURE = 1e-8
"""A step and its change of the gradient tell of curvature only if the cosine between them is more
than this."""
PACE = np.array(
    [
        *(FIRST_RADIUS, SHRINK, GROW, LARGEST_MOVE, ARMIJO, POOR, GOOD),
        *(CURVATURE, MOST_FAILURES, frame.LEAST_SCALE),
    ]
)
"""The kernels read these constants so: see the struct `Pace` in `kernels/search.pxi`."""
_TINY = float(np.finfo(np.float64).tiny)
"""The rows of a search weigh at least this."""


@dataclass(frozen=False)
class Search:
    """L-BFGS under way: where it is, what it has learned, and what it tries next.

    Parameters
    ----------
    regularization : Regularization
        The ridge and the prior of the M-steps.
    weight : float
        The weight of all rows, by which the ridge's penalty is divided: the objective is a mean
        per row.
    steps, changes : list of ndarray
        The last accepted and failed steps, and the change of the gradient over each.
    radius : float
        The trust radius: the longest step that is tried.
    gradient : ndarray, optional
        The gradient at the accepted mixture.
    step, em_step : ndarray, optional
        The step that is tried from there, and EM's own.
    held : ndarray of shape (K,) or ()
        The covariance weights beside which the ridge is a prior.
    value : float
        The objective at the accepted mixture, in nats per row.
    gap : float
        The distance to the limit that the step foretells, in nats per row.
    failures : int
        How many steps have failed in a row.
    falls : bool
        Whether EM's own step lets the likelihood fall, in favour of the ridge.
    """

    regularization: Regularization
    weight: float
    steps: list[FloatArray] = field(default_factory=list)
    changes: list[FloatArray] = field(default_factory=list)
    radius: float = FIRST_RADIUS
    gradient: FloatArray | None = None
    step: FloatArray | None = None
    em_step: FloatArray | None = None
    held: FloatArray = field(default_factory=lambda: np.zeros(()))
    value: float = -np.inf
    gap: float = np.inf
    failures: int = 0
    falls: bool = False
    _frame: Any = field(default=None, init=False, repr=False, compare=False)

    def going_on(self, saved: "Search") -> "Search":
        """The search itself, where another one has come to that a file has kept."""
        for one in fields(Search):
            if one.init:
                setattr(self, one.name, getattr(saved, one.name))
        return self

    @property
    def given_up(self) -> bool:
        """Whether EM goes on alone."""
        return self.failures >= MOST_FAILURES

    @property
    def has_tried(self) -> bool:
        """Whether a step was tried, and it can be told whether it was good."""
        return not any(one is None for one in (self.gradient, self.step, self.em_step))

    def check_for(self, mixture: Mixture) -> None:
        """Raise ValueError where numbers from a file are not those of a search at a mixture."""
        form, kinds = mixture.covariance_model.form, (self.gradient, self.step, self.em_step)
        self.regularization.check_form(form, mixture.n_features)
        sizes = (_n_coordinates(mixture),)
        for vector in (*self.steps, *self.changes, *(one for one in kinds if one is not None)):
            checks.check_array("a vector of the search", vector, sizes)
        pairs = list(zip(self.steps, self.changes, strict=True))
        if len(pairs) > MEMORY or not all(inner(step, change) > 0.0 for step, change in pairs):
            raise ValueError(f"a search knows at most {MEMORY} steps, along which gradients fall")
        weights = () if mixture.covariance_model.tied else (mixture.n_components,)
        if self.held.shape not in ((), weights):
            raise ValueError(f"a search holds the weights of components, got {self.held.shape}")
        checks.check_array("the weights that a search holds", self.held, self.held.shape, 0.0)
        checks.check_number("the weight of the rows of a search", self.weight, _TINY)
        checks.check_number("the radius of a search", self.radius, 0.0)
        checks.check_count("the failures of a search", self.failures)
        checks.check_log_density("the objective of a search", self.value)

    def objective(self, mixture: Mixture, lower_bound: float) -> float:
        """The mean log-likelihood and log prior per row, with the ridge as one more prior."""
        found: float = self._frame_at(mixture).objective(self, mixture.inverse_factors, lower_bound)
        return found

    def propose(
        self,
        mixture: Mixture,
        statistics: SufficientStatistics,
        lower_bound: float,
        em_mixture: Mixture,
    ) -> Mixture:
        """The next mixture to try, from an accepted one, its statistics and EM's step from it."""
        kernel, ahead = self._frame_at(mixture), frame.room_for(mixture)
        sums = frame.sums_of(mixture, statistics, self.regularization, GRID[statistics.dtype])
        room = self._room(kernel, sums)
        base, em = frame.arrays_of(mixture), frame.arrays_of(em_mixture)
        found, learned, *numbers = kernel.propose(self, base, sums, lower_bound, em, ahead, room)
        self._learn(learned, room)
        self.radius, self.value, self.gap = numbers
        _, _, self.gradient, self.em_step, tried, self.held = room
        self.step = tried if found else self.em_step
        kind, dtype, noise = mixture.covariance_type, mixture.dtype, mixture.noise
        return Mixture.of_arrays(kind, ahead, dtype, noise) if found else em_mixture

    def accepts(self, mixture: Mixture, lower_bound: float) -> bool:
        """Whether the step that was tried has climbed enough; the trust radius follows the gain."""
        kernel = self._frame_at(mixture)
        accepted: bool
        accepted, self.radius = kernel.accepts(self, mixture.inverse_factors, lower_bound)
        return accepted

    def reject(self, mixture: Mixture, statistics: SufficientStatistics) -> None:
        """Take EM's step in place of the failed one, which still has told of the curvature."""
        if np.isfinite(statistics.log_likelihood):
            kernel = self._frame_at(mixture)
            sums = frame.sums_of(mixture, statistics, self.regularization, GRID[statistics.dtype])
            room = self._room(kernel, sums)
            self._learn(kernel.reject(self, frame.arrays_of(mixture), sums, room), room)
        self.step = self.em_step
        self.failures += 1

    def _frame_at(self, mixture: Mixture) -> Any:
        if self._frame is None:
            self._frame = frame.frame_of(mixture, self.regularization, PACE)
        return self._frame

    def _room(self, kernel: Any, sums: tuple[Any, ...]) -> tuple[FloatArray, ...]:
        """A pair to be learned, a gradient, two steps, and the weights that are held."""
        return *(np.empty(kernel.n_coordinates) for _ in range(5)), np.empty(sums[5].shape)

    def _learn(self, learned: bool, room: tuple[FloatArray, ...]) -> None:
        if learned:
            kept = pairs_kept(len(room[0]))
            self.steps = [*self.steps[1 - kept :], room[0]]
            self.changes = [*self.changes[1 - kept :], room[1]]


def _n_coordinates(mixture: Mixture) -> int:
    """The length of the vectors of a search at a mixture."""
    if not mixture.covariance_model.form.linear:
        # Few mixtures have factors: their frame is loaded with the first.
        from fastgmm.em.factor_frame import FactorFrame

        return FactorFrame(mixture, np.zeros(())).n_coordinates
    found: int = frame.frame_of(mixture).n_coordinates
    return found


def pairs_kept(length: int) -> int:
    """How many pairs of vectors of this length are remembered: the same on every machine."""
    return min(MEMORY, max(LEAST_MEMORY, LARGE_MEMORY // (2 * 8 * length)))
