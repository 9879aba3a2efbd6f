"""The span of few rows: n rows of D features differ from their mean in n - 1 directions.

There each row has n coordinates, however many features it has.  The directions are orthonormal in
units in which a ridge on the variances is the same for all features, so that it stays one.
"""

import numpy as np

from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.lazy import lazy
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

LARGEST = 1e7
"""No row is further from the mean in some direction than this many deviations of the ridge: its
square would be so large beside the ridge that rounding matters, and a rotation spreads that."""


@dataclass(frozen=True, eq=False)
class Span:
    """The directions that rows span, and the rows in them.

    Parameters
    ----------
    center : ndarray of shape (D,)
        The mean of the rows.
    ridge : ndarray of shape (D,)
        The ridge on the variances of the features, which is positive.
    directions : ndarray of shape (D, n)
        Orthonormal columns.
    rows : ndarray of shape (n, n), float64
        The coordinates of the rows.
    sample : Sample
        The rows themselves: all that there are.
    """

    center: FloatArray
    ridge: FloatArray
    directions: FloatArray
    rows: FloatArray
    sample: Sample

    @property
    def n_outside(self) -> int:
        """The number of directions that are no coordinates: no row differs from the mean there."""
        return len(self.directions) - len(self.rows)

    @lazy
    def floor(self) -> float:
        """The ridge in the coordinates, the same in all directions."""
        return float(self.ridge.max())

    @lazy
    def units(self) -> FloatArray:
        """(D,): the units of the features."""
        return np.asarray(np.sqrt(self.ridge / self.floor))

    def coordinates(self, points: FloatArray) -> FloatArray:
        """(m, n): the coordinates of points (m, D); what lies outside of the span is dropped."""
        return _off(points, self.center, self.units) @ self.directions

    def points(self, coordinates: FloatArray) -> FloatArray:
        """(m, D): the points of these coordinates (m, n)."""
        return np.asarray(self.center + self.units * (coordinates @ self.directions.T))

    def squares_outside(self, points: FloatArray, coordinates: FloatArray) -> FloatArray:
        """(m,): squared distances of points from the span, over the ridge."""
        off = (points - self.points(coordinates)) / np.sqrt(self.ridge)
        return np.asarray(np.einsum("ij,ij->i", off, off))

    @lazy
    def within(self) -> Sample:
        """The sample in coordinates; what is near in units of the columns is near there, too."""
        of = self.sample
        return Sample(self.rows, of.weight, of.order, of.whole, scaled=self._scaled)

    def _scaled(self, chosen: np.ndarray) -> FloatArray:
        deviations = np.sqrt(self.moments[1] + self.ridge)
        return np.asarray(self.sample.rows[chosen] / deviations)

    def data(self, n_threads: int | None) -> RowData:
        """The coordinates as data."""
        return RowData(self.rows, self.sample.weight, n_threads)

    @lazy
    def moments(self) -> tuple[FloatArray, FloatArray]:
        """(D,), (D,): the means and the variances of the features."""
        rows, weight = self.sample.rows.astype(np.float64, copy=False), self.sample.weight
        mean = np.average(rows, axis=0, weights=weight)
        return mean, np.average((rows - mean) ** 2, axis=0, weights=weight)


def span_of(sample: Sample, ridge: FloatArray) -> Span | None:
    """The span of a sample of all rows beside a ridge, () or (D,).

    None where numbers are too large beside the ridge, or some variance has none.
    """
    ridge = np.array(np.broadcast_to(ridge, sample.rows.shape[1]))
    if not (ridge > 0.0).all():
        return None
    center = sample.rows.mean(axis=0, dtype=np.float64)
    off = _off(sample.rows, center, np.sqrt(ridge / ridge.max()))
    if not np.abs(off).max() <= LARGEST * np.sqrt(ridge.max()):
        return None
    directions = np.linalg.qr(off.T)[0]
    return Span(center, ridge, directions, off @ directions, sample)


def _off(points: np.ndarray, center: FloatArray, units: FloatArray) -> FloatArray:
    """How far points are from the centre, in these units."""
    off: FloatArray = points - center
    off /= units
    return off
