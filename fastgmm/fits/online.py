"""Online EM: a mixture that follows a stream, a step per own batch of rows.

Stepwise EM (Cappe and Moulines 2009; Liang and Klein 2009): what is known of the stream so far is
its sufficient statistics, and each batch moves them by a share rho towards its own.  Both are about
the same reference points, so that what batches differ by stays in the variances.  The statistics
are the state, and the mixture is what an M-step makes of them.
"""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.archive import checks
from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.rows import RowData
from fastgmm.em.e_step import EStep
from fastgmm.em.loop import Run
from fastgmm.em.m_step import LEAST_WEIGHT, MAXIMUM_LIKELIHOOD, Family
from fastgmm.em.regularization import Regularization
from fastgmm.errors import DataRangeError, IllDefinedCovarianceError
from fastgmm.fits.fit import Fit, fit
from fastgmm.fits.memory import Recent, RecentState, WaitingRows, check_waiting
from fastgmm.fits.plan import Plan
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics, reordered

FIRST_ROWS_PER_PARAMETER = 4
"""The first mixture of a stream is fitted to at least this many rows per free parameter, unless
`FIRST_NUMBERS` is less."""
FIRST_ROWS_PER_COMPONENT = 100
"""The first mixture of a stream is fitted to at least this many rows per component."""
FIRST_NUMBERS = 1 << 22
"""The rows that free parameters ask for in the first fit hold at most this many numbers: 32 MB."""
FEWEST_BATCH_ROWS = 64
"""An own batch has at least this many rows, where the half-life allows it."""
MOST_BATCH_ROWS = 4096
"""An own batch has at most this many rows."""
BATCH_SHARE = 8
"""An own batch is one part in this many of the rows seen: an M-step costs as much as some hundred
rows, and a step late in a stream is small in any case."""


@dataclass(frozen=True)
class Pace:
    """How fast old rows are forgotten.

    Parameters
    ----------
    half_life : float, optional
        The weight of newer rows after which a row counts for half; None: it never fades by age.
    learning_exponent : float
        The share of a batch is its share in the weight of all rows seen to the power of this.
    """

    half_life: float | None
    learning_exponent: float

    def share(self, batch: float, seen: float) -> float:
        """The share that a batch of the weight `batch` gets after rows of the weight `seen`."""
        share: float = (batch / (seen + batch)) ** self.learning_exponent
        if self.half_life is not None:
            share = max(share, -math.expm1(-math.log(2.0) * batch / self.half_life))
        return share

    def batch_rows(self, seen: float) -> int:
        """The number of rows of the next own batch, after rows of the weight `seen`."""
        n = min(max(FEWEST_BATCH_ROWS, seen / BATCH_SHARE), MOST_BATCH_ROWS)
        if self.half_life is not None:
            n = max(1.0, min(n, self.half_life / 4))
        return 1 << int(math.log2(n))


@dataclass(frozen=True, eq=False)
class Target:
    """The mixture that a stream is to be described by.

    Parameters
    ----------
    n_features : int
    dtype : numpy.dtype
        The dtype of the rows: float32 or float64.
    n_components : int
    covariance_type : str
    family : Family
    """

    n_features: int
    dtype: np.dtype
    n_components: int
    covariance_type: Any
    family: Family = MAXIMUM_LIKELIHOOD

    @property
    def first_rows(self) -> int:
        """The number of rows to which the first mixture is fitted."""
        k, d = self.n_components, self.n_features
        free = self.family.n_parameters(self.covariance_type, k, d)
        most = max(FIRST_NUMBERS // d, 2 * k)
        wanted = min(FIRST_ROWS_PER_PARAMETER * free, most)
        return max(2, FIRST_ROWS_PER_COMPONENT * k, wanted)


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of a stream so far; a step replaces it by another.

    Parameters
    ----------
    mixture : Mixture
    statistics : SufficientStatistics
        The statistics, of weight 1, of which the mixture is the M-step.
    regularization : Regularization
        That of the first fit; further steps use its ridge alone.
    seen : float
        The weight of the rows that the statistics stand for.
    """

    mixture: Mixture
    statistics: SufficientStatistics
    regularization: Regularization
    seen: float

    @classmethod
    def implied(
        cls, mixture: Mixture, regularization: Regularization, seen: float, family: Family
    ) -> "Learned":
        """What a mixture alone says of the rows that it was fitted to."""
        statistics = family.imply(mixture, Regularization(regularization.reg_covar))
        return cls(mixture, statistics, regularization, seen)

    def reordered(self, mixture: Mixture, order: NDArray[np.intp]) -> "Learned":
        """What is known, with the components in this order, as `mixture` has them already."""
        return replace(self, mixture=mixture, statistics=reordered(self.statistics, order))

    @lazy
    def ridge(self) -> Regularization:
        """The regularisation of steps: a prior counts once, in the first fit."""
        return Regularization(self.regularization.reg_covar)

    def with_reg_covar(self, reg_covar: float) -> "Learned":
        """What is known, with another ridge for the steps to come; itself where it is the same."""
        known = self.regularization.reg_covar
        if known.ndim == 0 and float(known) == reg_covar:
            return self
        ridge = np.asarray(reg_covar, dtype=np.float64)
        return replace(self, regularization=replace(self.regularization, reg_covar=ridge))


@dataclass(frozen=True, eq=False)
class LearnerState:
    """A `Learner` as it stands in files, but for the mixture and its regularisation.

    Parameters
    ----------
    statistics : SufficientStatistics, optional
        What was learned; None while the first rows are gathered.
    seen : float
        The weight of the rows learned from.
    waiting, waiting_weight : ndarray
        Rows that wait for their batch, and their weights.
    recent : RecentState
        The log densities of the last rows.
    n_samples, n_updates : int
        The numbers of rows taken and of steps done.
    first_rows : int
        The number of rows that the first fit waits for.
    seed : int
        The seed of the first fit.
    """

    statistics: SufficientStatistics | None
    seen: float
    waiting: np.ndarray
    waiting_weight: np.ndarray | None
    recent: RecentState
    n_samples: int
    n_updates: int
    first_rows: int
    seed: int

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of any stream."""
        check_waiting(self.waiting, self.waiting_weight)
        checks.check_number("the weight of the rows seen", self.seen, 0.0)
        for name in ("n_samples", "n_updates", "seed"):
            checks.check_count(name, getattr(self, name))
        checks.check_count("first_rows", self.first_rows, 2)


class Learner:
    """Online EM of one stream.

    Parameters
    ----------
    target : Target
    pace : Pace
    n_threads : int, optional
    seed : int
        The seed of the fit of the first rows.
    learned : Learned, optional
        What was learned before; None: the first rows are gathered and fitted.
    """

    def __init__(
        self,
        target: Target,
        pace: Pace,
        n_threads: int | None,
        seed: int = 0,
        learned: Learned | None = None,
    ) -> None:
        self.target, self.pace, self.n_threads = target, pace, n_threads
        self.seed, self.learned = seed, learned
        self.first_rows = target.first_rows
        # n_threads, half_life, learning_exponent and reg_covar of the estimator at the last look
        self.wishes: tuple[Any, ...] = (None, None, None, None)
        self.n_samples = 0
        self.n_updates = 0
        # The first rows wait here, and later those of the next own batch.
        self.waiting = WaitingRows(target.n_features, target.dtype)
        self.recent = Recent()

    @property
    def seen(self) -> float:
        """The weight of the rows learned from."""
        return 0.0 if self.learned is None else self.learned.seen

    def learn(self, rows: np.ndarray, weight: np.ndarray | None, plan: Plan | None) -> None:
        """Take the next rows of the stream, all of them checked.

        The plan is that of the first fit, which a learner that has learned something needs not.
        Where that fit raises an error, these rows were never here.
        """
        n_samples, n_waiting = self.n_samples, self.waiting.n
        try:
            self._take(rows, weight, plan)
        except BaseException:
            if self.learned is None:
                self.n_samples = n_samples
                self.waiting.cut(n_waiting)
            raise

    def _take(self, rows: np.ndarray, weight: np.ndarray | None, plan: Plan | None) -> None:
        self.n_samples += len(rows)
        begin = 0
        while begin < len(rows):
            wanted = self._wanted()
            # A setting that has changed may want fewer rows than are waiting already.
            end = min(len(rows), begin + max(wanted - self.waiting.n, 0))
            part, of_part = rows[begin:end], None if weight is None else weight[begin:end]
            begin = end
            if self.waiting.n == 0 and len(part) == wanted and self.learned is not None:
                self._update(part, of_part)  # a whole batch needs no copy
                continue
            self.waiting.append(part, of_part)
            if self.waiting.n < wanted:
                return
            if self.learned is None:
                assert plan is not None
                self._begin(plan)
            else:
                self._update(*self.waiting.held())
                self.waiting.clear()

    def _wanted(self) -> int:
        return self.first_rows if self.learned is None else self.pace.batch_rows(self.learned.seen)

    def _begin(self, plan: Plan) -> None:
        """Fit the first rows; more are gathered where they do not determine a mixture."""
        rows, weight = self.waiting.held()
        first = self.first_fit(plan)
        if first is None:
            self.first_rows *= 2
            return
        mixture, dtype = first.run.mixture, self.target.dtype
        assert mixture is not None
        extent = Extent().plus(len(rows), weight)
        log_density = np.empty(len(rows), dtype)
        mixture.packed(dtype).log_density(rows, log_density)
        self.recent.add(log_density.astype(np.float64), 0.0)
        self.follow(first.run, extent.weight)
        self.n_updates = 1
        self.waiting.clear()

    def follow(self, run: Run, seen: float) -> None:
        """Go on from what a fit has found."""
        assert run.mixture is not None
        self.learned = Learned.implied(run.mixture, run.regularization, seen, self.target.family)

    def first_fit(self, plan: Plan) -> Fit | None:
        """A fit of the rows gathered so far; None where they are too few or too alike."""
        rows, weight = self.waiting.held()
        counted = len(rows) if weight is None else int(np.count_nonzero(weight))
        if counted < max(2, self.target.n_components):
            return None
        data = RowData(rows.copy(), weight, self.n_threads)
        try:
            return fit(data, replace(plan, seed=self.seed, family=self.target.family))
        except IllDefinedCovarianceError:
            return None

    def _update(self, rows: np.ndarray, weight: np.ndarray | None) -> None:
        """Do one step: what is known and what the batch says are added, in their shares."""
        learned, target = self.learned, self.target
        assert learned is not None
        extent = Extent().plus(len(rows), weight)
        if extent.n_counted == 0:
            return
        log_density = np.empty(len(rows), target.dtype)
        e_step = EStep(learned.mixture, extent, target.dtype, self.n_threads)
        e_step.add(Part(np.ascontiguousarray(rows), weight), log_density)
        of_batch = e_step.statistics()
        share = self.pace.share(extent.weight, learned.seen)
        mixture, statistics = learned.mixture, blend(learned.statistics, of_batch, share)
        if np.isfinite(of_batch.log_likelihood) and np.isfinite(statistics.second_moment).all():
            # Where the batch would leave a singular covariance, or numbers without end, all stays.
            with suppress(IllDefinedCovarianceError, DataRangeError):
                mixture = target.family.maximize(statistics, learned.ridge, learned.mixture)
        if mixture is learned.mixture:
            statistics = learned.statistics
        self.recent.add(log_density.astype(np.float64), learned.seen)
        self.learned = Learned(
            mixture, statistics, learned.regularization, learned.seen + extent.weight
        )
        self.n_updates += 1

    # ------------------------------------------------------------------ files

    def state(self) -> LearnerState:
        """The learner as a value, for files."""
        rows, weight = self.waiting.held()
        return LearnerState(
            None if self.learned is None else self.learned.statistics,
            self.seen,
            rows.copy(),
            None if weight is None else weight.copy(),
            self.recent.state(),
            self.n_samples,
            self.n_updates,
            self.first_rows,
            self.seed,
        )

    def take(self, state: LearnerState) -> None:
        """Become the learner that `state` has described; what it had learned is here already."""
        self.n_samples, self.n_updates = state.n_samples, state.n_updates
        self.first_rows, self.recent = state.first_rows, Recent.of(state.recent)
        self.waiting.append(state.waiting, state.waiting_weight)


def blend(
    known: SufficientStatistics, of_batch: SufficientStatistics, share: float
) -> SufficientStatistics:
    """Statistics of weight 1: those that are known and those of a batch, in their shares.

    Both are about the reference of the batch, the last means as the rows' dtype rounds them.  A
    component that sees no rows keeps `LEAST_WEIGHT`, and with it its shape.
    """
    known = _alive(known)
    first, second = known.about(of_batch.reference)
    rest, gain = 1.0 - share, share / of_batch.weight
    return SufficientStatistics(
        covariance_type=known.covariance_type,
        reference=of_batch.reference,
        component_weight=rest * known.component_weight + gain * of_batch.component_weight,
        first_moment=rest * first + gain * of_batch.first_moment,
        second_moment=rest * second + gain * of_batch.second_moment,
        n_samples=of_batch.n_samples,
        weight=1.0,
        log_likelihood=of_batch.log_likelihood,
        dtype=known.dtype,
    )


def _alive(known: SufficientStatistics) -> SufficientStatistics:
    """The same with at least `LEAST_WEIGHT` in each component, which keeps its mean and shape.

    A component of no weight at all has no sums that could grow with it: it gets the weight alone,
    since one whose log weight is minus infinity would never see a row again.
    """
    weight = known.component_weight
    if weight.min() >= LEAST_WEIGHT:
        return known
    raised = np.maximum(LEAST_WEIGHT / np.maximum(weight, np.finfo(np.float64).tiny), 1.0)
    second = known.second_moment
    if not known.covariance_model.tied:
        second = known.covariance_model.weighted(second, raised)
    return replace(
        known,
        component_weight=np.maximum(weight * raised, LEAST_WEIGHT),
        first_moment=known.first_moment * raised[:, None],
        second_moment=second,
    )
