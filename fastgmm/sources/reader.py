"""Data of any kind and length as batches of rows: files, pipes, frames, iterables of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.sources.blocks import Source
from fastgmm.sources.choice import Choice, choose
from fastgmm.sources.dialect import dialect_of
from fastgmm.sources.formats import Format, check_format
from fastgmm.sources.opening import opened_parts
from fastgmm.sources.rows import as_batch_rows, check_gaps, row_dtype
from fastgmm.sources.walk import Batches
from fastgmm.tables.columns import Column, column_list

Columns: TypeAlias = (
    Column
    | Sequence[Column]
    | Callable[[tuple[str, ...] | None], Column | Sequence[Column] | None]
    | None
)
"""Columns are chosen so: by name or number, one or more, or by a function of all names."""


def batches(
    source: Any,
    *,
    columns: Columns = None,
    weights: Column | None = None,
    keep: Column | Sequence[Column] = (),
    batch_rows: int = 65536,
    dtype: DTypeLike = np.float64,
    header: bool | None = None,
    gaps: str = "error",
    format: Format | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    comment: str | None = None,
    gap_marks: str | Sequence[str] = (),
    bad_lines: str = "error",
) -> Batches:
    r"""Read data of any length as batches of rows, in memory for one batch and a few MiB.

    Nothing but a header or a schema is read before the batches are.

    Parameters
    ----------
    source : path, file object, array, frame, iterable or callable
        - The path of a ``.csv``, ``.tsv``, ``.npy``, ``.npz``, ``.parquet`` or ``.pq`` file, of
          an Arrow IPC file (``.arrow``, ``.feather``) or stream (``.arrows``), or of a named pipe.
          Text and Arrow streams may be compressed (``.gz``, ``.bz2``, ``.zst``, and whatever begins
          like these). An archive of several arrays holds columns if all have one dimension; else
          ``"rows.npz/X"`` is its array ``X``.
        - A folder of files of one kind, or a pattern such as ``"rows-*.csv"``: all of its files, in
          the order of their names. Hidden files, and those that begin with ``_``, are left out.
          Folders in it such as ``year=2024`` stand for columns, which are read if they are chosen.
        - A URL of these, such as ``"s3://bucket/rows-*.parquet"``, which fsspec opens.
        - An open binary file, a pipe, ``sys.stdin.buffer`` or the ``makefile("rb")`` of a socket,
          which holds an Arrow IPC stream or CSV; its first bytes tell. Stays open.
        - Whatever `GaussianMixture.fit` takes: an array, a `Table`, lists of rows, a frame or table
          of pandas, polars, pyarrow or narwhals.
        - What has a shape, a dtype and slices, such as a dataset of h5py or an array of zarr,
          xarray or dask: each block is one slice of rows. A frame of dask comes part by part.
        - What gives record batches: a lazy frame of polars, a relation of DuckDB, a dataset of
          pyarrow; once, a reader of pyarrow or another stream of Arrow's C interface.
        - A cursor of a database, once, or a `DataLoader` of PyTorch.
        - An iterable of such, or of paths, all with the same columns, or a function that returns
          one, or one table, for each pass.
    columns : str, int, sequence of those, or callable, optional
        The columns of the rows, in this order, by name or by number (counted from 0). A string of
        digits that is no column's name counts as a number. None: all but that of the weights and
        the names of rows that pandas adds to a Parquet file and R to a table. A function gets all
        names of the source, or None, and returns one of these.
    weights : str or int, optional
        The column with the weight of each row.
    keep : str, int or sequence of those
        Columns that `Batches.with_kept` gives beside the rows, as they stand: numbers, dates or
        text. They are no columns of the rows unless `columns` says so. Of CSV, Parquet and Arrow.
    batch_rows : int, default=65536
        The size of a batch. Only the last is smaller, whatever the file's own parts, except with
        pipes and iterables: there a batch holds what has come, or an item, at most `batch_rows`.
    dtype : {float64, float32}
        The type of the rows and their weights.
    header : bool, optional
        Whether the first line of a CSV holds names. None finds out: it does if none of its fields
        is a number and all are words, or a column goes on with a number. A line that holds words
        and a number is a row, or refused where it may be either.
    gaps : {"error", "drop", "keep", "missing"}
        What to do with rows that have a value missing, NaN or infinite in one of the columns that
        are read, that of the weights included: refuse them, leave them out, or give them as they
        are, what is missing as NaN; "missing" does so too and refuses infinite values, as a model
        with ``missing="em"`` does.
    format : {"csv", "tsv", "npy", "npz", "parquet", "arrow", "arrows"}, optional
        What a file holds whose name does not tell, or what comes out of a pipe. "arrows" is a
        stream.
    delimiter : str, optional
        What separates the fields of a CSV: one character, or "whitespace" for any number of blanks
        and tabs. None: a comma, or a semicolon or tab where the first line has only these; a tab in
        ``.tsv``; or what a first line such as ``sep=;`` says.
    decimal : {".", ","}
        What precedes the decimals in a CSV.
    comment : str, optional
        What begins a comment in a CSV, which goes to the end of its line; none inside of quotation
        marks.
    gap_marks : str or sequence of str
        What stands for a missing value in a CSV, as it is written there, besides the common marks:
        nothing, ``NA``, ``N/A``, ``NaN``, ``null``, ``None``, ``n.a.``, ``?``, ``-``, ``.``.
    bad_lines : {"error", "skip"}
        What to do with a line of a CSV that is no row, because it has more or fewer fields or a
        word for a number, as a line of names in the middle: refuse it, or pass over it and count
        it in `Batches.skipped`. Then a line end always ends a row, in quotation marks as well.

    Returns
    -------
    Batches
        Iterating gives the rows, or pairs of rows and their weights.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is nothing to read at a path, in a folder or under a pattern.
    ValueError
        If an argument has none of the values above, or a column is unknown, chosen twice or not
        of numbers; here or while the batches are read, if the source is damaged or empty, or a
        value is a gap, not a number, or too large for `dtype`: the sentence names the source, the
        line or row, and the column.
    TypeError
        If the source, or an item of it, is none of the above.
    ImportError
        If pyarrow, which reads CSV, Parquet and Arrow, or fsspec, which opens URLs, is not
        installed; the sentence says what to install.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "geyser.csv")
    ...     _ = path.write_text("eruptions,waiting\n3.6,79\n1.8,54\n,60\n3.3,74\n")
    ...     read = batches(path, columns=["waiting", "eruptions"], batch_rows=2, gaps="drop")
    ...     for rows in read:
    ...         print(rows.tolist())
    [[79.0, 3.6], [54.0, 1.8]]
    [[74.0, 3.3]]
    >>> read.columns, read.dropped
    (('waiting', 'eruptions'), 1)
    """
    kind, kept = row_dtype(dtype), column_list(keep) or []
    if kept and weights is not None:
        raise ValueError("keep and weights do not go together; leave one of them out.")
    check_gaps(gaps)
    check_format(format)
    dialect = dialect_of(header, delimiter, decimal, comment, gap_marks, bad_lines)
    parts, files = opened_parts(source, format, dialect)
    return Batches(
        parts,
        partial(_chosen, columns=columns, weights=weights, keep=kept),
        batch_rows=as_batch_rows(batch_rows),
        dtype=kind,
        gaps=gaps,
        files=tuple(file for file in files if isinstance(file, Path)),
    )


def _chosen(
    source: Source, columns: Columns, weights: Column | None, keep: Sequence[Column]
) -> Choice:
    found = columns(source.names) if callable(columns) else columns
    return choose(source, column_list(found), weights, keep)
