"""The columns that a model was fitted on, found in a file or in batches by their names."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.sources.files import joined, table_source
from fastgmm.sources.reader import Batches
from fastgmm.sources.rows import row_dtype
from fastgmm.tables.columns import Column, column_list
from fastgmm.tables.table import Table
from fastgmm.typing import Rows


class KnownColumns(NamedTuple):
    """What a model knows of the columns of its rows.

    Attributes
    ----------
    names : tuple of str or None
        Their names; None where it was fitted on rows without names.
    n_features : int or None
        Their number; None: any, as for a model that is not fitted.
    """

    names: tuple[str, ...] | None
    n_features: int | None = None


def known_table(
    known: KnownColumns,
    path: str | os.PathLike[str],
    *,
    columns: Column | Sequence[Column] | None = None,
    header: bool | None = None,
    dtype: DTypeLike = np.float64,
) -> Table:
    """Read the columns of a file that a model knows.

    Parameters
    ----------
    known : KnownColumns
    path : str or path
        As for `fastgmm.sources.read_table`.
    columns : str, int or sequence of those, optional
        The columns in the model's order. None: those that have the model's names, or all where
        the file or the model has no names.
    header, dtype
        As for `fastgmm.sources.read_table`.

    Returns
    -------
    Table
        Its columns have the model's names.

    Raises
    ------
    OSError, ValueError, ImportError
        As for `fastgmm.sources.read_table`; also if the number of columns is not the model's.
    """
    source = table_source(path, header)
    chosen = column_list(columns)
    if chosen is None and known.names is not None and source.names is not None:
        chosen = list(known.names)
    rows = joined(source, chosen, row_dtype(dtype)).rows
    n_columns = rows.shape[1]
    if known.n_features is not None and n_columns != known.n_features:
        raise ValueError(
            f"{path} has {n_columns} column{'' if n_columns == 1 else 's'} and the model was "
            f"fitted on {known.n_features}; choose them with --columns."
        )
    # The choice is made; from here on the columns go by their order.
    return Table(rows, known.names)


def known_tables(known: KnownColumns, source: Batches) -> Iterator[tuple[Table, Rows | None]]:
    """Give batches of the columns that a model knows.

    Parameters
    ----------
    known : KnownColumns
    source : Batches
        What `fastgmm.sources.batches` returned.

    Yields
    ------
    table : Table
        The columns that have the model's names, or all where the source or the model has no names.
    weights : ndarray of shape (n_rows,), or None
        The weights of the rows, where the source gives them.

    Raises
    ------
    ValueError
        If the source has names, but not all of the model's.
    """
    for item in source:
        rows, weights = item if isinstance(item, tuple) else (item, None)
        if known.names is not None and source.columns is not None:
            rows = _by_name(rows, known.names, source.columns)
        yield Table(rows, known.names), weights


def _by_name(rows: Rows, names: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(
            f"there is no column {missing[0]!r} among {', '.join(columns)}: the model was fitted "
            "on it; choose columns with --columns."
        )
    return np.ascontiguousarray(rows[:, [columns.index(name) for name in names]])
