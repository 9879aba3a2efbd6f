"""Rows of a sample that look like noise: starts are made without them.

Where rows are noise alone, the ball around one that reaches to its k-th neighbour has a volume that
is known, up to the share of noise (Byers and Raftery 1998).  That share is the one for which just
so many rows have a ball at least nearly as large.
"""

import math
from dataclasses import dataclass

import numpy as np

from fastgmm.data.sample import Sample
from fastgmm.mixture.noise import Noise
from fastgmm.typing import FloatArray

NEIGHBOURS = 8
"""The density at a row is seen of the distance to so many neighbours."""
REFERENCES = 1024
"""Neighbours are looked for among at most so many rows."""
LARGEST_DENSITY = 2.0
"""Noise looks at most so many times as dense as it is: with eight neighbours the deviation of the
estimate is a third."""
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
    chosen = np.sort(sample.order)
    rows = sample.rows[chosen].astype(np.float64)
    weight = np.ones(len(rows)) if sample.weight is None else sample.weight[chosen]
    if len(rows) < FEWEST_ROWS:
        return Cleaned(sample, 0.0)
    places, of_noise = _placed(rows, noise)
    drawn = np.searchsorted(chosen, sample.drawn(min(REFERENCES, len(rows))))
    log_density = _log_densities(places, drawn) - of_noise
    share, kept = _share_of_noise(log_density, weight / weight.sum())
    if kept.sum() < max(2, FEWEST_SHARE * len(rows)):
        return Cleaned(sample, share)
    if kept.all():
        return Cleaned(sample, 0.0)
    ranks = np.cumsum(kept) - 1
    order = np.searchsorted(chosen, sample.order)
    of_left = None if sample.weight is None else sample.weight[chosen[kept]]
    left = sample.rows[chosen[kept]], of_left, ranks[order[kept[order]]], sample.whole
    return Cleaned(Sample(*left), share)


def _placed(rows: FloatArray, noise: Noise) -> tuple[FloatArray, float]:
    """Rows in coordinates in which columns are alike, and the log density of noise there.

    The density is that of rows which are all noise.
    """
    if noise.box is not None:
        return noise.box.coordinates(rows), 0.0
    low, sides = rows.min(axis=0), np.ptp(rows, axis=0)
    sides = np.where(sides > 0.0, sides, 1.0)
    return (rows - low) / sides, float(np.log(sides).sum()) - noise.log_volume


def _log_densities(places: FloatArray, drawn: np.ndarray) -> FloatArray:
    """(n,): the log densities at all rows, of how far away their neighbours among some rows are."""
    n, d = places.shape
    among = places[drawn]
    k = min(NEIGHBOURS, len(among) // 4)
    own = np.zeros(n, dtype=np.intp)
    own[drawn] = 1  # a row is no neighbour of itself
    squares = np.einsum("ij,ij->i", among, among)
    reach = np.empty(n)
    for begin in range(0, n, ROWS_AT_ONCE):
        some = places[begin : begin + ROWS_AT_ONCE]
        apart = np.einsum("ij,ij->i", some, some)[:, np.newaxis] + squares
        apart -= 2.0 * (some @ among.T)
        nearest = np.partition(apart, (k - 1, k), axis=1)
        which = k - 1 + own[begin : begin + len(some)]
        reach[begin : begin + len(some)] = nearest[np.arange(len(some)), which]
    reach = np.maximum(reach, np.finfo(np.float64).tiny)
    log_ball = 0.5 * d * (np.log(reach) + math.log(math.pi)) - math.lgamma(0.5 * d + 1.0)
    density: FloatArray = math.log(k / len(among)) - log_ball
    return density


def _share_of_noise(log_density: FloatArray, shares: FloatArray) -> tuple[float, np.ndarray]:
    """The share of the rows that is noise, and (n,) which rows are not.

    The densities are relative to that of rows which are all noise, and the rows have these shares
    of the weight.
    """
    share = 1.0
    while True:
        noisy = log_density < math.log(LARGEST_DENSITY * share) if share > 0.0 else shares < 0.0
        found = float(shares[noisy].sum())
        if not found < share:
            return min(found, share), ~noisy
        share = found
