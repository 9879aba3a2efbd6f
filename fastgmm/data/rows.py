"""What EM runs over: rows in memory, or batches that come again and again.

Both know their extent, give a sample for the start, and make passes.
"""

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.sample import RowSampler, Sample
from fastgmm.em.e_step import carried_bounds, expectation, expectation_of_batches
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.validation.batches import Batch, CheckedBatches

Pass = Callable[[Mixture], SufficientStatistics]
"""One E-step over all rows."""


class Data(Protocol):
    """What EM runs over."""

    n_threads: int | None

    @property
    def names(self) -> np.ndarray | None:
        """(D,): names of the features."""

    @property
    def extent(self) -> Extent:
        """Number and weight of the rows."""

    @property
    def n_features(self) -> int:
        """D."""

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64: of the rows."""

    def sample(self, seed: int, capacity: Callable[[int], int]) -> Sample:
        """Rows for the start, capacity(n_features) at the most."""

    def passes(self, covariance_type: str, n_components: int, reg_covar: np.ndarray) -> Pass:
        """Passes of one run of EM."""


class RowData:
    """Rows in memory (n, D), with sample weights (n,) or None."""

    def __init__(
        self,
        rows: np.ndarray,
        sample_weight: np.ndarray | None,
        n_threads: int | None,
        names: np.ndarray | None = None,
    ) -> None:
        self.rows, self.sample_weight, self.n_threads = rows, sample_weight, n_threads
        self.names = names

    @cached_property
    def extent(self) -> Extent:
        """Number and weight of the rows."""
        return Extent().plus(len(self.rows), self.sample_weight)

    @property
    def n_features(self) -> int:
        """D."""
        n_features: int = self.rows.shape[1]
        return n_features

    @property
    def dtype(self) -> np.dtype:
        """Of the rows."""
        return self.rows.dtype

    def sample(self, seed: int, capacity: Callable[[int], int]) -> Sample:
        """Rows for the start: their numbers, no copy."""
        sampler = RowSampler(seed, capacity(self.n_features), keep_rows=False)
        sampler.add(len(self.rows), self.rows, self.sample_weight)
        return sampler.sample(self.rows, self.sample_weight)

    def passes(self, covariance_type: str, n_components: int, reg_covar: np.ndarray) -> Pass:
        """One pass after the other, each skipping what the last one allows."""
        bounds = carried_bounds(self.rows, covariance_type, n_components)
        return lambda mixture: expectation(
            mixture,
            self.rows,
            self.sample_weight,
            reg_covar=reg_covar,
            n_threads=self.n_threads,
            bounds=bounds,
        )


class BatchData:
    """Batches that are walked over once per pass.

    The first walk is a look: it counts the rows and draws the sample.
    """

    def __init__(self, batches: CheckedBatches, n_threads: int | None) -> None:
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
        """Number and weight of the rows."""
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
        """Of the rows."""
        assert self._batches.dtype is not None
        return self._batches.dtype

    @property
    def names(self) -> np.ndarray | None:
        """Of the features."""
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

    def sample(self, seed: int, capacity: Callable[[int], int]) -> Sample:
        """Rows for the start, from all batches."""
        sampler = RowSampler(seed, capacity(self.n_features), keep_rows=True)
        self._look(sampler)
        return sampler.sample()

    def passes(self, covariance_type: str, n_components: int, reg_covar: np.ndarray) -> Pass:
        """One walk per pass."""
        return lambda mixture: expectation_of_batches(
            mixture,
            self._same_batches,
            self.extent,
            self.dtype,
            reg_covar=reg_covar,
            n_threads=self.n_threads,
        )

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
