"""Groups of rows: an iterable of tables, a mapping, or one table with a label for each row."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.limits.scalars import as_array
from fastgmm.tables.containers import array_of, is_table
from fastgmm.typing import FloatArray, Rows
from fastgmm.validation.arguments import as_sample_weight, check_enough_rows
from fastgmm.validation.feature_names import feature_names_of
from fastgmm.validation.labels import as_labels, group_order
from fastgmm.validation.rows import as_floating, as_rows, as_table
from fastgmm.values import dataclass

NO_ROWS = np.empty((0, 0))
"""A group that cannot be fitted has no rows."""


@dataclass(frozen=True, eq=False)
class Group:
    """The rows of one group, checked, or why they are none.

    Parameters
    ----------
    label : hashable
    rows : ndarray of shape (n, D), float32 or float64
    weight : ndarray of shape (n,), optional
        The sample weights.
    failure : Exception, optional
        Why the group cannot be fitted.
    """

    label: Hashable
    rows: Rows
    weight: FloatArray | None = None
    failure: Exception | None = None

    @property
    def size(self) -> int:
        """The number of numbers."""
        return self.rows.size


class Groups:
    """The groups that a user gave, one after the other; their columns are those of the first.

    Parameters
    ----------
    groups : object
        An iterable of tables, a mapping of labels to tables, or a table where `labels` are given.
    labels : array_like of shape (n_samples,), optional
        The group of each row.
    sample_weight : object
        Of each row where `labels` are given; else for each group what a fit of it takes.
    n_components : int
        A group has at least so many rows.
    gaps : bool
        Whether NaN is a value that is missing, and no error.

    Raises
    ------
    TypeError, ValueError
        When these are no groups at all.  What is wrong with one of them is its `failure`.
    """

    def __init__(
        self,
        groups: Any,
        labels: Any,
        sample_weight: Any,
        n_components: int,
        gaps: bool = False,
    ) -> None:
        self.names: NDArray[np.object_] | None = None
        """Names of the columns, once the first group has come."""
        self._least, self._n_features, self._gaps = n_components, 0, gaps
        if labels is not None:
            self._found = self._of_rows(groups, labels, sample_weight)
        else:
            self._found = self._of_tables(groups, sample_weight)

    def __iter__(self) -> Iterator[Group]:
        return self._found

    # ------------------------------------------------------------------ many tables

    def _of_tables(self, groups: Any, sample_weight: Any) -> Generator[Group]:
        _check_iterable(groups)
        keys: Iterable[Hashable] | None = None
        if isinstance(groups, Mapping):
            keys = list(groups)
            sample_weight = _weights_of(keys, sample_weight)
            groups = groups.values()
        elif isinstance(sample_weight, Mapping):
            raise TypeError(
                "sample_weight is a mapping, and the groups are not: pass an iterable of the "
                "weights of each group."
            )
        return self._walk(keys, groups, _parallel(sample_weight))

    def _walk(
        self, keys: Iterable[Hashable] | None, groups: Iterable[Any], weights: Iterator[Any] | None
    ) -> Generator[Group]:
        named = None if keys is None else iter(keys)
        for i, X in enumerate(groups):
            label = i if named is None else next(named)
            weight = None if weights is None else next(weights, _MISSING)
            if weight is _MISSING:
                raise ValueError(
                    f"sample_weight has {i} entries, and there are more groups: pass the weights "
                    "of each group, or None for one whose rows count once."
                )
            try:
                table = as_table(X)
                names = feature_names_of(table)
                rows = self._rows(table)
                self._check_columns(rows, names)
                yield self._checked(label, rows, weight)
            except (TypeError, ValueError) as error:
                yield Group(label, NO_ROWS, failure=error)
        if weights is not None and next(weights, _MISSING) is not _MISSING:
            raise ValueError("sample_weight has more entries than there are groups.")

    def _check_columns(self, rows: Rows, names: NDArray[np.object_] | None) -> None:
        """Compare the columns with those of the first group, or take note of these."""
        n_features = rows.shape[1]
        if not self._n_features:
            self._n_features, self.names = n_features, names
        elif n_features != self._n_features:
            raise ValueError(
                f"It has {n_features} features, and the first group has {self._n_features}: all "
                "groups must have the same columns."
            )
        elif names is not None and self.names is not None and (names != self.names).any():
            raise ValueError(
                f"Its columns are {names.tolist()}, and those of the first group are "
                f"{self.names.tolist()}: all groups must have the same columns in the same order."
            )

    # ------------------------------------------------------------------ one table

    def _of_rows(self, X: Any, labels: Any, sample_weight: Any) -> Generator[Group]:
        table = as_table(X)
        self.names = feature_names_of(table)
        rows = as_floating(table, "fit_many")
        found, codes = as_labels(labels, len(rows))
        if sample_weight is not None and isinstance(sample_weight, Number):
            sample_weight = np.full(len(rows), sample_weight)
        if sample_weight is not None and not hasattr(sample_weight, "__len__"):
            sample_weight = array_of(sample_weight, "sample_weight")
        weight = None if sample_weight is None else as_array(sample_weight, "sample_weight")
        if weight is not None and weight.shape[:1] != (len(rows),):
            raise ValueError(
                f"sample_weight has {len(sample_weight)} entries for {len(rows)} rows: pass one "
                "number for each row."
            )
        return self._cut(rows, weight, found, codes)

    def _cut(
        self, rows: Rows, weight: Any, labels: list[Hashable], codes: NDArray[np.intp]
    ) -> Generator[Group]:
        order, ends = group_order(codes, len(labels))
        begin = 0
        for label, end in zip(labels, ends.tolist(), strict=True):
            chosen = order[begin:end]
            begin = end
            own = None if weight is None else weight[chosen]
            try:
                yield self._checked(label, self._rows(rows[chosen]), own)
            except (TypeError, ValueError) as error:
                yield Group(label, NO_ROWS, failure=error)

    def _rows(self, table: Any) -> Rows:
        return as_rows(table, min_rows=2, method="fit", n_threads=1, gaps=self._gaps)

    def _checked(self, label: Hashable, rows: Rows, weight: Any) -> Group:
        check_enough_rows(len(rows), self._least)
        return Group(label, rows, as_sample_weight(weight, len(rows)))


_MISSING = object()
"""This stands for the weights of a group for which there are none."""


def _check_iterable(groups: Any) -> None:
    """Refuse what is one table, or nothing to walk over."""
    shape = getattr(groups, "shape", None)
    if isinstance(groups, str | bytes) or not isinstance(groups, Iterable):
        raise TypeError(
            f"groups must be an iterable of arrays or frames, got {type(groups).__name__}: pass a "
            "list, a dict, an iterator, or one table with labels=, a label for each row."
        )
    if isinstance(groups, Mapping):
        return
    if isinstance(groups, np.ndarray):
        one_table = groups.ndim != 3 and groups.dtype != object
    else:
        one_table = is_table(groups)
    if one_table:
        raise ValueError(
            "groups is one table"
            f"{'' if shape is None else f' of shape {tuple(shape)}'}: pass labels=, one label for "
            "each row, or an iterable of tables."
        )


def _weights_of(keys: list[Hashable], sample_weight: Any) -> Any:
    """The weights of the groups of a mapping, in its order."""
    if sample_weight is None:
        return None
    if not isinstance(sample_weight, Mapping):
        raise TypeError(
            "groups is a mapping, and sample_weight is none: pass a mapping of the same labels."
        )
    unknown = [key for key in sample_weight if key not in set(keys)]
    if unknown:
        raise ValueError(f"sample_weight has {unknown[0]!r}, and there is no such group.")
    return [sample_weight.get(key) for key in keys]


def _parallel(sample_weight: Any) -> Iterator[Any] | None:
    """The weights of each group, where there are any."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Number | str) or not isinstance(sample_weight, Iterable):
        raise TypeError(
            f"sample_weight must be an iterable, with the weights of each group, got "
            f"{type(sample_weight).__name__}."
        )
    return iter(sample_weight)
