"""Rows that no component explains and that alone would outweigh all others are set aside.

A finite row may be anything: the mark of a broken sensor, a number in other units.  One row whose
square is a million times the variance of all others would be the whole covariance of the component
that takes it.  What counts is the influence of a row, its share of what a component's moments
become, and not how rare it is: rows of heavy tails are learned from.  A few such rows are set
aside; many of them are where the stream has gone, and it is followed.
"""

import math
from dataclasses import dataclass

import numpy as np

from fastgmm.mixture.mixture import Mixture

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
    """(n,): which rows hold no number whose square has none in their dtype."""
    return np.asarray(np.abs(rows).max(axis=1, initial=0.0) <= largest(rows.dtype))


def sound(rows: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """(n,): which of the rows (n, D) that are to be fitted together can be learned from.

    The others are those of squares without a number, and the few, at one or both ends of a column,
    the first of which alone outweighs all that are nearer to the column's median, by `LIMIT`.
    """
    good = representable(rows)
    chosen = np.flatnonzero(good if weight is None else good & (weight > 0))
    if len(chosen) < 4:
        return good
    begin = max(len(chosen) - math.floor(max(FEW, FEW_SHARE * len(chosen))), len(chosen) // 2)
    of_rows = np.ones(len(chosen)) if weight is None else weight[chosen]
    for column in np.ascontiguousarray(rows[chosen].T, dtype=np.float64):
        off = np.abs(column - np.median(column))
        if all_near(off, of_rows, len(chosen) - begin):
            continue
        order = np.argpartition(off, begin)
        nearer, tail = order[:begin], order[begin:][np.argsort(off[order[begin:]], kind="stable")]
        unit = float(off[nearer].max())
        if unit == 0.0:
            continue  # equal rows do not say how far is far
        sum_nearer = float(of_rows[nearer] @ (off[nearer] / unit) ** 2)
        squares = 2.0 * np.log(off[tail] / unit) + np.log(of_rows[tail])
        sums = np.logaddexp.accumulate(np.r_[math.log(sum_nearer), squares])
        outweighs = squares > math.log(LIMIT) + sums[:-1]
        if outweighs.any():
            good[chosen[tail[int(outweighs.argmax()) :]]] = False
    return good


def all_near(off: np.ndarray, weight: np.ndarray, n_tail: int) -> bool:
    """Whether some of the distances (n,) tell that none outweighs those that are nearer.

    Of any so many rows all but `n_tail` are among the nearer ones: what the nearest of every
    eighth row have is less than what the nearer ones have.
    """
    some, of_some = off[::8], weight[::8]
    if len(some) < 2 * n_tail:
        some, of_some = off, weight
    nearest = np.argpartition(some, len(some) - n_tail - 1)[: len(some) - n_tail]
    least = float(of_some[nearest] @ some[nearest] ** 2)
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
