"""Arrays and data sets of xarray: slices of rows, with the names of the columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastgmm.sources.blocks import MOST_NUMBERS, Block, Source, rows_at_once
from fastgmm.sources.memory import SlicedSource
from fastgmm.tables.containers import array_of
from fastgmm.tables.frames import is_class, text_names
from fastgmm.tables.xarray_sets import variables_of


class XarraySource(Source):
    """A `Dataset`, whose variables are the columns, and each place of their grid is a row.

    Parameters
    ----------
    where : str
        What the errors call it.
    variables : dict of str to DataArray
        All over the same dimensions in the same order.
    """

    reads_ahead = True

    def __init__(self, where: str, variables: dict[str, Any]) -> None:
        kinds = tuple(
            None if one.dtype.kind in "biuf" else str(one.dtype) for one in variables.values()
        )
        super().__init__(where, len(variables), tuple(variables), kinds)
        self._variables = list(variables.values())
        self.n_rows = int(self._variables[0].size)

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Fetch slices along the first dimension."""
        variables = [self._variables[i] for i in chosen]
        length = variables[0].shape[0]
        inner = self.n_rows // length if length and self.n_rows else 1
        most = max(1, MOST_NUMBERS // (inner * len(chosen)))
        step = min(most, -(-rows_at_once(batch_rows, len(chosen)) // inner))
        for start in range(0, length, step):
            parts = [np.ravel(array_of(one[start : start + step], self._at(one)))
                     for one in variables]  # fmt: skip
            yield Block(start * inner, len(parts[0]), parts)

    def _at(self, variable: Any) -> str:
        return f"{self.where}, column {variable.name!r}"


class NamedSlices(SlicedSource):
    """A `DataArray`, whose columns have names where its second dimension has them.

    Parameters
    ----------
    where : str
        What the errors call it.
    array : DataArray
    """

    def __init__(self, where: str, array: Any) -> None:
        super().__init__(where, array)
        labels = array.indexes.get(array.dims[1])
        self.names = None if labels is None else text_names(labels.tolist())


def xarray_source(value: Any, where: str | None = None) -> Source | None:
    """Make a source of what xarray holds, which may lie in a file.

    Parameters
    ----------
    value : object
    where : str, optional
        What the errors call it; by default, what it is.

    Returns
    -------
    Source or None
        None if it is not of xarray.

    Raises
    ------
    ValueError
        If a `DataArray` has not two dimensions, or the variables of a `Dataset` have not the same.
    """
    if is_class(value, "xarray", "DataArray"):
        return NamedSlices(where or "The array", value)
    if not is_class(value, "xarray", "Dataset"):
        return None
    where = where or "The Dataset"
    return XarraySource(where, variables_of(value, where))
