"""A sample of rows that depends on their places alone, and not on the batches they come in.

Every row gets a random key by its number; the rows of the smallest keys are the sample.  It is
drawn in one walk over rows of any number, and the first n in the order of the keys are themselves
a sample.  With sample weights as odds the key is an exponential variable over the weight
(Efraimidis and Spirakis 2006).
"""

from collections.abc import Callable
from dataclasses import field
from threading import Lock
from typing import Any

import numpy as np

from fastgmm.values import dataclass

KEYS_PER_STREAM = 1 << 16
"""The keys of this many rows come from one stream of random numbers."""
LARGEST_KEY = float(np.finfo(np.float64).max)
"""The key of a row of the least weight that there is would be infinite, as if it did not count."""


class Made:
    """A store of what is made once, however many threads ask for it at the same time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._making: dict[Any, Lock] = {}
        self._made: dict[Any, Any] = {}

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` returned when this key was first asked for."""
        try:
            return self._made[key]  # most often it is there, and nobody needs to wait
        except KeyError:
            pass
        with self._lock:
            making = self._making.setdefault(key, Lock())
        with making:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows that a start is made from.

    Parameters
    ----------
    rows : ndarray of shape (m, D)
        float32 or float64, in the order in which they came.
    weight : ndarray of shape (m,), optional
        The sample weights, if all rows are in the sample; rows that were drawn have had theirs as
        odds.
    order : ndarray of int
        Indices of the rows in the sample, of positive weight, in the order of their keys.
    whole : bool
        Whether the sample is all rows there are.
    made : Made
        What starts have made of the sample and others may use again: trees.
    scaled : callable, optional
        scaled(chosen) are these rows in units of the columns' deviations, where `rows` are
        coordinates in other directions.
    """

    rows: np.ndarray
    weight: np.ndarray | None
    order: np.ndarray
    whole: bool
    made: "Made" = field(default_factory=lambda: Made(), repr=False, compare=False)
    scaled: Callable[[np.ndarray], np.ndarray] | None = None

    def drawn(self, n: int, turn: int = 0) -> np.ndarray:
        """The indices of n rows in memory order; each turn has others, while there are any."""
        n = min(n, len(self.order))
        chosen = self.order[(turn * n + np.arange(n)) % len(self.order)]
        indices: np.ndarray = np.sort(chosen)
        return indices


def weight_of_row(weight: np.ndarray | None) -> float:
    """The weight of one row: sample weights count rows, unless they are below one on average."""
    return 1.0 if weight is None else min(1.0, float(weight.sum() / np.count_nonzero(weight)))


class RowSampler:
    """It draws a sample from rows that come batch by batch.

    Parameters
    ----------
    seed : int
        The seed of the keys.
    capacity : int
        The size of the sample.  All rows are kept as long as they are not more.
    keep_rows : bool
        Whether the rows drawn are copied; if not, only their numbers are noted.
    first : int
        The number of rows that come before those of this sampler, and that others draw from.
    """

    def __init__(self, seed: int, capacity: int, *, keep_rows: bool, first: int = 0) -> None:
        self._seed, self._capacity = seed, capacity
        self._keep_rows = keep_rows
        self._n_seen = first
        self._keys: list[np.ndarray] = []
        self._indices: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._weights: list[np.ndarray | None] = []
        self._n_kept = 0
        # Rows whose keys are at least this are not in the sample.
        self._limit = np.inf
        self._stream: np.random.Generator | None = None

    def add(self, n_rows: int, rows: np.ndarray, sample_weight: np.ndarray | None) -> None:
        """Take the next rows (n_rows, D), and their weights (n_rows,), into account."""
        begin = 0
        while begin < n_rows:
            n = min(n_rows - begin, KEYS_PER_STREAM - self._n_seen % KEYS_PER_STREAM)
            keys = self._next_keys(n)
            end = begin + n
            weight = None if sample_weight is None else sample_weight[begin:end]
            if weight is not None:
                with np.errstate(divide="ignore", over="ignore"):
                    keys = np.minimum(-np.log1p(-keys) / weight, LARGEST_KEY)
                keys = np.where(weight > 0, keys, np.inf)
            self._take(keys, rows[begin:end], weight)
            self._n_seen += n
            begin = end

    def _next_keys(self, n: int) -> np.ndarray:
        """The keys of the next n rows, which have one stream."""
        number, first = divmod(self._n_seen, KEYS_PER_STREAM)
        if first == 0 or self._stream is None:
            self._stream = np.random.default_rng([self._seed, number])
            self._stream.random(first)  # these keys are those of rows that another has drawn from
        keys: np.ndarray = self._stream.random(n)
        return keys

    def _take(self, keys: np.ndarray, rows: np.ndarray, weight: np.ndarray | None) -> None:
        # As long as all rows may fit, none is dropped, not even those of no weight.
        if self._n_seen + len(keys) > self._capacity:
            chosen = np.flatnonzero(keys < self._limit)
        else:
            chosen = np.arange(len(keys))
        self._keys.append(keys[chosen])
        self._indices.append(chosen + self._n_seen)
        if self._keep_rows:
            self._rows.append(rows[chosen])
        self._weights.append(None if weight is None else weight[chosen])
        self._n_kept += len(chosen)
        if self._n_kept > self._capacity + self._capacity // 4:
            self._prune()

    def joined(self, following: "RowSampler") -> "RowSampler":
        """The sampler of these rows and those of the one that begins where this one has ended.

        Both must have copied their rows.  They end with it.
        """
        self._n_seen = following._n_seen
        self._keys += following._keys
        self._indices += following._indices
        self._rows += following._rows
        self._weights += following._weights
        self._n_kept += following._n_kept
        self._limit = min(self._limit, following._limit)
        if self._n_kept > self._capacity + self._capacity // 4:
            self._prune()
        return self

    def _prune(self) -> None:
        keys = np.concatenate(self._keys)
        kept = np.sort(np.argpartition(keys, self._capacity - 1)[: self._capacity])
        self._limit = float(keys[kept].max())
        self._keys = [keys[kept]]
        self._indices = [np.concatenate(self._indices)[kept]]
        if self._keep_rows:
            self._rows = [np.concatenate(self._rows)[kept]]
        if self._weights[0] is not None:
            self._weights = [np.concatenate([w for w in self._weights if w is not None])[kept]]
        else:
            self._weights = [None]
        self._n_kept = len(kept)

    def sample(self, source: np.ndarray | None = None, weight: np.ndarray | None = None) -> Sample:
        """The sample of all rows that were added.

        `source` and `weight` are all rows and their weights, where only numbers were noted.
        """
        whole = self._n_seen <= self._capacity
        if not whole and self._n_kept > self._capacity:
            self._prune()
        keys = np.concatenate(self._keys)
        order = np.argsort(keys)  # only rows without weight have equal keys
        order = order[: np.count_nonzero(keys < np.inf)]
        if source is not None:
            order = np.concatenate(self._indices)[order]
            return Sample(source, weight if whole else None, order, whole)
        rows = np.concatenate(self._rows)
        weights = [w for w in self._weights if w is not None]
        return Sample(rows, np.concatenate(weights) if whole and weights else None, order, whole)
