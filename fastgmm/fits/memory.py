"""What the learner of a stream remembers: rows that wait, and log densities of those before."""

from dataclasses import dataclass

import numpy as np

from fastgmm.archive import checks

RECENT_ROWS = 8192
"""The log densities of this many rows are kept for quantiles; the running mean forgets the rows
before them as well."""
TRACE_LENGTH = 256
"""The trace of a stream remembers this many of its own batches."""
LARGEST = 1e150
"""No mean log density is taken to change by more than this: the change is squared."""


@dataclass(frozen=True, eq=False)
class RecentState:
    """A `Recent` as a value, as it stands in files.

    Parameters
    ----------
    window : ndarray
        The log densities that are kept, in nats.
    n_window : int
        The number of rows whose log densities were ever written to the window.
    trace : ndarray of shape (n, 2)
        The weight seen before each batch, and the mean log density of its rows.
    mean, variance : float
        The running mean and variance of the log density of a row.
    weight : float
        The number of rows that the running mean stands for, at most `RECENT_ROWS`.
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
    checks.check_array("rows that wait", rows, (n, d))
    if weight is not None:
        checks.check_array("the weights of rows that wait", weight, (n,), 0.0)


class Recent:
    """The log densities of the last rows of a stream, its trace, and their running mean."""

    def __init__(self) -> None:
        self.window = np.empty(RECENT_ROWS)
        # The log densities of this many rows were ever written to the window.
        self.n_window = 0
        # Each batch has the weight seen before it, and its mean log density.
        self.trace: list[tuple[float, float]] = []
        self.mean, self.variance = 0.0, 0.0
        self.weight = 0.0

    def add(self, log_density: np.ndarray, seen: float) -> None:
        """Take note of the log densities (n,) of one batch, before which the weight `seen` came."""
        total = float(log_density.sum())
        finite = log_density if np.isfinite(total) else log_density[np.isfinite(log_density)]
        begin = 0
        while begin < len(log_density):
            at = self.n_window % RECENT_ROWS
            part = log_density[begin : begin + RECENT_ROWS - at]
            self.window[at : at + len(part)] = part
            self.n_window += len(part)
            begin += len(part)
        if not len(finite):
            return
        mean = float(finite.mean())
        self.weight = min(self.weight + len(finite), RECENT_ROWS)
        share = len(finite) / self.weight if self.weight > len(finite) else 1.0
        change = max(-LARGEST, min(mean - self.mean, LARGEST))
        self.mean += share * change
        self.variance = (1 - share) * (self.variance + share * change**2)
        difference = finite - mean
        self.variance += share * float(difference @ difference) / len(finite)
        self.trace = [*self.trace[1 - TRACE_LENGTH :], (seen, mean)]

    def quantile(self, quantile: float) -> float:
        """The log density under which this share of the rows in the window fell."""
        return float(np.quantile(self._held(), quantile, method="lower"))

    def _held(self) -> np.ndarray:
        return self.window[: min(self.n_window, RECENT_ROWS)]

    def state(self) -> RecentState:
        """The memory as a value, for files."""
        trace = np.array(self.trace, dtype=np.float64).reshape(-1, 2)
        window = self._held().copy()
        return RecentState(window, self.n_window, trace, self.mean, self.variance, self.weight)

    @classmethod
    def of(cls, state: RecentState) -> "Recent":
        """The memory that `state` has described."""
        recent = cls()
        recent.window[: len(state.window)] = state.window
        recent.n_window = state.n_window
        recent.trace = [(before, mean) for before, mean in state.trace.tolist()]
        recent.mean, recent.variance, recent.weight = state.mean, state.variance, state.weight
        return recent


class WaitingRows:
    """A store of rows and weights that grows at its end."""

    def __init__(self, n_features: int, dtype: np.dtype) -> None:
        self.rows = np.empty((0, n_features), dtype)
        self.weight: np.ndarray | None = None
        self.n = 0

    def append(self, rows: np.ndarray, weight: np.ndarray | None) -> None:
        """Add rows at the end; the store doubles when it is full."""
        end = self.n + len(rows)
        if weight is not None and self.weight is None:
            self.weight = np.ones(len(self.rows))
        if end > len(self.rows):
            size = max(end, 2 * len(self.rows), 64)
            self.rows = _grown(self.rows, size, self.n)
            if self.weight is not None:
                self.weight = _grown(self.weight, size, self.n)
        self.rows[self.n : end] = rows
        if self.weight is not None:
            self.weight[self.n : end] = 1.0 if weight is None else weight
        self.n = end

    def held(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All rows and their weights."""
        return self.rows[: self.n], None if self.weight is None else self.weight[: self.n]

    def cut(self, n: int) -> None:
        """Keep the first n only."""
        self.n = n

    def clear(self) -> None:
        """Forget all rows and weights."""
        self.n = 0
        self.weight = None


def _grown(array: np.ndarray, size: int, n: int) -> np.ndarray:
    grown = np.empty((size, *array.shape[1:]), array.dtype)
    grown[:n] = array[:n]
    return grown
