"""What the learner of a stream remembers: rows that wait, and log densities of those before."""

from dataclasses import dataclass

import numpy as np

RECENT_ROWS = 8192
"""So many log densities are kept for quantiles; they are the memory of the running mean as well."""
TRACE_LENGTH = 256
"""So many of a stream's own batches are remembered in its trace."""


@dataclass(frozen=True, eq=False)
class RecentState:
    """What `Recent` is in a file.

    Parameters
    ----------
    window : ndarray
        The log densities that are kept.
    n_window : int
        Rows ever written to it.
    trace : ndarray of shape (n, 2)
        Weight seen before each batch, and its mean log density.
    mean, variance, weight : float
        Running, of the log density per row.
    """

    window: np.ndarray
    n_window: int
    trace: np.ndarray
    mean: float
    variance: float
    weight: float


class Recent:
    """Log densities of the stream: a window of rows, a trace of batches, mean and deviation."""

    def __init__(self) -> None:
        self.window = np.empty(RECENT_ROWS)
        self.n_window = 0  # rows ever written to it
        self.trace: list[tuple[float, float]] = []  # (weight seen before, mean log density)
        self.mean, self.variance = 0.0, 0.0
        self.weight = 0.0

    def add(self, log_density: np.ndarray, seen: float) -> None:
        """Take note of one batch."""
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
        change = mean - self.mean
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
        """As a value, for files."""
        trace = np.array(self.trace, dtype=np.float64).reshape(-1, 2)
        window = self._held().copy()
        return RecentState(window, self.n_window, trace, self.mean, self.variance, self.weight)

    @classmethod
    def of(cls, state: RecentState) -> "Recent":
        """What `state` gave."""
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
        """Forget them."""
        self.n = 0
        self.weight = None


def _grown(array: np.ndarray, size: int, n: int) -> np.ndarray:
    grown = np.empty((size, *array.shape[1:]), array.dtype)
    grown[:n] = array[:n]
    return grown
