"""The coordinates in which Ward's trees are grown: which rows are near one another.

Ward's criterion knows round clusters only, so what it finds depends on the units.  The deviations
of the columns are the first choice.  Where a few rows lie far from all others they are most of a
deviation, and the tree cuts them off: ranks know no far.  Clusters that are long in the same
direction look round once the rows are whitened.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.starts.points import Points, column_scale, common_scale
from fastgmm.typing import CovarianceType, FloatArray

LEAST_VARIANCE = 1e-6
"""Whitening takes no direction for narrower than this share of the columns' variance."""


class Space(Protocol):
    """Coordinates of rows."""

    def of(self, rows: FloatArray) -> FloatArray:
        """(n, ...): the coordinates of rows (n, D)."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """Each column about `center` (D,), in units of `scale` (D,)."""

    center: FloatArray
    scale: FloatArray

    def of(self, rows: FloatArray) -> FloatArray:
        """(n, D): the coordinates of rows (n, D)."""
        return (rows - self.center) / self.scale


@dataclass(frozen=True, eq=False)
class Whitened:
    """Scaled rows times the transposed inverse factor (D, D) of their correlations."""

    scaled: Scaled
    inverse: FloatArray

    def of(self, rows: FloatArray) -> FloatArray:
        """(n, D): the coordinates of rows (n, D)."""
        coordinates: FloatArray = self.scaled.of(rows) @ self.inverse.T
        return coordinates


@dataclass(frozen=True, eq=False)
class Ranked:
    """The rank of each number in its column, from 0 to 1; equal numbers have their middle rank."""

    columns: FloatArray
    """(D, n): the sorted columns."""
    below: FloatArray
    """(D, n + 1): the share of the rows before each of them."""

    def of(self, rows: FloatArray) -> FloatArray:
        """(n, D): the coordinates of rows (n, D)."""
        ranks = np.empty(rows.shape)
        for j, (column, below) in enumerate(zip(self.columns, self.below, strict=True)):
            ends = (below[np.searchsorted(column, rows[:, j], side)] for side in ("left", "right"))
            ranks[:, j] = sum(ends) / 2.0
        return ranks


def space_of(points: Points, covariance_type: CovarianceType, units: str) -> Space:
    """The coordinates that are meant by "column", "between", "ranks" or "white".

    "between" stands for units between the columns' deviations and one for all.
    """
    if units == "ranks":
        order = np.argsort(points.rows, axis=0, kind="stable").T
        shares = np.cumsum(points.weight[order], axis=1)
        below = np.concatenate([np.zeros((len(order), 1)), shares / shares[:, -1:]], axis=1)
        return Ranked(np.take_along_axis(points.rows.T, order, axis=1), below)
    scale = column_scale(points, covariance_type)
    if units == "between":
        scale = np.sqrt(scale * common_scale(points))
    scaled = Scaled(points.mean(), scale)
    if units != "white":
        return scaled
    return Whitened(scaled, _whitening(scaled.of(points.rows), points.weight))


def _whitening(rows: FloatArray, weight: FloatArray) -> FloatArray:
    """(D, D): the inverse Cholesky factor of the covariance of centred rows (n, D)."""
    form = model_of("full").form
    covariance = (rows * weight[:, None]).T @ rows / weight.sum()
    ridge = LEAST_VARIANCE * max(float(np.trace(covariance)) / len(covariance), LEAST_VARIANCE)
    inverse: FloatArray = form.factor((covariance + ridge * np.eye(len(covariance)))[None])[1][0]
    return inverse
