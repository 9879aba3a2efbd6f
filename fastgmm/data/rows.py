"""Rows in memory as data: one part in every pass, or several: those with gaps or labels apart."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import COMPLETE, Part
from fastgmm.data.passes import Accumulator, OfRows, Sums
from fastgmm.data.sample import RowSampler, Sample
from fastgmm.lazy import lazy

if TYPE_CHECKING:
    from fastgmm.data.labels import RowLabels


class RowData:
    """Rows that stay in memory, as data.

    Parameters
    ----------
    rows : ndarray of shape (n, D), float32 or float64
        C-contiguous and finite, but for gaps.
    sample_weight : ndarray of shape (n,), float64, optional
    n_threads : int, optional
        None: all that this process may use.
    names : ndarray of shape (D,), optional
        The names of the features.
    gapped : bool
        Whether numbers of the rows may be missing, NaN.
    labels : RowLabels, optional
        The components that each row may be of.
    """

    def __init__(
        self,
        rows: np.ndarray,
        sample_weight: np.ndarray | None = None,
        n_threads: int | None = None,
        names: np.ndarray | None = None,
        gapped: bool = False,
        labels: "RowLabels | None" = None,
    ) -> None:
        self.rows, self.sample_weight, self.n_threads = rows, sample_weight, n_threads
        self.names, self.gapped, self.labels = names, gapped, labels

    @lazy
    def _parts(self) -> tuple[Part, ...]:
        """The rows by what is known of them: one copy by pattern of gaps, or by label."""
        if self.labels is not None:
            # What labels need is loaded with the first of them.
            from fastgmm.data.labels import parts_by_label

            given = self.rows, self.sample_weight, self.labels
            return tuple(parts_by_label(*given, self.gapped))
        if not self.gapped:
            return (Part(self.rows, self.sample_weight),)
        # What gaps need is loaded with the first of them.
        from fastgmm.data.patterns import parts_by_pattern

        return tuple(parts_by_pattern(self.rows, self.sample_weight))

    @lazy
    def extent(self) -> Extent:
        """The number and weights of all rows."""
        return Extent().plus(len(self.rows), self.sample_weight)

    @property
    def n_features(self) -> int:
        """The number of features, D."""
        n_features: int = self.rows.shape[1]
        return n_features

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the rows: float32 or float64."""
        return self.rows.dtype

    @property
    def resident(self) -> Part | None:
        """The one part that every pass adds; None where some rows have gaps or labels."""
        return None if self.gapped or self.labels is not None else self._parts[0]

    @property
    def bounded(self) -> Part | None:
        """The complete rows without labels, if there are any and none has gaps."""
        part = None if self.gapped else self._parts[0]
        free = part is not None and part.kind is COMPLETE and part.allowed is None
        return part if free else None

    @property
    def labelled(self) -> bool:
        """Whether some rows may be of some components only."""
        return self.labels is not None

    @lazy
    def together(self) -> np.ndarray | None:
        """(D, D): in how many rows both columns were observed; None where there are no gaps."""
        if not self.gapped:
            return None
        # What gaps need is loaded with the first of them.
        from fastgmm.data.patterns import together

        return together(self.rows)

    def go_on(self, extent: Extent) -> None:
        """Go on with what an earlier run has counted."""
        self.extent = extent

    def sample(self, seed: int, size: int) -> Sample:
        """At most `size` rows for the start: their numbers are drawn, and nothing is copied."""
        sampler = RowSampler(seed, size, keep_rows=False)
        sampler.add(len(self.rows), self.rows, self.sample_weight)
        return sampler.sample(self.rows, self.sample_weight)

    def pass_over(self, make: Callable[[], Accumulator[Sums]]) -> Sums:
        """The sums of the accumulator that `make` returns, to which the rows were added."""
        accumulator = make()
        for part in self._parts:
            accumulator.add(part)
        return accumulator.statistics()

    def summed(self, function: OfRows[Sums]) -> Sums:
        """What a function makes of all rows and their weights."""
        return function(self.rows, self.sample_weight)
