"""A bounded sample of the rows of a stream, in which older rows count less, with their weights.

It is a priority sample (Duffield, Lund and Thorup 2007).  A row of the weight w, where u is a
random number between 0 and 1, has the priority w / u; the rows of the highest priorities are kept,
and each stands for the larger one of its weight and the highest priority that was not kept.  Sums
over the sample are unbiased then.  Weights fade by the clock: instead of all old ones becoming
less, new ones become more, and everything is a logarithm.
"""

import math

import numpy as np

from fastgmm import kernels
from fastgmm.archive import checks
from fastgmm.fits.memory import Grown
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.sampling import draw
from fastgmm.values import dataclass

FEWEST_ROWS = 4096
"""The sample has room for at least this many rows."""
MOST_ROWS = 8192
"""The sample has room for at most this many rows."""
ROWS_PER_PARAMETER = 16
"""The sample has room for this many rows for each free parameter, where that is between the two."""
GOLDEN = 0x9E3779B1
"""Multiples of this are spread evenly over the numbers of 32 bits."""
MOST_NUMBERS = 1 << 20
"""The rows of the sample hold at most this many numbers: 8 MB."""


@dataclass(frozen=True, eq=False)
class ReservoirState:
    """A `Reservoir` as it stands in files.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
        The rows of the sample, of the dtype of the stream; n is at most twice the room of
        `capacity`.
    log_weight : ndarray of shape (n,)
        The logarithms of their weights, by the clock at which they came: finite.
    priority : ndarray of shape (n,)
        The logarithms of their priorities, none of them below that of the weight.
    threshold : float
        The logarithm of the highest priority that was not kept; -inf where all were.
    clock : float
        The logarithm by which a new row counts more than one of the beginning: 0 or more.
    n_offered : int
        The number of rows that were offered: 0 or more.
    """

    rows: np.ndarray
    log_weight: np.ndarray
    priority: np.ndarray
    threshold: float
    clock: float
    n_offered: int

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of any sample."""
        (n, d) = checks.check_shape("the sample of a stream", self.rows, (None, None))
        if d < 1:
            raise ValueError("the sample of a stream must have features")
        checks.check_rows("the sample of a stream", self.rows, (n, d))
        checks.check_array("the weights of the sample", self.log_weight, (n,))
        checks.check_array("the priorities of the sample", self.priority, (n,))
        if (self.priority < self.log_weight).any():
            raise ValueError("no row of a sample has a priority below its weight")
        checks.check_log_density("the threshold of the sample", self.threshold)
        checks.check_number("the clock of the sample", self.clock, 0.0)
        checks.check_count("the rows offered", self.n_offered)


class Reservoir:
    """The sample, as a value: to offer rows makes another one.

    Parameters
    ----------
    held : Grown
        Rows, logarithms of their weights, and of their priorities.
    threshold, clock, n_offered
        As in `ReservoirState`.
    """

    def __init__(self, held: Grown, threshold: float, clock: float, n_offered: int) -> None:
        self._held, self._threshold, self._clock = held, threshold, clock
        self._n_offered = n_offered

    @classmethod
    def empty(cls, n_features: int, dtype: np.dtype) -> "Reservoir":
        """The sample of no rows."""
        held = Grown.of(np.empty((0, n_features), dtype), np.empty(0), np.empty(0))
        return cls(held, -math.inf, 0.0, 0)

    @classmethod
    def of_mixture(cls, mixture: Mixture, weight: float, seed: int) -> "Reservoir":
        """What stands for rows of which a mixture is all that is known: rows drawn from it."""
        n = capacity(mixture) // 2
        generator = np.random.default_rng([seed, 0, 1])
        rows = draw(mixture.drawable, n, generator)[0].astype(mixture.dtype)
        log_weight = np.full(n, math.log(max(weight, 1e-300) / n))
        priority = log_weight - np.log1p(-generator.random(n))
        return cls(Grown.of(rows, log_weight, priority), -math.inf, 0.0, 0)

    def plus(
        self,
        rows: np.ndarray,
        weight: np.ndarray | None,
        half_life: float | None,
        seed: int,
        size: int,
    ) -> "Reservoir":
        """The sample of these rows as well; `size` is its room."""
        n, held, threshold, clock = len(rows), self._held, self._threshold, self._clock
        if weight is None and half_life is None:
            entering, u = _entering(seed, self._n_offered, n, clock - threshold)
            log_weight = np.full(len(entering), clock)
            priority = log_weight - np.log(u)
        else:
            rate = 0.0 if half_life is None else math.log(2.0) / half_life
            passed = np.arange(1.0, n + 1.0) if weight is None else np.cumsum(weight)
            heaviest = 0.0 if weight is None else math.log(max(float(weight.max()), 1e-300))
            begun, clock = clock, clock + rate * float(passed[-1])
            # No row has a larger weight, and its priority is that over its random number.
            share = math.exp(min(0.0, clock + heaviest - threshold)) + 1e-6
            entering, bits = _small(seed, self._n_offered, range(n), share)
            log_weight = begun + rate * passed[entering]
            if weight is not None:
                with np.errstate(divide="ignore"):
                    log_weight += np.log(weight[entering])
            priority = log_weight - np.log((bits + 0.5) * 2.0**-32)
            above = priority > threshold
            if not above.all():
                entering, log_weight = entering[above], log_weight[above]
                priority = priority[above]
        if len(entering):
            entered = rows if len(entering) == n else rows[entering]
            held = held.plus(entered, log_weight, priority)
        if held.n > 2 * size:
            held, threshold = _pruned(held, size)
        return Reservoir(held, threshold, clock, self._n_offered + n)

    def rows(self, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, the weights that they stand for, and a random number between 0 and 1 for each.

        Where weights fade, those that are next to nothing beside the largest are left out.
        """
        held, threshold = self._held, self._threshold
        if held.n > size:
            held, threshold = _pruned(held, size)
        rows, log_weight, priority = held.held()
        weight = np.exp(np.maximum(log_weight, threshold) - self._clock)
        counted = weight > 1e-6 * weight.max(initial=0.0)
        # The digits behind those that decide who is kept are as good as random.
        random = np.modf(np.abs(priority) * 1e6)[0]
        return rows[counted], weight[counted], random[counted]

    def state(self) -> ReservoirState:
        """The sample as a file holds it."""
        rows, log_weight, priority = (array.copy() for array in self._held.held())
        return ReservoirState(
            rows, log_weight, priority, self._threshold, self._clock, self._n_offered
        )

    @classmethod
    def of(cls, state: ReservoirState) -> "Reservoir":
        """The sample that `state` has described."""
        held = Grown.of(state.rows, state.log_weight, state.priority)
        return cls(held, state.threshold, state.clock, state.n_offered)


def capacity(mixture: Mixture) -> int:
    """The room of the sample for a stream that is described by such a mixture."""
    wanted = min(max(FEWEST_ROWS, ROWS_PER_PARAMETER * mixture.n_parameters), MOST_ROWS)
    return min(wanted, max(MOST_NUMBERS // mixture.n_features, 64))


def _pruned(held: Grown, size: int) -> tuple[Grown, float]:
    """The rows of the highest priorities, in their order, and the highest one that is not kept."""
    rows, log_weight, priority = held.held()
    order = np.argpartition(-priority, size)
    kept = np.sort(order[:size])
    return Grown.of(rows[kept], log_weight[kept], priority[kept]), float(priority[order[size]])


def _entering(seed: int, begin: int, n: int, log_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Which of n rows of equal weights enter, with random numbers up to the share that enters.

    Where that is small, the rows of small numbers are found by looking at some of the rows: every
    so many, from a random one on.
    """
    share, step, first = math.exp(min(0.0, log_share)), 1, 0
    if share == 0.0:  # no row is as rare as that
        return np.empty(0, dtype=np.intp), np.empty(0)
    if share < 0.25:
        step = min(1 << int(math.log2(0.5 / share)), n)
        first = _bits_of(seed, ~begin) % step
    found, bits = _small(seed, begin, range(first, n, step), share * step)
    return found, (bits + 0.5) * (2.0**-32 / step)


def _small(seed: int, begin: int, asked: range, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Which of the asked rows have random numbers up to this share of all, and their 32 bits.

    The rows are counted from number `begin` on.
    """
    index, bits = np.empty(len(asked), np.int64), np.empty(len(asked), np.uint32)
    limit = int(min(share * 2.0**32, 2.0**32 - 1))
    number = (begin + seed + 1) & 0xFFFFFFFF
    n = kernels.small_bits(number, asked.stop, asked.start, asked.step, limit, index, bits)
    return index[:n], bits[:n]


def _bits_of(seed: int, number: int) -> int:
    """The 32 random bits of one row, as the kernel mixes them: no state goes on from row to row."""
    bits = (number + seed + 1) * GOLDEN & 0xFFFFFFFF
    bits = (bits ^ bits >> 15) * 0x85EBCA6B & 0xFFFFFFFF
    return bits ^ bits >> 13
