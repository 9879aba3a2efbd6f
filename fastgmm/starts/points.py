"""The rows that starts are made from, and their assignment to centres.

Hard assignment is the E-step of a mixture whose components share a vanishing covariance (Bishop
2006, section 9.3.2), so that k-means and every assignment of a start are `expectation` with such a
mixture: there is no second E-step here.
"""

from collections.abc import Callable
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample, weight_of_row
from fastgmm.em.e_step import expectation
from fastgmm.em.regularization import Regularization
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture, n_parameters
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import CovarianceType, InitParams
from fastgmm.values import dataclass

if TYPE_CHECKING:
    from fastgmm.data.span import Span

SHARPNESS = 1e-10
"""The components of a hard assignment have this share of the columns' variance."""
ASSIGNED_ROWS = 10_000
"""The first M-step takes at least this many rows, or all where there are not twice as many: the
first pass of EM makes up for what their number leaves uncertain."""
ASSIGNED_ROWS_PER_PARAMETER = 20
"""The first M-step takes this many rows for each free parameter, where that is more."""
ASSIGNED_NUMBERS = 1 << 22
"""The rows of the first M-step hold at most this many numbers, 32 MB, if they are more rows than
`ASSIGNED_ROWS`."""
MOST_ROWS_IN_ONE = 1e100
"""A row counts for at most this many rows: more would let sums of squares overflow."""


@dataclass(frozen=True, eq=False)
class Points:
    """A few thousand float64 rows among which centres are found.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
    weight : ndarray of shape (n,)
        For how many rows each row counts.
    """

    rows: np.ndarray
    weight: np.ndarray

    def mean(self) -> np.ndarray:
        """(D,): the weighted mean of the rows."""
        return self._mean

    def deviations(self) -> np.ndarray:
        """(D,): deviations of the columns; 0 where a deviation is the rounding of a constant."""
        return self._deviations

    def odds(self) -> np.ndarray:
        """(n,): the weights as odds to be drawn, which sum to one."""
        return self._odds

    @lazy
    def _odds(self) -> np.ndarray:
        odds: np.ndarray = np.maximum(self.weight / self.weight.sum(), np.finfo(np.float64).tiny)
        return odds

    @lazy
    def _mean(self) -> np.ndarray:
        return np.average(self.rows, axis=0, weights=self.weight)

    def common_scale(self) -> np.ndarray:
        """(D,): the root of the columns' mean variance, repeated; one where nothing varies."""
        return self._common_scale

    @lazy
    def _common_scale(self) -> np.ndarray:
        deviations = self.deviations()
        common = float(np.sqrt((deviations**2).mean()))
        return np.full(len(deviations), common or 1.0)

    @lazy
    def _deviations(self) -> np.ndarray:
        deviations = np.sqrt(
            np.average((self.rows - self.mean()) ** 2, axis=0, weights=self.weight)
        )
        return np.where(
            deviations > 64 * np.finfo(np.float64).eps * np.abs(self.rows).max(axis=0),
            deviations,
            0.0,
        )


@dataclass(frozen=True, eq=False)
class Start:
    """The parameters of the constructor that matter to a start, and which start it is.

    Parameters
    ----------
    method : {"ward", "kmeans", "k-means++", "random", "random_from_data"}
    n_components : int
    covariance_type : str
    weights, means, precisions : ndarray, optional
        What the user gave, in place of what would be estimated.
    index : int
        The index of the start, below `n_init`.
    largest : int
        The most components among the fits that share one sample and a tree of it; 0: this fit is
        alone.
    n_init : int
        The number of starts that are compared.
    regularization : Regularization
        The ridge and the prior of the first M-step.
    frozen : tuple of str
        The parts that stay, for which the rest is estimated: from the rows nearest to each mean,
        whatever the method is, or else with the components in the order of the weights.
    """

    method: InitParams
    n_components: int
    covariance_type: CovarianceType
    weights: np.ndarray | None = None
    means: np.ndarray | None = None
    precisions: np.ndarray | None = None
    index: int = 0
    largest: int = 0
    n_init: int = 1
    regularization: Regularization = field(default_factory=Regularization)
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StartRows:
    """The rows of a start, and how it chooses among them."""

    sample: Sample
    start: Start
    n_threads: int | None
    seed: int = 0
    """What the random numbers of the start come from."""
    compiled: dict[int, Any] = field(default_factory=dict)
    """What the starts of one fit, one after the other, iterate with."""
    span: "Span | None" = None
    """Directions in which the mixtures are made; trees are made of the rows themselves."""
    over_all: Callable[[], Any] | None = None
    """What makes the compiled iterations of the fit itself, over all rows."""

    @lazy
    def within(self) -> "StartRows":
        """The same rows in the coordinates in which the mixtures are made."""
        if self.span is None:
            return self
        return replace(self, sample=self.span.within, span=None)

    @property
    def weight_in_rows(self) -> float:
        """The weight of the sample in rows; those beyond the sample are not known."""
        weight = self.sample.weight
        if weight is None:
            return float(self.n_counted)
        return float(weight.sum()) / weight_of_row(weight)

    @property
    def n_counted(self) -> int:
        """The number of rows of positive weight."""
        return len(self.sample.order)

    @property
    def n_rows(self) -> int:
        """The number of rows there are, of any weight; 0 where the sample is not all of them."""
        return len(self.sample.rows) if self.sample.whole else 0

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the rows: float32 or float64."""
        return self.sample.rows.dtype

    def subset(self, n: int) -> Points:
        """All rows of positive weight with weights, or n drawn rows: each start draws others."""
        if n >= self.n_counted:
            return self.points(n)
        return self._points(self.sample.drawn(n, self.start.index))

    def points(self, n: int) -> Points:
        """All rows of positive weight with weights, or n drawn rows: one copy for all starts."""
        n = min(n, self.n_counted)
        # All rows that count once are taken as they are.
        every = n == len(self.sample.rows) and self.sample.weight is None
        found: Points = self.sample.made.once(
            ("points", n), lambda: self._points(None if every else self.sample.drawn(n))
        )
        return found

    def _points(self, chosen: np.ndarray | None) -> Points:
        rows, weight = self.sample.rows, self.sample.weight
        if chosen is None:
            return Points(rows.astype(np.float64, copy=False), np.ones(len(rows)))
        rows = rows[chosen].astype(np.float64)
        if weight is None or len(chosen) < self.n_counted:
            return Points(rows, np.ones(len(rows)))
        weight = weight[chosen]
        return Points(rows, np.maximum(weight / unit_of(weight), np.finfo(np.float64).tiny))

    def assigned(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows of the first M-step, and their weights."""
        n = _assigned_rows(self.start, self.sample.rows.shape[1])
        return self.first(n, all_of=2 * n)

    def first(self, n: int, all_of: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows that every start of a fit has: n, or all if they are not more than `all_of`.

        Only all rows come with weights: those that were drawn have had theirs as odds.
        """
        if self.sample.whole and self.n_counted <= max(n, all_of):
            return self.sample.rows, self.sample.weight
        return self.sample.rows[self.sample.drawn(n)], None


def unit_of(weight: np.ndarray) -> float:
    """A row of this weight counts once among points."""
    return max(weight_of_row(weight), float(weight.max()) / MOST_ROWS_IN_ONE)


def sample_size(start: Start, n_features: int) -> int:
    """The number of rows that `initial_parameters` wants to choose from."""
    if start.method == "ward":
        return max(2 * ASSIGNED_ROWS, 4 * start.n_components)
    return 2 * _assigned_rows(start, n_features)


def _assigned_rows(start: Start, n_features: int) -> int:
    free = n_parameters(start.covariance_type, start.n_components, n_features)
    wanted = min(ASSIGNED_ROWS_PER_PARAMETER * free, ASSIGNED_NUMBERS // n_features)
    return max(ASSIGNED_ROWS, wanted)


def needs_sample(start: Start) -> bool:
    """Whether the user has left anything to estimate."""
    return start.weights is None or start.means is None or start.precisions is None


def assign(
    rows: np.ndarray,
    sample_weight: np.ndarray | None,
    centers: np.ndarray,
    scale: np.ndarray,
    start: Start,
    n_threads: int | None,
) -> SufficientStatistics:
    """The statistics of rows, each given to its nearest centre alone.

    Distances are in units of `scale` (D,) per column.
    """
    about = sharp(centers, scale, start.covariance_type, rows.dtype)
    data = RowData(rows, sample_weight, n_threads)
    return expectation(about, data, reg_covar=start.regularization.reg_covar)


def sharp(
    centers: np.ndarray, scale: np.ndarray, covariance_type: CovarianceType, dtype: np.dtype
) -> Mixture:
    """A mixture of equal weights around the centres whose covariances all but vanish."""
    model = model_of(covariance_type)
    least = model.form.least_deviation(float(np.finfo(dtype).tiny))
    deviations = np.maximum(scale * np.sqrt(SHARPNESS), least)
    shape, weights = model.shape(*centers.shape), np.full(len(centers), 1.0 / len(centers))
    factors, inverses = (
        np.broadcast_to(model.form.from_deviations(values), shape)
        for values in (deviations, 1.0 / deviations)
    )
    return Mixture(covariance_type, weights, centers, factors**2, factors, inverses, dtype)
