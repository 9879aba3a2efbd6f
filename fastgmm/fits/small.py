"""Whole fits of few rows, several data sets in one call, without Python in between.

Of a fit of 200 rows two thirds of the time were Python, which holds the interpreter, so that
threads gained nothing.  The kernel does what `fits.fit` does for the plain case, with the same
functions in the same order: the bits are the same.  A fit in which something has to be decided is
left undone, and the caller does it all again.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.types import model_of
from fastgmm.data.extent import Extent
from fastgmm.data.passes import Data
from fastgmm.data.rows import RowData
from fastgmm.data.sample import weight_of_row
from fastgmm.em.acceleration import GRID, PACE
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.regularization import Regularization
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stopping import Stopping
from fastgmm.em.stretch import AT_ONCE, LARGEST_COST, cost_of, limits_of
from fastgmm.em.trail import Moments, Trail
from fastgmm.fits.narrow import FEWEST_FEATURES
from fastgmm.fits.plan import Hooks, Plan
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import FIRST_STAGE, LEAD, effort_of, rows_needed
from fastgmm.starts.labels import PSEUDO_COUNTS
from fastgmm.starts.points import unit_of
from fastgmm.starts.trees import TREE_ROWS
from fastgmm.starts.ward import (
    ALIKE,
    CLEAR,
    MERGING_PASSES,
    ROWS_PER_FEATURE,
    TAIL,
    merged_clusters,
)
from fastgmm.threads import Cancelled, rows_per_block
from fastgmm.typing import Acceleration, CovarianceType, FloatArray
from fastgmm.values import dataclass

MOST_ROWS = TREE_ROWS
"""All rows are in every tree and in every comparison where they are at most so many."""
MOST_NUMBERS = 1 << 14
"""The covariances of all components hold at most this many numbers: the kernel keeps 14 mixtures,
5 MB then."""
MOST_ITERATIONS = 1000
"""The lower bounds of at most so many iterations are kept for each data set."""
MOST_IN_CALL = 1 << 30
"""The iterations of the data sets of one call take at most this many multiply-adds, some 0.3
seconds, unless it has one alone: between calls it is seen whether the fits are still wanted."""
FLOAT64 = np.dtype(np.float64)
"""The rows are of this dtype."""
FEWEST_ROWS = 64
"""A kernel has memory for this many rows, or twice, four times, ... as many, so that the next fit,
of a few rows more, can have the same."""
MOST_KEPT = 4
"""So many kernels are kept for the next fits."""
_KEPT: list[tuple["_Asked", Any]] = []
"""Kernels that no fit is using, each with what it was made for.  To make one, and to touch its
memory for the first time, took a tenth of a fit of 1,000 rows."""


def is_plain(plan: Plan) -> bool:
    """Whether a plan is one of those that the kernel can follow."""
    start, settings = plan.start, plan.settings
    model, regularizing = model_of(start.covariance_type), settings.regularizing
    given = any(one is not None for one in (start.weights, start.means, start.precisions))
    return (
        plan.warm is None
        and plan.trail is None
        and plan.sample is None
        and plan.family is MAXIMUM_LIKELIHOOD
        and start.method == "ward"
        and (start.n_init, start.index, start.largest) == (1, 0, 0)
        and not (given or start.frozen)
        and model.unrestricted
        and model.form.linear
        and regularizing.prior is None
        and not regularizing.needs_rows
        and settings.verbose == 0
        and 0 < settings.stopping.max_iter <= MOST_ITERATIONS
    )


class SmallFits:
    """Fits of few rows by one plan; what they work with is kept from call to call.

    Parameters
    ----------
    plan : Plan
        One that `is_plain`.
    n_features : int
    most_rows : int
        At most so many rows have a data set.
    """

    def __init__(self, plan: Plan, n_features: int, most_rows: int = MOST_ROWS) -> None:
        start, settings = plan.start, plan.settings
        self._type: CovarianceType = start.covariance_type
        self._sizes = k, d = start.n_components, n_features
        self._max_iter = settings.stopping.max_iter
        self._regularization = settings.regularizing.without_rows(n_features)
        _, n_passes = effort_of(self._type, k, d, most_rows)
        fits = d < FEWEST_FEATURES and k * (d + 1) ** 2 <= MOST_NUMBERS and n_passes > 0
        self._most_rows = min(most_rows, rows_per_block(k, d)) if fits else 0
        self._asked = _Asked(
            self._type,
            k,
            d,
            max(FEWEST_ROWS, 1 << (self._most_rows - 1).bit_length()),
            n_passes,
            float(self._regularization.reg_covar),
            settings.stopping,
            settings.acceleration,
        )

    def takes(self, data: Data) -> bool:
        """Whether the kernel may fit these data: plain rows, few of them, that all count."""
        if not isinstance(data, RowData) or data.gapped or data.labels is not None:
            return False
        rows, (k, d) = data.rows, self._sizes
        n = len(rows)
        if rows.dtype != FLOAT64 or rows.shape[1] != d or not k < n <= self._most_rows:
            return False
        if data.sample_weight is not None and (data.extent.n_counted < n or data.extent.exponent):
            return False
        return cost_of((n, d), self._type, k) <= LARGEST_COST

    def of(self, data_sets: Sequence[RowData], cancelled: Cancelled | None = None) -> "SmallRuns":
        """The runs of data sets that this takes; those are undone that were cancelled before."""
        m, (k, d), model = len(data_sets), self._sizes, model_of(self._type)
        shape = (m, *model.shape(k, d))
        mixtures = (
            np.empty((m, k)),
            np.empty((m, k, d)),
            np.empty(shape),
            np.empty(shape),
            np.empty(shape),
        )
        moments = np.empty((m, d)), np.empty((m, 1 if model.form.isotropic else d))
        ends = np.zeros((m, 7))
        bounds = np.empty((m, self._max_iter))
        compiled = _taken(self._asked) or kernels.SmallFits(*_arguments(self._asked))
        rows = [one.rows for one in data_sets]
        weights = [one.sample_weight for one in data_sets]
        weighed = np.array([_weighed(one) for one in data_sets])
        for part in self._calls(rows):
            if cancelled is not None and cancelled.is_set():
                break
            own, own_moments = (
                tuple(one[part] for one in arrays) for arrays in (mixtures, moments)
            )
            given = rows[part], weights[part], weighed[part]
            compiled.fit(*given, own, ends[part], own_moments, bounds[part])
        if len(_KEPT) < MOST_KEPT:
            _KEPT.append((self._asked, compiled))
        extents = [one.extent for one in data_sets]
        return SmallRuns(self._type, self._regularization, extents, mixtures, ends, moments, bounds)

    def _calls(self, rows: Sequence[np.ndarray]) -> Iterator[slice]:
        """Which of the data sets are fitted together."""
        begin, total = 0, 0
        for i, one in enumerate(rows):
            cost = self._max_iter * cost_of(one.shape, self._type, self._sizes[0])
            if total and total + cost > MOST_IN_CALL:
                yield slice(begin, i)
                begin, total = i, 0
            total += cost
        yield slice(begin, len(rows))


def _weighed(data: RowData) -> tuple[float, float, float, float, float]:
    """The numbers of the kernel's struct Weighed."""
    weight = data.sample_weight
    if weight is None:
        n = float(len(data.rows))
        return n, 1.0, 1.0, 1.0, n
    total, of_row = data.extent.weight, weight_of_row(weight)
    return total, min(1.0, data.extent.lightest), of_row, unit_of(weight), total / of_row


class _Asked(NamedTuple):
    """What a kernel is made for; those that are equal may do each other's work."""

    covariance_type: CovarianceType
    n_components: int
    n_features: int
    most_rows: int
    n_passes: int
    reg_covar: float
    stopping: Stopping
    acceleration: Acceleration | None


@lru_cache(64)
def _arguments(asked: _Asked) -> tuple[Any, ...]:
    """What the kernel is made with."""
    kind, k, d, most_rows, *_ = asked
    model, one_row = model_of(kind), Extent.of(1, None)
    regularization = Regularization.of(asked.reg_covar)
    rules = Rules(asked.stopping, regularization, asked.acceleration, dtype=FLOAT64)
    starting = (
        PSEUDO_COUNTS,
        CLEAR,
        TAIL,
        ALIKE,
        *merged_clusters(model.form.ndim == 2, d),
        MERGING_PASSES,
        ROWS_PER_FEATURE,
        rows_needed(model, d),
        FIRST_STAGE,
        asked.n_passes,
        LEAD,
    )
    return (
        (model.kernel, model.form.name, model.tied),
        k,
        d,
        most_rows,
        np.atleast_1d(regularization.ridge(model.form)),
        limits_of(one_row, FLOAT64, rules),
        rules.numbers(FLOAT64),
        PACE,
        GRID[FLOAT64],
        AT_ONCE // cost_of((most_rows, d), kind, k),
        np.array(starting, dtype=np.float64),
        asked.stopping.max_iter,
    )


def _taken(asked: _Asked) -> Any:
    """A kernel that was made for this, and is now the caller's alone; or None.

    Threads may ask at the same time.  One that was made for something else is dropped: the fits of
    a moment are most often alike.
    """
    while _KEPT:
        try:
            made_for, compiled = _KEPT.pop()
        except IndexError:  # another thread was faster
            return None
        if made_for == asked:
            return compiled
    return None


@dataclass(frozen=True, eq=False)
class SmallRuns:
    """The runs of several data sets, in arrays whose first axis is the data sets.

    Parameters
    ----------
    covariance_type : str
    regularization : Regularization
    extents : list of Extent
        The numbers and weights of the rows.
    mixtures : tuple of ndarray
        Weights, means, covariances, factors and inverse factors.
    ends : ndarray of shape (m, 7)
        The kernel's struct Ended: whether the fit was done, iterations, passes, whether the run has
        converged, lower bound, gap, noise.
    moments : tuple of ndarray
        The means and the variances of the rows.
    bounds : ndarray of shape (m, max_iter)
        The lower bounds of the iterations.
    """

    covariance_type: CovarianceType
    regularization: Regularization
    extents: list[Extent]
    mixtures: tuple[FloatArray, ...]
    ends: FloatArray
    moments: tuple[FloatArray, FloatArray]
    bounds: FloatArray

    def run(self, i: int) -> Run | None:
        """The run of one data set; None where the kernel has left it undone."""
        done, n_iter, n_passes, converged, lower_bound, gap, noise = self.ends[i].tolist()
        if not done:
            return None
        arrays = tuple(one[i, ...] for one in self.mixtures)
        mean, variances = (one[i] for one in self.moments)
        extent = self.extents[i]
        moments = Moments(extent.n_samples, extent.weight, mean, variances)
        return Run(
            Mixture.of_arrays(self.covariance_type, arrays, FLOAT64),
            lower_bound,
            int(n_iter),
            converged=bool(converged),
            lower_bounds=self.lower_bounds(i).tolist(),
            n_passes=int(n_passes),
            gap=gap,
            regularization=self.regularization,
            trail=Trail((), moments, self.regularization),
            noise=noise,
        )

    def lower_bounds(self, i: int) -> FloatArray:
        """The lower bounds of all iterations of one run."""
        return self.bounds[i, : int(self.ends[i, 1])]


class SmallFit(NamedTuple):
    """The fit of one of several data sets, of which the kernel has done all."""

    runs: SmallRuns
    place: int

    @property
    def run(self) -> Run:
        """Its run."""
        run = self.runs.run(self.place)
        assert run is not None
        return run

    @property
    def extent(self) -> Extent:
        """The number and weights of the rows."""
        return self.runs.extents[self.place]


def small_run(data: Data, plan: Plan, hooks: Hooks) -> Run | None:
    """The run of a fit, if the kernel can do all of it; None where it cannot."""
    watched = any(one is not None for one in (hooks.callback, hooks.checkpoint, hooks.after_pass))
    if watched or not isinstance(data, RowData) or len(data.rows) > MOST_ROWS:
        return None
    if not is_plain(plan):
        return None
    fits = SmallFits(plan, data.n_features, len(data.rows))
    return fits.of([data]).run(0) if fits.takes(data) else None
