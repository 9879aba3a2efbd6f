"""Rows that no component explains and that alone would outweigh all others are set aside.

A finite row may be anything: the mark of a broken sensor, a number in other units.  One row whose
square is a million times the variance of all others would be the whole covariance of the component
that takes it.  What counts is the influence of a row, its share of what a component's moments
become, and not how rare it is: rows of heavy tails are learned from.  A few such rows are set
aside; many of them are where the stream has gone, and it is followed.
"""

import math

import numpy as np

from fastgmm.data.vectors import inner
from fastgmm.fits.gaps import Measured
from fastgmm.mixture.mixture import Mixture
from fastgmm.values import dataclass

LIMIT = 1000.0
"""A row that would multiply the variance by more than this is set aside.  Of the maxima of Student
rows with 2 degrees of freedom one in a thousand squares is so much more than the sum of all others,
and one in thirty of those with 1."""
STRONG = 10.0
"""A row that multiplies the variance by more than this makes the stream look again soon."""
FEW = 16.0
"""More rows than this, of the last five hundred or so, are where the stream has gone."""
FEW_SHARE = 1 / 32
"""Among rows that are fitted together, more than this share of them are no accident."""
MEMORY = 512.0
"""A row that was set aside is forgotten in this many rows."""
ROOM = 2.0**10
"""The largest number that rows may hold is less than the root of the dtype's largest by this
factor: room for the sums of squares, and for squares in units of a small deviation."""


def largest(dtype: np.dtype) -> float:
    """The largest number that can be learned from, whatever else there is."""
    return float(np.sqrt(np.finfo(dtype).max)) / ROOM


def representable(rows: np.ndarray) -> np.ndarray:
    """(n,): which rows hold no number whose square has none in their dtype; gaps hold none."""
    return np.asarray(np.fmax.reduce(np.abs(rows), axis=1, initial=0.0) <= largest(rows.dtype))


def sound(rows: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """(n,): which of the rows (n, D) that are to be fitted together can be learned from.

    The others are those of squares without a number, and the few, at one or both ends of a column,
    the first of which alone outweighs all that are nearer to the column's median, by `LIMIT`.
    Of a column with gaps, NaN, the numbers that were observed are looked at.
    """
    good = representable(rows)
    chosen = np.flatnonzero(good if weight is None else good & (weight > 0))
    of_rows = np.ones(len(chosen)) if weight is None else weight[chosen]
    for column in np.ascontiguousarray(rows[chosen].T, dtype=np.float64):
        gaps = np.isnan(column)
        if not gaps.any():
            good[chosen[_outweighing(column, of_rows)]] = False
        else:
            seen = ~gaps
            good[chosen[seen][_outweighing(column[seen], of_rows[seen])]] = False
    return good


def _outweighing(column: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The indices of the few numbers (n,) of one column that outweigh all others."""
    none, n = np.empty(0, dtype=np.intp), len(column)
    if n < 4:
        return none
    begin = max(n - math.floor(max(FEW, FEW_SHARE * n)), n // 2)
    off = np.abs(column - np.median(column))
    if all_near(off, weight, n - begin):
        return none
    order = np.argpartition(off, begin)
    nearer, tail = order[:begin], order[begin:][np.argsort(off[order[begin:]], kind="stable")]
    unit = float(off[nearer].max())
    if unit == 0.0:
        return none  # equal rows do not say how far is far
    sum_nearer = inner(weight[nearer], (off[nearer] / unit) ** 2)
    squares = 2.0 * np.log(off[tail] / unit) + np.log(weight[tail])
    sums = np.logaddexp.accumulate(np.r_[math.log(sum_nearer), squares])
    outweighs = squares > math.log(LIMIT) + sums[:-1]
    return tail[int(outweighs.argmax()) :] if outweighs.any() else none


def all_near(off: np.ndarray, weight: np.ndarray, n_tail: int) -> bool:
    """Whether some of the distances (n,) tell that none outweighs those that are nearer.

    Of any so many rows all but `n_tail` are among the nearer ones: what the nearest of every
    eighth row have is less than what the nearer ones have.
    """
    some, of_some = off[::8], weight[::8]
    if len(some) < 2 * n_tail:
        some, of_some = off, weight
    nearest = np.argpartition(some, len(some) - n_tail - 1)[: len(some) - n_tail]
    least = inner(of_some[nearest], some[nearest] ** 2)
    return float(off.max()) ** 2 * float(weight.max()) <= LIMIT * least


@dataclass(frozen=True, eq=False)
class Judged:
    """What a batch was found to hold.

    Parameters
    ----------
    far : ndarray of bool, shape (n,), optional
        The rows that would outweigh all others; None where there is none.
    strong : bool
        Whether some row has much influence.
    """

    far: np.ndarray | None
    strong: bool


def judged(
    mixture: Mixture, log_density: np.ndarray, weight: np.ndarray | None, share: float
) -> Judged:
    """What the log densities (n,), in nats, and the weights of a batch say of its rows.

    `share` is the share that the batch is to have in what is known.
    """
    heaviest, whole = 1.0, float(len(log_density))
    if weight is not None:
        heaviest, whole = float(weight.max()), float(weight.sum())
    top = _peak(mixture)
    unit = unit_of_influence(mixture.n_features, whole, share)
    worst = float(log_density.min())
    if worst >= top - LIMIT * unit / heaviest:
        return Judged(None, worst < top - STRONG * unit / heaviest)
    lacking = (top - log_density) * (1.0 if weight is None else weight)
    far = (lacking > LIMIT * unit) | ~np.isfinite(log_density)
    return Judged(far if far.any() else None, True)


def judged_by_columns(measured: Measured, weight: np.ndarray | None, share: float) -> Judged:
    """What `judged` says, of a batch of which some numbers are missing.

    The squared distance of each row is that in its own columns.
    """
    density = measured.log_density
    whole = float(len(density)) if weight is None else float(weight.sum())
    units = unit_of_influence(1, whole, share) * np.maximum(measured.n_observed, 1)
    lacking = (measured.peak - density) * (1.0 if weight is None else weight)
    far = (lacking > LIMIT * units) | ~np.isfinite(density)
    return Judged(far if far.any() else None, bool((lacking > STRONG * units).any() or far.any()))


def unit_of_influence(n_features: int, weight: float, share: float) -> float:
    """A row of weight 1 has the influence of 1 where its half squared distance is this.

    It is one of a batch of this weight, which is to have this share in what is known.
    """
    return 0.5 * n_features * weight / share


def _peak(mixture: Mixture) -> float:
    """The log density, in nats, of the best component at its mean.

    What a row lacks of it is about half its squared distance, in deviations of what explains it.
    """
    constants = mixture.constants
    highest = max((constants.log_weights - constants.log_determinants).tolist())
    return float(highest) - 0.5 * mixture.n_features * math.log(2.0 * math.pi)
