"""Whole files to rows: the blocks of one source, joined to a checked table of numbers.

A table that leaves this module holds finite numbers only: here the error for a gap or a word can
still name the file, the line and the column, which nothing behind this module knows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.sources.blocks import Source
from fastgmm.sources.choice import choose
from fastgmm.sources.formats import FORMAT_OF_ENDING, file_source
from fastgmm.sources.rows import finite_rows, row_dtype, wanted_of
from fastgmm.tables.columns import Column, column_list
from fastgmm.tables.table import Table

ENDINGS = tuple(
    ending for ending, name in FORMAT_OF_ENDING.items() if name not in ("arrow", "arrows")
)
"""The names of files that are read whole end so; those of Arrow are read in batches."""


def read_table(
    path: str | os.PathLike[str],
    *,
    columns: Column | Sequence[Column] | None = None,
    header: bool | None = None,
    dtype: DTypeLike = np.float64,
) -> Table:
    r"""Read a file of numbers.

    Parameters
    ----------
    path : str or path
        A file that ends in ``.csv``, ``.tsv`` (tabs), ``.npy``, ``.parquet`` or ``.pq``. Text is
        UTF-8.
    columns : sequence of str or int, optional
        The columns to read, in this order, by name or by number (counted from 0). A string of
        digits that is no column's name counts as a number. None reads all columns; the unnamed
        index that pandas adds to a Parquet file is left out.
    header : bool, optional
        Whether the first line of a CSV holds names. None finds out: it does if none of its fields
        is a number, or if a column begins with a word and goes on with a number. Other files
        ignore it.
    dtype : {float64, float32}
        The type of the rows, whatever the file holds.

    Returns
    -------
    Table
        The rows and the names of the columns.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is nothing to read at ``path``.
    ValueError
        If the ending is unknown, the file is damaged or empty, a column is unknown, or a value is
        missing, not a number, infinite, or too large for ``dtype``; the sentence names the file,
        the line or row, and the column.
    ImportError
        If pyarrow, which reads CSV and Parquet, is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "geyser.csv")
    ...     _ = path.write_text("eruptions,waiting\n3.6,79\n1.8,54\n")
    ...     table = read_table(path, columns=["waiting"])
    >>> table.columns
    ('waiting',)
    >>> table.rows
    array([[79.],
           [54.]])
    """
    kind = row_dtype(dtype)
    return joined(table_source(path, header), column_list(columns), kind)


def column_names(
    path: str | os.PathLike[str], *, header: bool | None = None
) -> tuple[str, ...] | None:
    """Read only the names of a file's columns.

    Parameters
    ----------
    path : str or path
        As for `read_table`.
    header : bool, optional
        As for `read_table`.

    Returns
    -------
    tuple of str, or None
        All names, "" for a column of a CSV without one; None where the file has no names.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, ValueError, ImportError
        As for `read_table`.
    """
    return table_source(path, header).names


def table_source(path: str | os.PathLike[str], header: bool | None) -> Source:
    """Open a file that can be read whole.

    Parameters
    ----------
    path, header
        As for `read_table`.

    Returns
    -------
    Source

    Raises
    ------
    OSError, ValueError, ImportError
        As for `read_table`.
    """
    if Path(path).suffix.lower() not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise ValueError(
            f"The name of {Path(path)} must end in one of {known}, to say what it holds."
        )
    return file_source(Path(path), None, header)


def joined(source: Source, columns: Sequence[Column] | None, dtype: np.dtype[Any]) -> Table:
    """Read all blocks of a source into one table.

    Parameters
    ----------
    source : Source
    columns : sequence of str or int, or None
        As for `read_table`.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        As for `read_table`.
    """
    choice = choose(source, columns, None)
    wanted = wanted_of(source, choice.columns, dtype, None)
    blocks = source.whole(choice.columns)
    parts = [finite_rows(block, wanted, copy=False)[0] for block in blocks]
    if not any(map(len, parts)):
        raise ValueError(f"{source.where} {source.nothing}")
    return Table(parts[0] if len(parts) == 1 else np.concatenate(parts), choice.names)
