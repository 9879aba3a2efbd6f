"""When a fit has ended: how much the log-likelihood still changes, and how far its limit is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

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

    def noise(self, bounds: Sequence[float]) -> float:
        """The noise that ends a run with these bounds; 0.0 where it goes on.

        Who asks for scikit-learn's rule, or for `max_iter` iterations by a tolerance of zero, gets
        what was asked for.
        """
        if len(bounds) < 2 * NOISE_WINDOW:
            return 0.0
        asked = (self.both or self.gap_tol is not None) and self.tolerance > 0.0
        return noise_of(bounds) if asked else 0.0

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


def predicted_gap(bounds: Sequence[float], dtype: np.dtype) -> float:
    """The distance of EM from its limit, in nats per row, from its trace; inf where unknown.

    Aitken's extrapolation (McLachlan and Krishnan 2008, section 4.9): near its limit the changes of
    EM are a geometric series.  Its rate grows while the slowest direction takes over: a rate that
    rises is taken to rise on, and the larger of the last two predictions counts; after a change 200
    times smaller than the one before, one is enough.  Changes that go up and down are noise, and
    the distance is what the last four come to.
    """
    last_bounds = bounds[-5:]
    changes = [after - before for before, after in pairwise(last_bounds)]
    if not changes:
        return np.inf
    if abs(changes[-1]) <= ROUNDING[dtype] * abs(bounds[-1]):
        return 0.0
    if len(changes) > 3 and not (min(changes[-3:]) > 0.0 or max(changes[-3:]) < 0.0):
        return sum(map(abs, changes))
    last = _aitken(last_bounds)
    if len(changes) > 1 and abs(changes[-1]) * 200 < abs(changes[-2]):
        return last
    return max(last, _aitken(last_bounds[:-1]))


def noise_of(bounds: Sequence[float]) -> float:
    """How far the last bounds go up and down where they no longer rise, else 0.0, in nats per row.

    EM never loses, but for rounding and for a ridge that draws it steadily down.  Where the best of
    the last bounds gains nothing on those before, what goes up and down is noise.  A run may end at
    any of them: it waits for one of the best quarter.
    """
    n = NOISE_WINDOW
    last = bounds[-n:]
    if len(bounds) < 2 * n or (best := max(last)) > max(bounds[-2 * n : -n]):
        return 0.0
    rises = [after > before for before, after in pairwise(last)]
    n_turns = sum(before != after for before, after in pairwise(rises))
    if n_turns < NOISE_TURNS or bounds[-1] < sorted(last)[-n // 4]:
        return 0.0
    return best - min(last)


def predicted_passes(bounds: Sequence[float], target: float, dtype: np.dtype) -> float:
    """The number of passes that EM needs until its distance to the limit is under the target."""
    gap = predicted_gap(bounds, dtype)
    if gap <= target:
        return 0.0
    if not np.isfinite(gap):
        return np.inf
    rate = (bounds[-1] - bounds[-2]) / (bounds[-2] - bounds[-3])
    if not 0.0 < rate < 1.0:
        return np.inf
    return float(np.log(max(target, np.finfo(np.float64).tiny) / gap) / np.log(rate))


def recent_gain(bounds: Sequence[float]) -> float:
    """What the last `RECENT` iterations together gained or lost; inf where there were fewer."""
    return abs(bounds[-1] - bounds[-1 - RECENT]) if len(bounds) > RECENT else np.inf


def _aitken(bounds: Sequence[float]) -> float:
    """Aitken's prediction of the distance to the limit; inf where the last changes allow none.

    Bounds rise or, where a ridge is a large part of the variances, fall.
    """
    if len(bounds) < 3:
        return np.inf
    sign = 1.0 if bounds[-1] > bounds[-2] else -1.0
    before, last = sign * (bounds[-2] - bounds[-3]), sign * (bounds[-1] - bounds[-2])
    if not 0.0 < last < before < np.inf:
        return np.inf
    rate = last / before
    first = sign * (bounds[-3] - bounds[-4]) if len(bounds) > 3 else 0.0
    if first > 0.0:
        rate += RISE * max(0.0, rate - before / first)
    return last * rate / (1.0 - rate) if rate < 1.0 else np.inf
