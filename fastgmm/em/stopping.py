"""When a fit has ended: how much the log-likelihood still changes, and how far its limit is."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fastgmm import kernels
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

ROUNDING = {np.dtype(np.float64): 16 * float(np.finfo(np.float64).eps), np.dtype(np.float32): 1e-7}
"""A change of the mean log-likelihood up to this share of it is rounding, by the dtype of the
rows."""
SAFETY = 0.1
"""The predicted distance to the limit must be under this share of `tol` where no number was asked
for it: slow directions show late, and predictions err on the low side."""
RISE = 2.0
"""The rate of convergence is assumed to rise once more by this many times its last rise."""
RECENT = 5
"""Where EM is accelerated, the distance is taken to be at least what this many last iterations have
gained."""
NOISE_WINDOW = 12
"""A trace is in its noise where this many last bounds are no higher than those before."""
NOISE_TURNS = 4
"""And where they turn at least so often.  Twelve random numbers do so seven times; a trace that a
large ridge draws down turns once, and one of L-BFGS steps beside such a ridge seldom."""
NOISE_ROUNDING = 8.0
"""Noise up to this many times the rounding of one bound is no more than rounding."""


@dataclass(frozen=True)
class Stopping:
    """The rule that ends a run.

    Parameters
    ----------
    tol : float
        The change of the mean log-likelihood, in nats, under which a run ends.
    gap_tol : float, optional
        The predicted distance to the limit under which it ends, in place of `tol`.
    both : bool
        Whether, without `gap_tol`, the change must be under `tol` and the distance under a tenth of
        it.
    max_iter : int
    """

    tol: float
    gap_tol: float | None
    both: bool
    max_iter: int

    @property
    def target(self) -> float:
        """The distance to the limit that the run is to reach, in nats per row."""
        if self.gap_tol is not None:
            return self.gap_tol
        return SAFETY * self.tol if self.both else self.tol

    @property
    def tolerance(self) -> float:
        """The number of the user that decides: `gap_tol`, or else `tol`."""
        return self.tol if self.gap_tol is None else self.gap_tol

    def over(self, unit: float) -> "Stopping":
        """The same rule for bounds that are divided by a number."""
        if unit == 1.0:
            return self
        gap_tol = None if self.gap_tol is None else self.gap_tol / unit
        return replace(self, tol=self.tol / unit, gap_tol=gap_tol)

    @property
    def heeds_noise(self) -> bool:
        """Whether noise ends a run.

        Who asks for scikit-learn's rule, or for `max_iter` iterations by a tolerance of zero, gets
        what was asked for.
        """
        return (self.both or self.gap_tol is not None) and self.tolerance > 0.0

    def settled(self, noise: float, rounding: float) -> bool:
        """Whether a run that has ended in its noise is as near to the limit as was asked for."""
        return noise < max(self.tolerance, NOISE_ROUNDING * rounding)

    def met(self, change: float, gap: float, rounding: float = 0.0) -> bool:
        """Whether a run ends after this change of the last iteration, this far from its limit.

        Changes up to `rounding` count as none, however small `tol` is.
        """
        if self.gap_tol is not None:
            return gap < self.gap_tol
        if not self.both:
            return abs(change) < self.tol
        return gap < SAFETY * self.tol and (abs(change) < self.tol or abs(change) <= rounding)


def numbers_of(
    stopping: Stopping, dtype: np.dtype, acceleration: Sequence[float] = (0.0,) * 7
) -> FloatArray:
    """The rules as the kernels read them: the struct `Rules` in `kernels/rules.pxi`.

    `acceleration` are its numbers of that name and behind it: by default there is none.
    """
    gap_tol = -1.0 if stopping.gap_tol is None else stopping.gap_tol
    numbers = (stopping.tol, gap_tol, stopping.both, stopping.tolerance, stopping.target)
    heeds = stopping.heeds_noise
    constants = SAFETY, RISE, RECENT, NOISE_WINDOW, NOISE_TURNS, NOISE_ROUNDING
    return np.array([*numbers, heeds, ROUNDING[dtype], *constants, *acceleration], dtype=np.float64)


def predicted_gap(bounds: Sequence[float], dtype: np.dtype) -> float:
    """The distance of EM from its limit, in nats per row, from its trace; inf where unknown.

    Aitken's extrapolation (McLachlan and Krishnan 2008, section 4.9): near its limit the changes of
    EM are a geometric series.  Its rate grows while the slowest direction takes over: a rate that
    rises is taken to rise on, and the larger of the last two predictions counts; after a change 200
    times smaller than the one before, one is enough.  Changes that go up and down are noise, and
    the distance is what the last four come to.  After a rise that was a million times larger, a
    fall is the rounding of the end, and the distance is no more.
    """
    return _foretold(bounds, 0.0, dtype)[0]


def noise_of(bounds: Sequence[float]) -> float:
    """How far the last bounds go up and down where they no longer rise, else 0.0, in nats per row.

    EM never loses, but for rounding and for a ridge that draws it steadily down.  Where the best of
    the last bounds gains nothing on those before, what goes up and down is noise.  A run may end at
    any of them: it waits for one of the best quarter.
    """
    return _foretold(bounds, 1.0, np.dtype(np.float64))[1]


def predicted_passes(bounds: Sequence[float], target: float, dtype: np.dtype) -> float:
    """The number of passes that EM needs until its distance to the limit is under the target."""
    return _foretold(bounds, target, dtype)[2]


def recent_gain(bounds: Sequence[float]) -> float:
    """What the last `RECENT` iterations together gained or lost; inf where there were fewer."""
    return abs(bounds[-1] - bounds[-1 - RECENT]) if len(bounds) > RECENT else np.inf


def _foretold(
    bounds: Sequence[float], target: float, dtype: np.dtype
) -> tuple[float, float, float, bool]:
    rules = numbers_of(Stopping(target, target, both=False, max_iter=0), dtype)
    told: tuple[float, float, float, bool] = kernels.foretold(
        rules, np.array(bounds[-2 * NOISE_WINDOW :], dtype=np.float64)
    )
    return told
