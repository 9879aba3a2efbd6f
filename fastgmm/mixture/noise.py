"""Noise beside the components of a mixture: rows of constant density over a volume.

A row belongs to no component with the density weight / volume, wherever it is (Banfield and Raftery
1993).  Where the volume was found as that of a box around rows, noise can be drawn from the box.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fastgmm.archive import checks
from fastgmm.data.parts import COMPLETE, GapKind, Part
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

if TYPE_CHECKING:
    from numpy.random import Generator

NO_PLACE = (
    "noise of a given volume has no place that it could be drawn from: fit with noise='uniform', "
    "whose volume is that of a box around the rows"
)
"""Whoever draws rows says so of noise without a box."""
NO_GAPS = (
    "rows with gaps cannot be noise: the volume of the columns that were observed is not known; "
    "leave out the rows, or fit without noise"
)
"""Whoever meets rows with gaps says so."""
NO_LABELS = (
    "rows with labels are of a component, and noise is of none: leave labels out, or fit without "
    "noise"
)
"""Whoever meets rows with labels says so."""


def check_can_be_noise(part: Part) -> None:
    """Raise ValueError where something is known of rows by which they cannot be noise."""
    if isinstance(part.kind, GapKind):
        raise ValueError(NO_GAPS)
    if part.kind is not COMPLETE or part.allowed is not None:
        raise ValueError(NO_LABELS)


@dataclass(frozen=True, eq=False)
class Box:
    """A box in the directions of the features, or in others.

    Parameters
    ----------
    center : ndarray of shape (D,)
        What coordinates are about.
    axes : ndarray of shape (D, D), optional
        The directions of its sides, one per column and orthogonal, of length one; None: those of
        the features.
    low, high : ndarray of shape (D,)
        The ends of its sides, in coordinates about the center.
    """

    center: FloatArray
    axes: FloatArray | None
    low: FloatArray
    high: FloatArray

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of a box."""
        (d,) = checks.check_sizes("the center of a box", self.center, 1)
        for name in ("center", "low", "high"):
            checks.check_array(f"the {name} of a box", getattr(self, name), (d,))
        if self.axes is not None:
            checks.check_array("the axes of a box", self.axes, (d, d))
            if not np.allclose(self.axes.T @ self.axes, np.eye(d), atol=1e-6):
                raise ValueError("the axes of a box must be orthogonal and of length one")
        if not (self.low < self.high).all():
            raise ValueError("the sides of a box must have a length")

    def coordinates(self, rows: np.ndarray) -> FloatArray:
        """(n, D): float64 rows in the directions of the sides, between 0 and 1 within the box."""
        about = rows - self.center
        along = about if self.axes is None else about @ self.axes
        found: FloatArray = (along - self.low) / (self.high - self.low)
        return found

    def draw(self, n: int, generator: "Generator") -> FloatArray:
        """(n, D): rows that are uniform in the box."""
        along = self.low + generator.random((n, len(self.low))) * (self.high - self.low)
        about = along if self.axes is None else along @ self.axes.T
        found: FloatArray = self.center + about
        return found


@dataclass(frozen=True, eq=False)
class Noise:
    """The share of a mixture that is noise.

    Parameters
    ----------
    weight : float
        The weights of the components and this one sum to 1.
    log_volume : float
        The logarithm of the volume: minus the log density of noise, in nats.
    box : Box, optional
        What the volume is of; None where it was given.
    """

    weight: float
    log_volume: float
    box: Box | None = None

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of noise."""
        checks.check_number("the weight of noise", self.weight, 0.0, 1.0)
        if not np.isfinite(self.log_volume):
            raise ValueError(f"a volume must be finite, got the logarithm {self.log_volume}")

    def check_for(self, n_features: int) -> None:
        """Raise ValueError where this cannot be the noise of rows with so many features."""
        if self.box is not None and len(self.box.center) != n_features:
            raise ValueError(f"the box of noise must be of rows with {n_features} features")

    def weighing(self, weight: float) -> "Noise":
        """The same noise with another weight."""
        return replace(self, weight=weight)

    def draw(self, n: int, generator: "Generator") -> FloatArray:
        """(n, D): rows of noise.

        Raises
        ------
        ValueError
            When the volume was given.
        """
        if self.box is None:
            raise ValueError(NO_PLACE)
        return self.box.draw(n, generator)


def with_noise(component_weight: FloatArray, weight: float) -> FloatArray:
    """(K + 1,): what components hold of rows of this weight, and what is left, the noise's."""
    # One addend after the other, as compiled iterations add.
    left = weight - float(np.add.accumulate(component_weight)[-1])
    return np.append(component_weight, max(0.0, left))
