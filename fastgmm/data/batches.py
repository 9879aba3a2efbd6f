"""Batches as data, which come again for each pass and are never in memory together."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.parts import Part
from fastgmm.data.passes import Accumulator, Sums
from fastgmm.data.patterns import parts_by_pattern, together
from fastgmm.data.sample import RowSampler, Sample

if TYPE_CHECKING:
    from fastgmm.data.labels import RowLabels


class Batch(NamedTuple):
    """Rows (n, D), their sample weights (n,) and the components they may be of, or None."""

    rows: np.ndarray
    weight: np.ndarray | None = None
    labels: "RowLabels | None" = None


GATHERED_BYTES = 1 << 24
"""Rows with gaps are grouped by pattern in so many bytes of them at a time: 16 MB, which are copied
twice."""


class Batches(Protocol):
    """Checked batches, all of one number of features and one dtype; each call walks over them.

    `n_features`, `dtype` and `names` are those of the first batch; they are None before it was
    seen.  `labelled` says whether it came with labels.
    """

    n_features: int | None
    dtype: np.dtype | None
    names: np.ndarray | None
    labelled: bool

    def __call__(self) -> Generator[Batch]:
        """A new walk over the batches, from the first."""


class BatchData:
    """Batches that are walked over once per pass.

    The first walk only looks at them: it counts the rows and draws the sample.

    Parameters
    ----------
    batches : Batches
    n_threads : int, optional
        None: all that this process may use.
    gapped : bool
        Whether numbers of the rows may be missing, NaN.
    """

    resident = bounded = None

    def __init__(self, batches: Batches, n_threads: int | None, gapped: bool = False) -> None:
        self._batches, self.n_threads, self.gapped = batches, n_threads, gapped
        self._extent: Extent | None = None
        self.together: np.ndarray | None = None

    def peek(self) -> None:
        """Learn the number of features, their names and the dtype from the first batch."""
        walk = self._batches()
        if next(walk, None) is None:
            raise ValueError("the batches hold no rows: pass at least as many as components.")
        walk.close()

    @property
    def extent(self) -> Extent:
        """The number and weights of all rows."""
        if self._extent is None:
            self._look(None)
        assert self._extent is not None
        return self._extent

    @property
    def n_features(self) -> int:
        """The number of features, D."""
        assert self._batches.n_features is not None
        return self._batches.n_features

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the rows: float32 or float64."""
        assert self._batches.dtype is not None
        return self._batches.dtype

    @property
    def names(self) -> np.ndarray | None:
        """(D,): the names of the features, or None where they have none."""
        return self._batches.names

    @property
    def labelled(self) -> bool:
        """Whether some rows may be of some components only."""
        return self._batches.labelled

    def _look(self, sampler: RowSampler | None) -> None:
        """Walk over all batches to count their rows, and to draw some if there is a sampler."""
        extent = Extent()
        counts = np.zeros(()) if self.gapped else None
        with closing(self._batches()) as walk:
            for rows, weight, _ in walk:
                extent = extent.plus(len(rows), weight)
                if counts is not None:
                    counts = counts + together(rows)
                if sampler is not None:
                    sampler.add(len(rows), rows, weight)
        if extent.n_samples == 0:
            raise ValueError(
                "this walk over the batches gave 0 rows: pass batches that come again."
            )
        self._extent, self.together = extent, counts

    def go_on(self, extent: Extent) -> None:
        """Go on with what an earlier run has counted, without a first look."""
        self._extent = extent

    def sample(self, seed: int, size: int) -> Sample:
        """At most `size` rows from all batches; the walk counts the rows as well."""
        sampler = RowSampler(seed, size, keep_rows=True)
        self._look(sampler)
        return sampler.sample()

    def pass_over(self, make: Callable[[], Accumulator[Sums]]) -> Sums:
        """The sums of the accumulator of `make`, to which the batches of one walk were added."""
        accumulator = make()
        # An error keeps what is on the way alive, and a walk may have a thread.
        with closing(self._batches()) as walk:
            same = self._same(walk)
            for batch in gathered(same) if self.gapped else same:
                for part in self._parts(batch):
                    accumulator.add(part)
        return accumulator.statistics()

    def _parts(self, batch: Batch) -> Iterable[Part]:
        """The rows of a batch, or of some: those with gaps by pattern, those with labels apart."""
        rows, weight, labels = batch
        if labels is not None:
            # What labels need is loaded with the first of them.
            from fastgmm.data.labels import parts_by_label

            return parts_by_label(rows, weight, labels, self.gapped)
        if not self.gapped:
            return (Part(rows, weight),)
        return parts_by_pattern(rows, weight)

    def _same(self, walk: Iterable[Batch]) -> Iterator[Batch]:
        """The batches of a walk, which must be those of the first one."""
        n_samples, weight = 0, 0.0
        for batch in walk:
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


def gathered(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Batches with gaps, small ones put together up to `GATHERED_BYTES`.

    Each pattern of gaps costs as much as many rows of it, and so is evaluated once for many
    batches.  What waits is copied: whoever makes batches may fill the same array again.
    """
    waiting: list[Batch] = []
    n_bytes = 0
    for batch in batches:
        rows, weight, labels = batch
        if not waiting and rows.nbytes >= GATHERED_BYTES:
            yield batch
            continue
        waiting.append(Batch(rows.copy(), None if weight is None else weight.copy(), labels))
        n_bytes += rows.nbytes
        if n_bytes >= GATHERED_BYTES:
            yield _joined(waiting)
            waiting, n_bytes = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[Batch]) -> Batch:
    rows = np.concatenate([one.rows for one in batches])
    weight = labels = None
    if any(one.weight is not None for one in batches):
        each = [np.ones(len(one.rows)) if one.weight is None else one.weight for one in batches]
        weight = np.concatenate(each)
    if any(one.labels is not None for one in batches):
        # What labels need is loaded with the first of them.
        from fastgmm.data.labels import RowLabels

        k = max(one.labels.sets.shape[1] for one in batches if one.labels is not None)
        known = [one.labels or RowLabels.unknown(len(one.rows), k) for one in batches]
        labels = RowLabels.joined(known)
    return Batch(rows, weight, labels)


def _weight(batch: Batch) -> float:
    rows, weight, _ = batch
    return float(len(rows)) if weight is None else float(weight.sum())
