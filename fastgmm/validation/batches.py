"""Batches of rows: what the user may give, checked one by one and read ahead."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np

from fastgmm.data.ahead import closing, read_ahead
from fastgmm.data.batches import Batch
from fastgmm.limits.scalars import shown
from fastgmm.tables.containers import is_table, streams_only
from fastgmm.tables.frames import is_class
from fastgmm.validation import (
    as_rows,
    as_sample_weight,
    as_table,
    check_feature_names,
    feature_names_of,
)
from fastgmm.validation.row_labels import as_row_labels


class CheckedBatches:
    """A re-iterable of the user's as walks over checked batches.

    Parameters
    ----------
    batches : iterable or callable
        Re-iterable, or a callable that returns a fresh iterator; items are arrays, frames, pairs
        (rows, sample_weight) or, of all batches, triples (rows, sample_weight, labels).
    method : str
        The method the user called, for the messages.
    n_features : int, optional
        What every batch must have; None: what the first one has.
    n_threads : int, optional
        For the search for NaN and inf.
    gaps : bool
        Whether NaN is a value that is missing, and no error.
    n_components : int, optional
        The number of components, of which labels may be; None: no labels are taken.

    Attributes
    ----------
    n_features, dtype, names
        Of the first batch, once it was seen; the others must agree.
    labelled : bool
        Whether the first batch came with labels.
    """

    def __init__(
        self,
        batches: Any,
        method: str,
        *,
        n_features: int | None = None,
        n_threads: int | None = None,
        gaps: bool = False,
        n_components: int | None = None,
    ) -> None:
        self._fresh = _factory(batches, method)
        self._batches = batches
        self._method, self._n_threads, self._gaps = method, n_threads, gaps
        self._n_components, self.labelled = n_components, False
        self.n_features = n_features
        self.dtype: np.dtype | None = None
        self.names: np.ndarray | None = None

    def __call__(self) -> Generator[Batch]:
        """A fresh walk; the next batch is read while the caller works on one."""
        # What `fastgmm.sources.batches` returns knows what must be read on this thread.
        own = getattr(self._batches, "walk_ahead", None)
        walk = closing(own()) if callable(own) else read_ahead(self._fresh())
        # Whoever leaves it leaves no thread behind.
        with contextlib.closing(walk):
            for number, item in enumerate(walk):
                batch = self._checked(item, number)
                if len(batch.rows):
                    yield batch

    def _checked(self, item: Any, number: int) -> Batch:
        given, weight, labels = self._unpacked(item, number)
        rows = as_table(given)
        first = self.dtype is None
        names = feature_names_of(rows)
        if not first and names is not None:
            check_feature_names(rows, self.names)
        # What `fastgmm.sources.batches` returns knows the names of its columns, which it may have
        # learned of the first batch.
        columns = getattr(self._batches, "columns", None)
        if first and names is None and columns is not None:
            names = np.array(columns, dtype=object)
        checked = as_rows(
            rows,
            n_features=self.n_features,
            min_rows=0,
            method=self._method,
            n_threads=self._n_threads,
            gaps=self._gaps,
        )
        if first:
            self.n_features, self.dtype, self.names = checked.shape[1], checked.dtype, names
        elif checked.dtype != self.dtype:
            raise ValueError(
                f"batch {number} holds {checked.dtype} rows, and the first batch {self.dtype}: "
                "convert them to one of the two."
            )
        weights = as_sample_weight(weight, len(checked), some_positive=False)
        if labels is None or self._n_components is None:
            return Batch(checked, weights)
        return Batch(checked, weights, as_row_labels(labels, len(checked), self._n_components))

    def _unpacked(self, item: Any, number: int) -> tuple[Any, Any, Any]:
        """Rows, weights and labels as they were given; whether there are labels is noted."""
        labelled = isinstance(item, tuple) and len(item) == 3
        if labelled and self._n_components is None:
            raise TypeError(f"{self._method} takes no labels: pass pairs (rows, sample_weight).")
        if self.dtype is None:
            self.labelled = labelled
        elif labelled and not self.labelled:
            raise ValueError(
                f"batch {number} came with labels, and the first one without: pass triples (rows, "
                "sample_weight, labels) from the first on, with None for what is not known."
            )
        if not isinstance(item, tuple) or len(item) not in (2, 3):
            return item, None, None
        return item[0], item[1], item[2] if labelled else None


def _factory(batches: Any, method: str) -> Callable[[], Iterable[Any]]:
    if callable(batches):
        fresh: Callable[[], Iterable[Any]] = batches
        return fresh
    _refuse_one_table(batches, method)
    try:
        again = iter(batches)
    except TypeError:
        raise TypeError(
            f"{method} takes an iterable of batches or a callable that returns one, got "
            f"{type(batches).__name__}: pass a list of arrays, or a function."
        ) from None
    if again is batches or getattr(batches, "reiterable", True) is False:
        raise TypeError(
            f"{method} walks over the batches several times, and a {type(batches).__name__} can be "
            "walked over once: pass a list, or a function that returns a fresh iterator, such as "
            "lambda: read(path)."
        )
    return lambda: batches


def _refuse_one_table(batches: Any, method: str) -> None:
    """Say what to pass instead of a table that is not cut into batches."""
    kind = type(batches).__name__
    if isinstance(batches, str | bytes | os.PathLike):
        raise TypeError(
            f"{method} takes an iterable of batches, got the {kind} {shown(os.fspath(batches))}: "
            "to read a file, pass fastgmm.sources.batches(path)."
        )
    if isinstance(batches, dict):
        raise TypeError(
            f"{method} takes an iterable of batches, got a {kind}: pass "
            "fastgmm.sources.batches(X) of a frame of its columns."
        )
    if is_class(batches, "pyarrow", "RecordBatchReader") or (
        streams_only(batches) and not hasattr(type(batches), "__len__")
    ):
        raise TypeError(
            f"{method} walks over the batches several times, and a {kind} can be walked over once: "
            "pass a function that returns a fresh one."
        )
    if is_table(batches):
        raise TypeError(
            f"{method} takes an iterable of batches, got one {kind}: pass "
            "fastgmm.sources.batches(X), which cuts it into batches, or X to fit."
        )
