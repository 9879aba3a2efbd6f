"""What the learner of a stream remembers: rows that wait, and log densities of those before.

A call of `partial_fit` is taken whole or not at all.  These stores only ever grow at their ends:
what an interrupted call has written there is beyond what the store before it holds.
"""

import numpy as np

from fastgmm import kernels
from fastgmm.archive import checks
from fastgmm.lazy import lazy
from fastgmm.values import dataclass

RECENT_ROWS = 8192
"""The log densities of this many rows are kept."""
TRACE_LENGTH = 256
"""The trace of a stream remembers this many of its own batches."""
FEWEST_IN_PART = 64
"""The log densities of batches of fewer rows than this are put together."""


class Grown:
    """The first n rows of arrays with room at their ends, as a value.

    A longer one shares the memory of the one before, which does not see what comes after its end.

    Parameters
    ----------
    arrays : tuple of ndarray
        Their first dimensions are equal, and at least n.
    n : int
    """

    __slots__ = ("arrays", "n")

    def __init__(self, arrays: tuple[np.ndarray, ...], n: int) -> None:
        self.arrays, self.n = arrays, n

    @classmethod
    def of(cls, *arrays: np.ndarray) -> "Grown":
        """What holds these arrays, without room."""
        return cls(arrays, len(arrays[0]))

    def held(self) -> tuple[np.ndarray, ...]:
        """The rows of each array that count."""
        return tuple(array[: self.n] for array in self.arrays)

    def plus(self, *parts: np.ndarray) -> "Grown":
        """The same with further rows of each array; the memory doubles when it is full."""
        end, arrays = self.n + len(parts[0]), self.arrays
        if end > len(arrays[0]):
            arrays = tuple(_grown(array, max(end, 2 * self.n, 64), self.n) for array in arrays)
        for array, part in zip(arrays, parts, strict=True):
            array[self.n : end] = part
        return Grown(arrays, end)


@dataclass(frozen=True, eq=False)
class RecentState:
    """A `Recent` as it stands in files.

    Parameters
    ----------
    window : ndarray of shape (min(n_window, RECENT_ROWS),)
        The log densities that are kept, in nats; that of row i of all at i modulo `RECENT_ROWS`.
    n_window : int
        The number of rows whose log densities were ever written to the window.
    trace : ndarray of shape (n, 2)
        The weight seen before each batch, and the mean log density of its rows; n is at most
        `TRACE_LENGTH`.
    mean, variance : float
        The mean and the variance of the finite log densities of the window.
    weight : float
        The number of the finite ones.
    """

    window: np.ndarray
    n_window: int
    trace: np.ndarray
    mean: float
    variance: float
    weight: float

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of any stream."""
        checks.check_count("the rows of the window", self.n_window)
        held = min(self.n_window, RECENT_ROWS)
        if self.window.shape != (held,) or self.window.dtype not in checks.FLOATS:
            raise ValueError(f"the window must hold {held} numbers, got {self.window.shape}")
        if not (self.window < np.inf).all():
            raise ValueError("the window must hold log densities")
        (n, _) = checks.check_shape("the trace", self.trace, (None, 2))
        checks.check_array("the trace", self.trace, (n, 2))
        checks.check_number("the length of the trace", n, 0, TRACE_LENGTH)
        checks.check_number("the mean log density", self.mean)
        if not self.variance >= 0.0:  # it may be infinite, as a square is
            raise ValueError(f"a variance must not be negative, got {self.variance}")
        checks.check_number("the weight of recent rows", self.weight, 0.0, RECENT_ROWS)


def check_waiting(rows: np.ndarray, weight: np.ndarray | None) -> None:
    """Raise ValueError where rows that wait, from a file, are not rows with their weights."""
    n, d = checks.check_shape("rows that wait", rows, (None, None))
    if d < 1:
        raise ValueError(f"rows must have features, got {rows.shape}")
    checks.check_rows("rows that wait", rows, (n, d))
    if weight is not None:
        checks.check_array("the weights of rows that wait", weight, (n,), 0.0)


class Recent:
    """The log densities of the last rows of a stream, and its trace, as a value.

    Parameters
    ----------
    parts : tuple of ndarray
        The log densities of the last batches, `RECENT_ROWS` or all there are, and perhaps more.
    n_window : int
        The number of rows that ever had one.
    trace : tuple of (float, float)
        The weight seen before each batch, and its mean log density.
    """

    def __init__(
        self,
        parts: tuple[np.ndarray, ...] = (),
        n_window: int = 0,
        trace: tuple[tuple[float, float], ...] = (),
    ) -> None:
        self._parts, self.n_window, self.trace = parts, n_window, trace

    def plus(self, log_density: np.ndarray, seen: float) -> "Recent":
        """The same with the log densities (n,) of a batch, before which the weight `seen` came."""
        finite, trace = finite_of(log_density), self.trace
        if len(finite):
            trace = (*trace[1 - TRACE_LENGTH :], (seen, float(finite.sum()) / len(finite)))
        parts, last = self._parts, log_density[-RECENT_ROWS:]
        if parts and len(parts[-1]) < FEWEST_IN_PART:
            parts, last = parts[:-1], np.concatenate([parts[-1], last])
        parts = (*parts, last)
        held, first = sum(map(len, parts)), 0
        while held - len(parts[first]) >= RECENT_ROWS:
            held -= len(parts[first])
            first += 1
        return Recent(parts[first:], self.n_window + len(log_density), trace)

    @property
    def window(self) -> np.ndarray:
        """The log densities of the last rows, the oldest first."""
        return np.concatenate([np.empty(0), *self._parts])[-RECENT_ROWS:]

    @lazy
    def moments(self) -> tuple[float, float, int]:
        """Mean and deviation of the finite log densities in the window, and their number."""
        with np.errstate(over="ignore", invalid="ignore"):
            finite = finite_of(self.window)
        if not len(finite):
            return 0.0, 0.0, 0
        # Squares of what a row far away has would overflow.
        scale = float(np.abs(finite).max()) or 1.0
        finite = finite / scale
        return scale * float(finite.mean()), scale * float(finite.std()), len(finite)

    @property
    def mean(self) -> float:
        """The mean of the finite log densities in the window, in nats; 0 where there is none."""
        return self.moments[0]

    @property
    def deviation(self) -> float:
        """The deviation of the finite log densities in the window, in nats."""
        return self.moments[1]

    def quantile(self, quantile: float) -> float:
        """The log density under which this share of the rows in the window fell."""
        return float(np.quantile(self.window, quantile, method="lower"))

    def state(self) -> RecentState:
        """The memory as a file holds it."""
        window = self.window
        if self.n_window > RECENT_ROWS:
            window = np.roll(window, self.n_window % RECENT_ROWS)
        trace = np.array(self.trace, dtype=np.float64).reshape(-1, 2)
        mean, deviation, n = self.moments
        with np.errstate(over="ignore"):
            variance = float(np.square(deviation))
        return RecentState(window.copy(), self.n_window, trace, mean, variance, float(n))

    @classmethod
    def of(cls, state: RecentState) -> "Recent":
        """The memory that `state` has described."""
        window = state.window.astype(np.float64)
        if state.n_window > RECENT_ROWS:
            window = np.roll(window, -(state.n_window % RECENT_ROWS))
        trace = tuple((before, mean) for before, mean in state.trace.tolist())
        return cls((window,), state.n_window, trace)


def finite_of(log_density: np.ndarray) -> np.ndarray:
    """Those that are finite: a row too far away has the density 0."""
    if np.isfinite(log_density.sum()):
        return log_density
    finite: np.ndarray = log_density[np.isfinite(log_density)]
    return finite


class WaitingRows:
    """Rows and weights that wait for their batch; `append` alone changes them, in one assignment.

    Parameters
    ----------
    rows : ndarray of shape (m, D)
        The first n of them wait.
    weight : ndarray of shape (m,), optional
        Their weights; None: each weighs 1.
    n : int
    """

    __slots__ = ("_copy", "_rows", "_weight", "dtype", "n")

    def __init__(self, rows: np.ndarray, weight: np.ndarray | None = None, n: int = 0) -> None:
        self._rows, self._weight, self.n = rows, weight, n
        self.dtype, self._copy = rows.dtype, kernels.take_rows[rows.dtype]

    @classmethod
    def none(cls, n_features: int, dtype: np.dtype) -> "WaitingRows":
        """No rows."""
        return cls(np.empty((0, n_features), dtype))

    def append(self, rows: np.ndarray, weight: np.ndarray | None) -> None:
        """Add rows at the end."""
        end = self.n + len(rows)
        if end > len(self._rows) or weight is not None or self._weight is not None:
            self._make_room(end, weight is not None)
        self._rows[self.n : end] = rows
        if self._weight is not None:
            self._weight[self.n : end] = 1.0 if weight is None else weight
        self.n = end  # until here nothing has changed

    def take(self, rows: np.ndarray, stop: int) -> bool:
        """Add rows of this dtype at the end if they are good as they are and end before `stop`."""
        if self._weight is not None:
            return False
        n: int = self._copy(rows, self._rows, self.n, stop)
        self.n += n  # until here nothing has changed
        return n > 0

    def emptied(self) -> "WaitingRows":
        """No rows, in the same memory: whoever holds these must need them no more."""
        return WaitingRows(self._rows)

    def plus(self, rows: np.ndarray, weight: np.ndarray | None) -> "WaitingRows":
        """These and further rows, which these do not see."""
        more = WaitingRows(self._rows, self._weight, self.n)
        more.append(rows, weight)
        return more

    def held(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All rows and their weights."""
        n, weight = self.n, self._weight
        return self._rows[:n], None if weight is None else weight[:n]

    def _make_room(self, end: int, weighted: bool) -> None:
        if end > len(self._rows):
            self._rows = _grown(self._rows, max(end, 2 * self.n, 64), self.n)
        weight = self._weight
        if weight is None and weighted:
            weight = np.ones(len(self._rows))
        if weight is not None and end > len(weight):
            weight = _grown(weight, len(self._rows), self.n)
        self._weight = weight


def _grown(array: np.ndarray, size: int, n: int) -> np.ndarray:
    grown = np.empty((size, *array.shape[1:]), array.dtype)
    grown[:n] = array[:n]
    return grown
