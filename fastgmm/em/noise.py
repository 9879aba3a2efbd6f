"""Mixtures with noise: one more share of the rows, which is uniform over a volume.

The E-step has the constant density of noise beside those of the components, and the M-step the rest
of the weight, so that EM is as before (Banfield and Raftery 1993; Fraley and Raftery 2002, section
4.3).  The volume is that of mclust's `hypvol`: of the smaller of two boxes around all rows, one
along the features and one along their principal components.
"""

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from fastgmm.data.parts import Part
from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.em.e_step import expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, MaximumLikelihood
from fastgmm.em.noisy_rows import Cleaned, cleaned
from fastgmm.em.regularization import Regularization
from fastgmm.errors import data_range_error
from fastgmm.mixture.mixture import FLOAT64, Mixture
from fastgmm.mixture.noise import NO_GAPS, NO_LABELS, Box, Noise, with_noise
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import CovarianceType, FloatArray

DEFAULT_SHARE = 0.05
"""Noise begins with this weight where nothing tells of it."""
LEAST_SHARE, LARGEST_SHARE = 0.01, 0.9
"""Noise begins with a weight between these: EM takes it away in one step, and finds it slowly."""
ALL = 1e-6
"""Weights that lack less than this to 1 leave nothing for noise."""
ROWS_AT_ONCE = 4096
"""Coordinates of so many rows are computed at a time."""
FLAT = 1e-12
"""A side of a box is none where it is shorter than this, times the longest: it is rounding."""


class WithNoise(MaximumLikelihood):
    """The family of mixtures with noise over one volume.

    Parameters
    ----------
    wish : "uniform" or float
        The volume; "uniform": that of a box around the rows, as soon as they are known.
    noise : Noise, optional
        The volume as it is known; its weight says nothing.
    """

    def __init__(self, wish: Literal["uniform"] | float, noise: Noise | None = None) -> None:
        self._wish = wish
        if noise is None and not isinstance(wish, str):
            noise = Noise(0.0, float(np.log(wish)))
        self.noise = noise
        self._start: Cleaned | None = None

    def for_rows(self, data: Data) -> "WithNoise":
        """The family with the volume of these rows, unless it is known."""
        if data.gapped:
            raise ValueError(NO_GAPS)
        if data.labelled:
            raise ValueError(NO_LABELS)
        if self.noise is not None:
            return self
        box, log_volume = box_around(data)
        return WithNoise(self._wish, Noise(0.0, log_volume, box))

    def following(self, mixture: Mixture) -> "WithNoise":
        """The family with the volume that this mixture has."""
        return self if mixture.noise is None else WithNoise(self._wish, mixture.noise)

    def for_start(self, sample: Sample) -> Sample:
        """Those that do not look like noise."""
        assert self.noise is not None
        self._start = cleaned(sample, self.noise)
        return self._start.sample

    def begun(self, mixture: Mixture, regularization: Regularization, weight: float) -> Mixture:
        """The mixture with noise, whose weight is its own, what the others lack, or a guess."""
        assert self.noise is not None
        if mixture.noise is not None:
            return replace(mixture, noise=self.noise.weighing(mixture.noise.weight))
        total = float(mixture.weights.sum())
        if total < 1.0 - ALL:
            return replace(mixture, noise=self.noise.weighing(1.0 - total))
        share = DEFAULT_SHARE if self._start is None else self._start.share
        share = min(max(share, LEAST_SHARE), LARGEST_SHARE)
        weights = mixture.weights * ((1.0 - share) / total)
        return replace(mixture, weights=weights, noise=self.noise.weighing(share))

    def maximize(
        self,
        statistics: SufficientStatistics,
        regularization: Regularization,
        previous: Mixture | None = None,
    ) -> Mixture:
        """That of maximum likelihood, where noise holds what components do not."""
        noise = self.noise
        if noise is None:
            assert previous is not None
            noise = previous.noise
        assert noise is not None
        with np.errstate(invalid="ignore"):  # components may hold nothing at all
            found = super().maximize(statistics, regularization, previous)
        held = with_noise(statistics.component_weight, statistics.weight)
        weights = held / np.add.accumulate(held)[-1]
        return replace(found, weights=weights[:-1], noise=noise.weighing(float(weights[-1])))

    def n_parameters(
        self, covariance_type: CovarianceType, n_components: int, n_features: int
    ) -> int:
        """Those of a mixture without noise, the weight of noise and its volume."""
        return super().n_parameters(covariance_type, n_components, n_features) + 2


def family_of(
    wish: Literal["uniform"] | float | None, mixture: Mixture | None = None
) -> MaximumLikelihood:
    """The family that a wish for noise stands for, of rows or of a mixture that goes on."""
    noise = None if mixture is None else mixture.noise
    if wish is None and noise is None:
        return MAXIMUM_LIKELIHOOD
    return WithNoise("uniform" if wish is None else wish, noise)


def with_rest(mixture: Mixture, volume: Literal["uniform"] | float | None) -> Mixture:
    """The mixture of known parameters, with noise of what its weights lack to 1.

    Raises
    ------
    ValueError
        When no volume is known.
    """
    if volume is None:
        return mixture
    if isinstance(volume, str):
        raise ValueError(
            "noise='uniform' takes its volume from rows, and there are none here: give the volume "
            "as a number"
        )
    rest = max(0.0, 1.0 - float(mixture.weights.sum()))
    return replace(mixture, noise=Noise(rest, float(np.log(volume))))


def box_around(data: Data) -> tuple[Box, float]:
    """The smaller of two boxes around rows of any weight but 0, and the log of its volume.

    Raises
    ------
    ValueError
        When the rows have no volume.
    DataRangeError
        When their squares have no number.
    """
    about = _one_gaussian(data)
    statistics = expectation(about, data, dtype=FLOAT64)
    center = statistics.means[0]
    second = statistics.moved(center[np.newaxis]).second_moment[0]
    largest = float(np.diagonal(second).max())
    if not np.isfinite(second).all():
        raise data_range_error(data.dtype)
    # The scaling keeps numbers in range, and turns no axis.
    _, axes = np.linalg.eigh(second / largest if largest > 0.0 else second)
    low, high = data.pass_over(partial(Ends, center, axes))
    sides = high - low
    for j in np.flatnonzero(~(sides[0] > 0.0)).tolist():
        raise ValueError(
            f"noise='uniform' needs rows with a volume, and column {j} has one value in all of "
            "them: leave it out, or give the volume as a number"
        )
    if not sides[1].min() > FLAT * sides[1].max():
        raise ValueError(
            "noise='uniform' needs rows with a volume, and these lie in a plane: there are too "
            "few, or some columns follow from others; give the volume as a number"
        )
    along = np.log(sides).sum(axis=1)
    which = int(along[1] < along[0])
    box = Box(center, axes if which else None, low[which], high[which])
    return box, float(along[which])


def _one_gaussian(data: Data) -> Mixture:
    """A Gaussian whose sums are those of all rows, about a place as near to them as is known."""
    d, part = data.n_features, data.resident
    mean = np.zeros(d)
    if part is not None:
        weight = part.sample_weight
        counted = part.rows if weight is None else part.rows[weight > 0]
        mean = counted[:ROWS_AT_ONCE].mean(axis=0, dtype=np.float64)
    return Mixture.from_covariances(np.ones(1), mean[np.newaxis], np.eye(d)[np.newaxis], "full")


class Ends:
    """The ends of the rows along the features and along other axes: an accumulator of a pass.

    Parameters
    ----------
    center : ndarray of shape (D,)
    axes : ndarray of shape (D, D)
    """

    def __init__(self, center: FloatArray, axes: FloatArray) -> None:
        self._center, self._axes = center, axes
        self._low = np.full((2, len(center)), np.inf)
        self._high = np.full((2, len(center)), -np.inf)

    def add(self, part: Part) -> None:
        """Take one more part."""
        for begin in range(0, len(part.rows), ROWS_AT_ONCE):
            rows = part.rows[begin : begin + ROWS_AT_ONCE]
            if part.sample_weight is not None:
                rows = rows[part.sample_weight[begin : begin + ROWS_AT_ONCE] > 0]
            if len(rows) == 0:
                continue
            about = rows - self._center
            for i, along in enumerate((about, about @ self._axes)):
                self._low[i] = np.minimum(self._low[i], along.min(axis=0))
                self._high[i] = np.maximum(self._high[i], along.max(axis=0))

    def statistics(self) -> tuple[FloatArray, FloatArray]:
        """(2, D) each: the lower and the upper ends."""
        return self._low, self._high

    def joined(
        self, sums: tuple[FloatArray, FloatArray], following: tuple[FloatArray, FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        """The ends of the rows of both."""
        return np.minimum(sums[0], following[0]), np.maximum(sums[1], following[1])
