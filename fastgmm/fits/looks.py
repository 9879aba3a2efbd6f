"""A stream looks again, now and then, whether another mixture describes its rows better.

Online EM goes uphill from where it began: of a component that straddles two clusters, or one that
a row far away has taken, it makes nothing better, and a sorted stream gives it one cluster after
the other.  From a sample of the rows two other mixtures are made: a fresh one, and the present one
after some passes.  On rows that neither was fitted to the three are compared, and the best goes on.
"""

import math
from dataclasses import replace

import numpy as np

from fastgmm.archive import checks
from fastgmm.data.rows import RowData
from fastgmm.em.run import Run
from fastgmm.em.stopping import Stopping
from fastgmm.errors import DataRangeError, IllDefinedCovarianceError
from fastgmm.fits.fit import fit
from fastgmm.fits.gaps import measured
from fastgmm.fits.influence import sound
from fastgmm.fits.plan import Plan
from fastgmm.mixture.density import log_density, responsibilities
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import Start
from fastgmm.values import dataclass

FRESH_ITERATIONS = 20
"""The fresh mixture has at most this many iterations."""
FURTHER_ITERATIONS = 10
"""The present mixture, and in the end the one that goes on, have at most this many."""
LEAST_GAIN = 0.01
"""Another mixture goes on only where it gains more than this, in nats per row."""
CERTAIN = 3.0
"""It must gain more than this many standard errors of the gain."""
PROBED_ROWS = 8
"""So many of the rows that wait are looked at before their batch is full."""
LEAST_SURPRISE = 0.05
"""Rows that lack less than this, in nats on average, of what they should have are no surprise."""
MOST_OF_ROW = 50.0
"""What one row says for or against a mixture counts for at most this, in nats."""
ROWS_PER_PARAMETER = 2
"""There is no look at a sample that counts for fewer rows per free parameter."""
SHORTEST, LONGEST = -4, 20
"""The pause until the next look is 2 to the power of a number from the first to the second, times
the weight of the rows that count."""
AWAKE = -2
"""A stream whose rows come in some order looks again when they have grown by a quarter."""
LEAST_UNBALANCED = 0.05
"""Batches whose components have other weights by less than this, in nats of relative entropy, are
of a stream in no order."""
MOST_IN_VAIN = 2
"""Surprises that were in vain this often make pauses no longer."""
FIRST = 1
"""The first look comes when the rows have grown to 1 + 2 to the power of this, times the first."""


@dataclass(frozen=True)
class Looks:
    """When a stream looks again, and what would make it do so earlier; a value.

    Parameters
    ----------
    last : float
        The weight of the rows learned from at the last look, or when the stream began: 0 or more.
    pause : int
        The logarithm of the pause after it, from `SHORTEST` to `LONGEST`.
    in_vain : int
        The number of looks in a row, 0 or more, that a surprise led to and that gained nothing.
    surprised : float
        The weight of the rows learned from when the last surprise came; -1 for none.
    level, spread : float
        Mean and deviation of `excess`, in nats, as they should be now; the mean is -inf where that
        is not known, and the deviation is 0 or more.
    """

    last: float
    pause: int = FIRST
    in_vain: int = 0
    surprised: float = -1.0
    level: float = -np.inf
    spread: float = 0.0

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of any stream."""
        checks.check_number("the last look", self.last, 0.0)
        checks.check_number("the pause of looks", self.pause, SHORTEST, LONGEST)
        checks.check_count("the looks in vain", self.in_vain)
        checks.check_number("the last surprise", self.surprised, -1.0)
        checks.check_log_density("the level of a stream", self.level)
        checks.check_number("the spread of a stream", self.spread, 0.0)

    @property
    def restless(self) -> bool:
        """Whether a look has gained something, or should have, not long ago."""
        return self.pause < 0

    def due(self, seen: float, horizon: float) -> bool:
        """Whether it is time, where so much weight was seen and the weight `horizon` counts."""
        return seen >= self.last + min(self.last, horizon) * 2.0**self.pause

    def is_surprised(self, mean: float, n: int) -> bool:
        """Whether the mean `excess` of n rows, in nats, is much lower than it should be."""
        return bool(mean < self.level - LEAST_SURPRISE - 4.0 * self.spread / n**0.5)

    def is_probed_surprise(
        self, mixture: Mixture, rows: np.ndarray, n_threads: int | None, gaps: bool = False
    ) -> bool:
        """Whether most of a few of these rows are nothing like those before."""
        few = np.ascontiguousarray(rows[:: max(1, len(rows) // PROBED_ROWS)][:PROBED_ROWS])
        off = np.sort(excess(mixture, few, n_threads, gaps))
        return bool(off[len(off) // 2] < self.level - 3.0 * self.spread)

    def after_surprise(self, seen: float, horizon: float, shortest: int) -> "Looks":
        """The next look comes soon, unless surprises were in vain before."""
        long_ago = seen - self.surprised > 2.0 ** (2 * MOST_IN_VAIN) * horizon
        in_vain = 0 if long_ago else self.in_vain
        # Where pauses grow with the rows, looks cost less and less in any case.
        later = 0 if shortest < 0 else 2 * min(in_vain, MOST_IN_VAIN)
        pause = min(self.pause, shortest + later)
        return replace(self, pause=pause, in_vain=in_vain, surprised=seen)

    def kept_awake(self) -> "Looks":
        """With a pause that grows no further while the rows come in some order."""
        return self if self.pause <= AWAKE else replace(self, pause=AWAKE)

    def after(self, seen: float, gained: bool, shortest: int) -> "Looks":
        """Where a look has gained something the next comes soon, else twice as late as this one."""
        if gained:
            return replace(self, last=seen, pause=shortest, in_vain=0)
        in_vain = self.in_vain + (self.surprised > self.last)
        return replace(self, last=seen, pause=min(self.pause + 1, LONGEST), in_vain=in_vain)

    def at_level(
        self,
        excess: np.ndarray,
        weight: np.ndarray | None,
        n_parameters: int,
        sampled: bool = False,
    ) -> "Looks":
        """With the level that the excesses (n,) of rows of these weights tell.

        So many parameters were fitted to the rows: others are described worse.  Where the rows are
        a sample of those that were fitted, their weights count the latter.
        """
        finite = np.isfinite(excess)
        if weight is not None:
            finite &= weight > 0
        if not finite.any():
            return replace(self, level=-np.inf, spread=0.0)
        known = excess[finite]
        counted = np.ones(len(known)) if weight is None else weight[finite]
        level = float(np.average(known, weights=counted))
        spread = float(np.average((known - level) ** 2, weights=counted) ** 0.5)
        n_effective = float(counted.sum() ** 2 / (counted**2).sum())
        if sampled:
            n_effective = max(n_effective, float(counted.sum()))
        return replace(self, level=level - n_parameters / n_effective, spread=spread)


def expected(mixture: Mixture) -> np.ndarray:
    """(K,): the mean log density, in nats, of rows that a component alone explains."""
    constants, d = mixture.constants, mixture.n_features
    of_own = constants.log_weights - constants.log_determinants
    own: np.ndarray = of_own - 0.5 * d * (1.0 + math.log(2.0 * math.pi))
    own = np.maximum(own, -1e6)  # a component of no weight has no rows either
    return own


def mean_excess(mixture: Mixture, of_batch: SufficientStatistics) -> float:
    """The mean `excess` of the rows of a batch, in nats, from its statistics."""
    held, background = of_batch.component_weight, mixture.constants.background
    own = float(held @ expected(mixture))
    if background > -np.inf:
        own += (of_batch.weight - float(held.sum())) * background
    return (of_batch.log_likelihood - own) / of_batch.weight


def imbalance(mixture: Mixture, of_batch: SufficientStatistics) -> float:
    """The relative entropy, in nats, of the weights that components have in a batch."""
    shares = of_batch.component_weight / of_batch.weight
    odds = np.maximum(shares, 1e-300) / np.maximum(mixture.weights, 1e-6)
    return float(shares @ np.log(odds))


def is_unbalanced(entropy: float, n_components: int, n: int) -> bool:
    """Whether an `imbalance` among n rows of a batch is more than chance explains.

    Twice n times the relative entropy is chi-squared with K - 1 degrees of freedom for rows in no
    order.
    """
    return entropy > LEAST_UNBALANCED + 2.0 * n_components / n


def density_of(
    mixture: Mixture, rows: np.ndarray, n_threads: int | None, gaps: bool = False
) -> np.ndarray:
    """(n,): float64 log densities of rows, in nats; `gaps` says whether numbers may be missing."""
    out = np.empty(len(rows), rows.dtype)
    return log_density(mixture, rows, out, n_threads, gaps=gaps).astype(np.float64)


def excess(
    mixture: Mixture, rows: np.ndarray, n_threads: int | None, gaps: bool = False
) -> np.ndarray:
    """(n,): by how much the log densities of rows exceed what their components lead to expect.

    In nats.  On average it tells whether the rows of a component lie about it as they should,
    however many of them each component has: blocks of sorted rows differ in that.
    """
    if gaps:
        return measured(mixture, rows, n_threads).excess
    odds = np.empty((len(rows), mixture.n_components), rows.dtype)
    responsibilities(mixture, rows, odds, n_threads)
    density = density_of(mixture, rows, n_threads)
    shares, background = odds.astype(np.float64), mixture.constants.background
    exceeds: np.ndarray = density - shares @ expected(mixture)
    if background > -np.inf:
        exceeds -= (1.0 - shares.sum(axis=1)) * background
    return exceeds


@dataclass(frozen=True, eq=False)
class Sampled:
    """What a stream's sample gives: rows, the weights they stand for, and random numbers.

    `gaps` says whether numbers of the rows may be missing.
    """

    rows: np.ndarray
    weight: np.ndarray
    random: np.ndarray
    gaps: bool = False

    @property
    def n_effective(self) -> float:
        """The number of rows of one weight that would say as much."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())

    def where(self, chosen: np.ndarray) -> "Sampled":
        """Those of the rows for which `chosen` (n,) says so."""
        return Sampled(self.rows[chosen], self.weight[chosen], self.random[chosen], self.gaps)


@dataclass(frozen=True, eq=False)
class Found:
    """What a look has found.

    Parameters
    ----------
    run : Run, optional
        The run of the mixture that goes on in place of the present one.
    excess, weight : ndarray of shape (n,)
        The `excess` of the rows of the sample under the one that goes on, and their weights.
    """

    run: Run | None
    excess: np.ndarray
    weight: np.ndarray


def rows_needed(mixture: Mixture) -> int:
    """The number of rows that a sample must count for, to say something of other mixtures."""
    return max(ROWS_PER_PARAMETER * mixture.n_parameters, 4 * mixture.n_components, 16)


def look(sampled: Sampled, present: Mixture, plan: Plan, n_threads: int | None) -> Found | None:
    """What a look at a sample finds; None where it is too small to tell anything."""
    kept = sampled.where(sound(sampled.rows, sampled.weight))
    if not len(kept.rows) or kept.n_effective < rows_needed(present):
        return None
    looking = _Looking(present, plan, n_threads)
    learning, judging = kept.where(kept.random < 0.5), kept.where(kept.random >= 0.5)
    if min(len(learning.rows), len(judging.rows)) < max(2, present.n_components):
        return None
    if kept.gaps and np.isnan(learning.rows).all(axis=0).any():
        return None
    fitted = [looking.run(learning, present, FURTHER_ITERATIONS)]
    if not plan.family.needs_previous:  # what it holds fast is in the present mixture alone
        fitted.append(looking.run(learning, None, FRESH_ITERATIONS))
    known, best = density_of(present, judging.rows, n_threads, kept.gaps), None
    # The present mixture has seen the rows that judge, which gains it one of these per parameter,
    # and the others will see all rows of the sample, and not a half.
    of_known = 1.0 / max(kept.n_effective, float(kept.weight.sum()))
    unseen = present.n_parameters * (of_known + 0.5 / kept.n_effective)
    highest = LEAST_GAIN
    for run in fitted:
        if run is None or run.mixture is None:
            continue
        reached = density_of(run.mixture, judging.rows, n_threads, kept.gaps)
        gain, error = _gain(reached - known, judging)
        gain += unseen
        if gain > max(highest, CERTAIN * error):
            best, highest = run, gain
    if best is not None:
        best = looking.run(kept, best.mixture, FURTHER_ITERATIONS) or best
    mixture = present if best is None or best.mixture is None else best.mixture
    return Found(best, excess(mixture, kept.rows, n_threads, kept.gaps), kept.weight)


def _gain(difference: np.ndarray, judging: Sampled) -> tuple[float, float]:
    """The mean gain per row, in nats, and its standard error."""
    clipped = np.clip(np.nan_to_num(difference, nan=0.0), -MOST_OF_ROW, MOST_OF_ROW)
    gain = float(np.average(clipped, weights=judging.weight))
    variance = float(np.average((clipped - gain) ** 2, weights=judging.weight))
    return gain, (variance / judging.n_effective) ** 0.5


@dataclass(frozen=True, eq=False)
class _Looking:
    """What the fits of one look share."""

    present: Mixture
    plan: Plan
    n_threads: int | None

    def run(self, sampled: Sampled, warm: Mixture | None, max_iter: int) -> Run | None:
        """A short run from a mixture or, without one, from a start; None where it fails."""
        k, kind = self.present.n_components, self.present.covariance_type
        given, weight = self.plan.settings, sampled.weight
        if given.regularizing.prior is None:
            weight = weight / weight.mean()  # of that weight collapse has its measure
        settings = replace(
            given,
            stopping=Stopping(1e-3, None, False, max_iter),
            regularizing=replace(given.regularizing, covariance_type=kind, n_components=k),
            acceleration=None,
            on_collapse="repair",
            verbose=0,
        )
        start = Start("ward", k, kind)
        plan = replace(self.plan, start=start, settings=settings, warm=warm, trail=None)
        try:
            data = RowData(sampled.rows, weight, self.n_threads, gapped=sampled.gaps)
            return fit(data, plan).run
        except (IllDefinedCovarianceError, DataRangeError):
            return None
