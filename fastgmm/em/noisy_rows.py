"""Rows of a sample that look like noise: starts are made without them.

The distance to a neighbour tells the density at a row (Byers and Raftery 1998).  Points that are
drawn from the box of the rows tell how low it is where there is noise alone: they are as often in
such places as noise is, and clusters hardly ever.  So the share of noise is the least that the rows
are there, over how often the points are (as Storey 2002 has it for hypotheses), and a row is noise
if more than half of the density at it is.
"""

import math

import numpy as np

from fastgmm.data.sample import Sample
from fastgmm.mixture.noise import Noise
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

NEIGHBOURS = 16
"""The density at a row is seen of the distance to so many neighbours."""
REFERENCES = 1024
"""Neighbours are looked for among at most so many rows."""
MOST_ROWS = 10_000
"""At most so many rows of a sample are looked at; the others are left out of it."""
LARGEST_DENSITY = 2.0
"""Noise is where the density is at most so many times that of noise."""
LEAST_PLACES = 0.3
"""The share of noise is seen of the least dense places, this share of all and more."""
POINTS = 1024
"""So many points are drawn from the box."""
FEWEST_ROWS = 16
"""So few rows tell nothing of densities."""
FEWEST_SHARE = 0.05
"""Where less than this share of the rows is left, starts are made of all."""
ROWS_AT_ONCE = 1024
"""Distances of so many rows are computed at a time."""


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A sample without the rows that look like noise, and the share of the weight that these had.

    Parameters
    ----------
    sample : Sample
    share : float
    """

    sample: Sample
    share: float


def cleaned(sample: Sample, noise: Noise) -> Cleaned:
    """The sample without noise of this volume; found once for all fits that share the sample."""
    found: Cleaned = sample.made.once(
        ("without noise", noise.log_volume), lambda: _cleaned(sample, noise)
    )
    return found


def _cleaned(sample: Sample, noise: Noise) -> Cleaned:
    looked_at = sample.order[:MOST_ROWS]
    chosen = np.sort(looked_at)
    rows = sample.rows[chosen].astype(np.float64)
    weight = np.ones(len(rows)) if sample.weight is None else sample.weight[chosen]
    if len(rows) < FEWEST_ROWS:
        return Cleaned(sample, 0.0)
    places = _placed(rows, noise)
    drawn = np.searchsorted(chosen, sample.drawn(min(REFERENCES, len(rows))))
    of_rows = _densities(places, places[drawn], drawn)
    points = np.random.default_rng(0).random((POINTS, rows.shape[1]))
    of_points = _densities(points, places[drawn])
    share = _share_of_noise(of_rows, weight / weight.sum(), of_points)
    kept = ~(of_rows < math.log(LARGEST_DENSITY * share)) if share > 0.0 else weight > 0.0
    if kept.sum() < max(2, FEWEST_SHARE * len(rows)):
        return Cleaned(sample, share)
    if kept.all():
        return Cleaned(sample, 0.0)
    ranks = np.cumsum(kept) - 1
    order = np.searchsorted(chosen, looked_at)
    of_left = None if sample.weight is None else sample.weight[chosen[kept]]
    whole = sample.whole and len(chosen) == len(sample.order)
    left = sample.rows[chosen[kept]], of_left, ranks[order[kept[order]]], whole
    return Cleaned(Sample(*left), share)


def _placed(rows: FloatArray, noise: Noise) -> FloatArray:
    """Rows in coordinates from 0 to 1, in which columns are alike."""
    if noise.box is not None:
        return noise.box.coordinates(rows)
    low, sides = rows.min(axis=0), np.ptp(rows, axis=0)
    return np.asarray((rows - low) / np.where(sides > 0.0, sides, 1.0))


def _densities(places: FloatArray, among: FloatArray, own: np.ndarray | None = None) -> FloatArray:
    """(n,): log densities at places (n, D), of how far their neighbours among other places are.

    `own`: which of the places the others are; none of them is a neighbour of itself.
    """
    n, d = places.shape
    k = min(NEIGHBOURS, len(among) // 4)
    # Within a box of sides of one, distances that float32 cannot tell from none are small enough.
    places, among = places.astype(np.float32), among.astype(np.float32)
    squares = np.einsum("ij,ij->i", among, among)
    reach = np.empty(n)
    for begin in range(0, n, ROWS_AT_ONCE):
        some = places[begin : begin + ROWS_AT_ONCE]
        apart = np.einsum("ij,ij->i", some, some)[:, np.newaxis] + squares
        apart -= 2.0 * (some @ among.T)
        if own is not None:
            here = np.flatnonzero((own >= begin) & (own < begin + len(some)))
            apart[own[here] - begin, here] = np.inf
        apart.partition(k - 1, axis=1)
        reach[begin : begin + len(some)] = apart[:, k - 1]
    reach = np.maximum(reach, np.finfo(np.float32).eps)
    log_ball = 0.5 * d * (np.log(reach) + math.log(math.pi)) - math.lgamma(0.5 * d + 1.0)
    density: FloatArray = math.log(k / len(among)) - log_ball
    return density


def _share_of_noise(of_rows: FloatArray, shares: FloatArray, of_points: FloatArray) -> float:
    """The share of the rows that is noise, from the densities at rows and at points of the box.

    The rows have these shares of the weight.
    """
    ends = np.quantile(of_points, np.linspace(LEAST_PLACES, 1.0, 15))
    order = np.argsort(of_rows, kind="stable")
    up_to = np.concatenate([[0.0], np.cumsum(shares[order])])
    rows = up_to[np.searchsorted(of_rows[order], ends, side="right")]
    points = np.searchsorted(np.sort(of_points), ends, side="right") / len(of_points)
    return float(min(1.0, (rows / points).min()))
