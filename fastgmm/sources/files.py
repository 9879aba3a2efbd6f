"""Files to tables: all of their rows at once, or the names of their columns alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.limits.scalars import as_path
from fastgmm.sources.dialect import dialect_of
from fastgmm.sources.formats import FORMAT_OF_ENDING, Format, file_source
from fastgmm.sources.hive import partitioned
from fastgmm.sources.paths import listed
from fastgmm.sources.reader import Columns, batches
from fastgmm.tables.table import Table

ENDINGS = tuple(FORMAT_OF_ENDING)
"""The names of files that are read end so, before the ending of their compression."""


def read_table(
    path: Any,
    *,
    columns: Columns = None,
    header: bool | None = None,
    dtype: DTypeLike = np.float64,
    gaps: str = "error",
    format: Format | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    comment: str | None = None,
    gap_marks: str | Sequence[str] = (),
) -> Table:
    r"""Read all rows of a file, of several, or of a pipe.

    Parameters
    ----------
    path : str or path
        A file that ends in ``.csv``, ``.tsv`` (tabs), ``.npy``, ``.npz``, ``.parquet``, ``.pq``,
        ``.arrow``, ``.feather`` or ``.arrows``, a folder or a pattern of such files, or anything
        else that `batches` reads. Text is UTF-8.
    columns, header, gaps, format, delimiter, decimal, comment, gap_marks
        As for `batches`.
    dtype : {float64, float32}
        The type of the rows, whatever the file holds.

    Returns
    -------
    Table
        The rows and the names of the columns.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, TypeError
        As for `batches`.
    ValueError
        If the ending is unknown, the file is damaged or empty, a column is unknown, or a value is
        missing, not a number, infinite, or too large for ``dtype``; the sentence names the file,
        the line or row, and the column.
    ImportError
        If pyarrow, which reads CSV, Parquet and Arrow, is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "geyser.csv")
    ...     _ = path.write_text("eruptions,waiting\n3.6,79\n1.8,54\n")
    ...     table = read_table(path, columns=["waiting"])
    >>> table.columns
    ('waiting',)
    >>> table.rows
    array([[79.],
           [54.]])
    """
    table = batches(
        path,
        columns=columns,
        dtype=dtype,
        header=header,
        gaps=gaps,
        format=format,
        delimiter=delimiter,
        decimal=decimal,
        comment=comment,
        gap_marks=gap_marks,
    ).table()
    assert isinstance(table, Table), "no weights were asked for"
    return table


def column_names(
    path: str | os.PathLike[str], *, header: bool | None = None
) -> tuple[str, ...] | None:
    """Read only the names of a file's columns.

    Parameters
    ----------
    path : str or path
        As for `read_table`; of several files, the first is read.
    header : bool, optional
        As for `read_table`.

    Returns
    -------
    tuple of str, or None
        All names, those that folders such as ``year=2024`` stand for included, "" for a column of a
        CSV without one; None where the file has no names.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, ValueError, ImportError
        As for `read_table`.
    """
    place = (listed(path) or [Path(as_path(path, "path"))])[0]
    return partitioned(place, file_source(place, None, dialect_of(header))).names
