"""A part of a run of EM over few rows, in compiled code: a stretch.

The compiled loop does what `em.loop` does, with the same kernels in the same order: the bits are
the same.  It ends before an iteration in which something may happen that has to be decided.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fastgmm import kernels
from fastgmm.covariance.estimate import LARGEST, PIVOT_ROUNDING
from fastgmm.covariance.types import model_of
from fastgmm.data.extent import Extent
from fastgmm.data.parts import COMPLETE, Part
from fastgmm.data.passes import Data
from fastgmm.em.acceleration import GRID, MEMORY, PACE, Search
from fastgmm.em.collapse import FLOOR_SHARE, LONGEST, Repair
from fastgmm.em.e_step import NEGLIGIBLE, expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.precision import EPSILON, SINGLE, most_noise
from fastgmm.em.regularization import Regularization
from fastgmm.em.relative_frame import arrays_of
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stopping import NOISE_WINDOW, Stopping
from fastgmm.em.trail import Moments, Trail
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import CANCELLATION, SufficientStatistics
from fastgmm.threads import rows_per_block
from fastgmm.typing import CovarianceType, FloatArray

AT_ONCE = 1 << 26
"""Between looks whether the user wants to interrupt, iterations cost at most this together, some 20
milliseconds."""
LARGEST_COST = 1 << 25
"""An iteration that costs more, some ten milliseconds, gains nothing by a stretch."""
COST_OF_PAIR = 20
"""The exponential of a row and component costs as much as this many multiply-adds."""


class Spares:
    """What compiled iterations work with, kept for other rows of fits by the same rules.

    To make it takes longer than a run over a few hundred rows.
    """

    def __init__(self) -> None:
        self._free: dict[Any, list[Any]] = {}

    def take(self, key: Any) -> Any:
        """One that is now the caller's alone, or None; threads may ask at the same time."""
        try:
            return self._free[key].pop()
        except (KeyError, IndexError):
            return None

    def put(self, key: Any, compiled: Any) -> None:
        """Keep one for the next caller."""
        self._free.setdefault(key, []).append(compiled)


class Stretches:
    """Compiled iterations over the same rows.

    Parameters
    ----------
    part : Part
        One block of rows.
    extent : Extent
        The number and weights of the rows.
    covariance_type : str
    n_components : int
    rules : Rules
        Those of the run; they have no prior.
    spares : Spares, optional
        Of fits by the same rules, and of the same covariance type and number of components.
    """

    def __init__(
        self,
        part: Part,
        extent: Extent,
        covariance_type: CovarianceType,
        n_components: int,
        rules: Rules,
        spares: Spares | None = None,
    ) -> None:
        rows, self._rules, self._extent = part.rows, rules, extent
        self._type, self._dtype = covariance_type, rows.dtype
        self._model = model = model_of(covariance_type)
        self._sizes, self._noise = (n_components, rows.shape[1]), rules.family.noise
        self._last: Run | None = None  # to which the compiled iterations have led
        limits = limits_of(extent, rows.dtype, rules)
        at_once = AT_ONCE // cost_of(rows.shape, covariance_type, n_components)
        ridge = np.atleast_1d(rules.regularization.ridge(model.form))
        volume = np.nan if self._noise is None else self._noise.log_volume
        self._key, self._spares = (rows.dtype, rows.shape[1], ridge.tobytes(), volume), spares
        kept = None if spares is None else spares.take(self._key)
        if kept is not None:
            self._compiled = kept
            kept.take_rows(rows, part.sample_weight, limits, at_once)
            return
        self._compiled = kernels.stretches[rows.dtype](
            (model.kernel, model.form.name, model.tied),
            n_components,
            rows,
            part.sample_weight,
            ridge,
            limits,
            rules.numbers(rows.dtype),
            PACE,
            GRID[rows.dtype],
            at_once,
            volume,
        )

    def end(self) -> None:
        """Leave what this has worked with to others: nothing is asked of it any more."""
        if self._spares is not None:
            self._spares.put(self._key, self._compiled)
        del self._compiled

    def hold(self, held: np.ndarray) -> None:
        """Take it for known which components, (K,) uint8, have collapsed: they end no stretch."""
        self._compiled.hold(held)

    @property
    def n_components(self) -> int:
        """The number of components, K."""
        return self._sizes[0]

    def take(self, mixture: Mixture | None) -> bool:
        """Whether a mixture has the features of these rows; in compiled hands it has."""
        return mixture is None or mixture.means.shape == self._sizes

    def gone_on(
        self, run: Run, repairs: tuple[Repair, ...], most: int, whole: bool = True
    ) -> Run | None:
        """The run until it ends, or to where the loop has to go on; None where it does not move.

        It makes at most `most` iterations.  Without `whole` it has no mixture and no search, which
        stay in compiled hands: see `whole`.
        """
        if run.search is not None and self._rules.acceleration is None:
            return None
        compiled = self._compiled
        if run is not self._last:
            self._begin(run)
        n_passes = compiled.n_passes
        bounds = self._iterations(min(self._rules.stopping.max_iter - run.n_iter, most))
        if not bounds:
            return None
        ended = compiled.converged or compiled.noise > 0.0
        mixture, ahead, search = self._led_to() if whole or ended else (None, None, None)
        self._last = Run(
            mixture,
            bounds[-1],
            run.n_iter + len(bounds),
            compiled.converged,
            lower_bounds=[*run.lower_bounds, *bounds],
            n_passes=run.n_passes + compiled.n_passes - n_passes,
            gap=compiled.gap,
            repairs=repairs,
            ahead=ahead,
            search=search,
            regularization=run.regularization,
            trail=run.trail or self._trail(),
            noise=compiled.noise,
        )
        return self._last

    def whole(self, run: Run) -> Run:
        """The run that `gone_on` has returned last, with its mixture and its search."""
        if run.mixture is not None or run.failure is not None:
            return run
        mixture, ahead, search = self._led_to()
        return replace(run, mixture=mixture, ahead=ahead, search=search)

    def _led_to(self) -> tuple[Mixture, Mixture | None, Search | None]:
        """The mixture, the one ahead of it and the search that the iterations have led to."""
        compiled = self._compiled
        mixture = self._mixture(ahead=False)
        if compiled.converged or compiled.noise > 0.0:
            return mixture, None, None
        ahead = self._mixture(ahead=True) if compiled.is_ahead else None
        return mixture, ahead, self._search() if compiled.searching else None

    def _begin(self, run: Run) -> None:
        assert run.mixture is not None
        ahead = None if run.ahead is None else arrays_of(run.ahead)
        trace = run.recent(2 * NOISE_WINDOW)
        self._compiled.begin(arrays_of(run.mixture), ahead, run.search, trace)

    def compared(
        self, mixtures: Sequence[Mixture], passes: Sequence[int], needed: float, n_rows: float
    ) -> "list[Reached]":
        """What some passes make of each mixture: see `FixedIterations.go_on`.

        Passes are left, and the promise is NaN, where the loop must go on.
        """
        self._last = None
        ends = [self._arrays() for _ in mixtures]
        standings = np.array([(left, np.nan, np.nan) for left in passes])
        begins = [arrays_of(one) for one in mixtures]
        self._compiled.compare(begins, ends, standings, needed, n_rows, most_noise(0.0))
        found = []
        for arrays, (left, promise, weak) in zip(ends, standings.tolist(), strict=True):
            known = None if weak != weak else weak > 0.0
            reached = Mixture.of_arrays(self._type, arrays, self._dtype)
            found.append(Reached(reached, promise, known, int(left)))
        return found

    def _iterations(self, n: int) -> list[float]:
        """The lower bounds of up to n iterations."""
        compiled = self._compiled
        bounds, event = compiled.run(n)
        while not (event or compiled.converged or compiled.noise > 0.0 or len(bounds) == n):
            more, event = compiled.run(n - len(bounds))
            bounds += more
        found: list[float] = bounds
        return found

    def _arrays(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Arrays for a mixture."""
        k, d = self._sizes
        shape = self._model.shape(k, d)
        weights = np.empty(k if self._noise is None else k + 1)
        return weights, np.empty((k, d)), np.empty(shape), np.empty(shape), np.empty(shape)

    def _mixture(self, *, ahead: bool) -> Mixture:
        arrays = self._arrays()
        self._compiled.mixture(ahead, arrays)
        return Mixture.of_arrays(self._type, arrays, self._dtype, self._noise)

    def _search(self) -> Search:
        vectors = np.empty((2 * MEMORY + 3, self._compiled.n_coordinates))
        held = np.empty(() if self._model.tied else self._sizes[:1])
        n, by_em, *numbers = self._compiled.search_state(vectors, held)
        search = Search(self._rules.regularization, self._extent.weight)
        search.steps, search.changes = list(vectors[:n]), list(vectors[n : 2 * n])
        search.gradient, search.em_step, tried = vectors[2 * n : 2 * n + 3]
        search.step, search.held = search.em_step if by_em else tried, held
        search.radius, search.value, search.gap, search.failures, search.falls = numbers
        return search

    def _trail(self) -> Trail | None:
        """The trail of a run that has begun here."""
        d = self._sizes[1]
        mean, variances = np.empty(d), np.empty(1 if self._model.form.isotropic else d)
        if not self._compiled.moments(mean, variances):
            return None
        moments = Moments(self._extent.n_samples, self._extent.weight, mean, variances)
        return Trail((), moments, self._rules.regularization)


def limits_of(extent: Extent, dtype: np.dtype, rules: Rules) -> FloatArray:
    """The numbers of the kernels' struct Limits, for rows of an extent and a dtype."""
    return np.array(
        (
            extent.weight,
            min(1.0, extent.lightest),
            NEGLIGIBLE if kernels.SKIP else -1.0,
            min(1.0, extent.weight / max(extent.n_counted, 1)),
            FLOOR_SHARE,
            PIVOT_ROUNDING,
            CANCELLATION,
            LARGEST[dtype],
            EPSILON if dtype == SINGLE else 0.0,
            most_noise(rules.stopping.target),
        )
    )


def cost_of(shape: tuple[int, ...], covariance_type: str, n_components: int) -> int:
    """The multiply-adds that an iteration over rows of a shape (n, D) takes, roughly."""
    (n, d), form = shape, model_of(covariance_type).form
    of_factors = d**3 if form.ndim == 2 else d
    return n_components * (n * (form.row_cost(d) + COST_OF_PAIR) + of_factors)


def stretches_over(
    data: Data,
    covariance_type: CovarianceType,
    n_components: int,
    rules: Rules,
    spares: Spares | None = None,
) -> Stretches | None:
    """Compiled iterations over data; None where only the loop can do them, or does as well.

    Whether there are any depends on data and rules alone, and not on the number of threads.
    """
    part, extent, model = data.resident, data.extent, model_of(covariance_type)
    if part is None or part.kind is not COMPLETE or extent.exponent:
        return None
    known = rules.family is MAXIMUM_LIKELIHOOD or rules.family.noise is not None
    if not known or rules.regularization.prior is not None:
        return None
    n, d = part.rows.shape
    cost = cost_of(part.rows.shape, covariance_type, n_components)
    if not model.unrestricted or n > rows_per_block(n_components, d) or cost > LARGEST_COST:
        return None
    return Stretches(part, extent, covariance_type, n_components, rules, spares)


class Reached(NamedTuple):
    """What some passes have made of a mixture.

    Parameters
    ----------
    mixture : Mixture
    promise : float
        The mean log density of the rows under it, in nats; -inf where a covariance was singular,
        NaN where it is not known.
    weak : bool, optional
        Whether a component has fewer rows than it needs; None: it has not, but may have no volume.
    left : int
        The number of passes that are left.
    """

    mixture: Mixture
    promise: float = np.nan
    weak: bool | None = None
    left: int = 0


class FixedIterations:
    """EM over the same rows for a given number of iterations: no rule ends it, nothing is repaired.

    Parameters
    ----------
    data : Data
    covariance_type : str
    n_components : int
    regularization : Regularization
    stretches : Stretches, optional
        Compiled iterations over the same rows, by the same ridge, where there are some already.
    """

    def __init__(
        self,
        data: Data,
        covariance_type: CovarianceType,
        n_components: int,
        regularization: Regularization,
        stretches: Stretches | None = None,
    ) -> None:
        self._data, self._regularization = data, regularization
        if stretches is None:
            rules = Rules(Stopping(0.0, None, both=False, max_iter=LONGEST), regularization)
            stretches = stretches_over(data, covariance_type, n_components, rules)
        self._stretches = stretches

    def go_on(
        self, mixtures: Sequence[Mixture], passes: Sequence[int], needed: float, n_rows: float
    ) -> "list[Reached]":
        """What so many passes of EM make of each of some mixtures.

        A component with fewer rows than `needed` is weak; all rows weigh as much as `n_rows`.
        """
        if self._stretches is None:
            found = [Reached(one, left=left) for one, left in zip(mixtures, passes, strict=True)]
        else:
            found = self._stretches.compared(mixtures, passes, needed, n_rows)
        return [
            one if np.isfinite(one.promise) else self._ended(one, needed, n_rows) for one in found
        ]

    def _ended(self, reached: "Reached", needed: float, n_rows: float) -> "Reached":
        """The same after one pass of the loop, and those that are left then."""
        mixture = reached.mixture
        try:
            sums = self._sums(mixture)
            if reached.left == 0:
                return reached._replace(promise=sums.log_likelihood / sums.weight)
            mixture = MAXIMUM_LIKELIHOOD.maximize(sums, self._regularization, mixture)
        except IllDefinedCovarianceError:
            return Reached(mixture, -np.inf, True)
        return self.go_on([mixture], [reached.left - 1], needed, n_rows)[0]

    def _sums(self, mixture: Mixture) -> SufficientStatistics:
        return expectation(mixture, self._data, reg_covar=self._regularization.reg_covar)
