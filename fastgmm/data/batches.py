"""Batches as data: they come again and again, and are never in memory together."""

import math
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.passes import Accumulator, Sums
from fastgmm.data.sample import RowSampler, Sample

Batch = tuple[np.ndarray, np.ndarray | None]
"""Rows (n, D), and sample weights (n,) or None."""


class Batches(Protocol):
    """Walks over checked batches, all of one number of features and one dtype.

    `n_features`, `dtype` and `names` are those of the first batch, once it was seen.
    """

    n_features: int | None
    dtype: np.dtype | None
    names: np.ndarray | None

    def __call__(self) -> Generator[Batch]:
        """A fresh walk."""


class BatchData:
    """Batches that are walked over once per pass.

    The first walk is a look: it counts the rows and draws the sample.
    """

    resident = None

    def __init__(self, batches: Batches, n_threads: int | None) -> None:
        self._batches, self.n_threads = batches, n_threads
        self._extent: Extent | None = None

    def peek(self) -> None:
        """Learn the number of features, their names and the dtype from the first batch."""
        walk = self._batches()
        if next(walk, None) is None:
            raise ValueError("the batches hold no rows: pass at least as many as components.")
        walk.close()

    @property
    def extent(self) -> Extent:
        """Number and weights of the rows."""
        if self._extent is None:
            self._look(None)
        assert self._extent is not None
        return self._extent

    @property
    def n_features(self) -> int:
        """D."""
        assert self._batches.n_features is not None
        return self._batches.n_features

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: of the rows."""
        assert self._batches.dtype is not None
        return self._batches.dtype

    @property
    def names(self) -> np.ndarray | None:
        """(D,): names of the features, where they have any."""
        return self._batches.names

    def _look(self, sampler: RowSampler | None) -> None:
        """Walk over all batches: check and count, and draw if there is a sampler."""
        extent = Extent()
        for rows, weight in self._batches():
            extent = extent.plus(len(rows), weight)
            if sampler is not None:
                sampler.add(len(rows), rows, weight)
        if extent.n_samples == 0:
            raise ValueError(
                "this walk over the batches gave 0 rows: pass batches that come again."
            )
        self._extent = extent

    def go_on(self, extent: Extent) -> None:
        """Go on with what an earlier run has counted: no look is needed."""
        self._extent = extent

    def sample(self, seed: int, size: int) -> Sample:
        """Rows for the start, from all batches; the walk counts the rows as well."""
        sampler = RowSampler(seed, size, keep_rows=True)
        self._look(sampler)
        return sampler.sample()

    def pass_over(self, make: Callable[[], Accumulator[Sums]]) -> Sums:
        """The sums of an accumulator to which one walk's batches were added."""
        accumulator = make()
        for rows, weight in self._same_batches():
            accumulator.add(Part(rows, weight))
        return accumulator.statistics()

    def _same_batches(self) -> Iterator[Batch]:
        n_samples, weight = 0, 0.0
        for batch in self._batches():
            n_samples += len(batch[0])
            weight += _weight(batch)
            yield batch
        same_weight = math.isclose(weight, self.extent.weight, rel_tol=1e-9)
        if n_samples != self.extent.n_samples or not same_weight:
            raise ValueError(
                f"this walk over the batches gave {n_samples} rows of weight {weight:g}, and the "
                f"first one {self.extent.n_samples} of weight {self.extent.weight:g}: pass batches "
                "that are the same each time."
            )


def _weight(batch: Batch) -> float:
    rows, weight = batch
    return float(len(rows)) if weight is None else float(weight.sum())
