"""Whole files to rows: CSV, ``.npy`` and Parquet become one checked table of numbers.

A table that leaves this module holds finite numbers only: here the error for a gap or a word can
still name the file, the line and the column, which nothing behind this module knows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.sources.arrow import (
    import_pyarrow,
    is_number,
    numbers_of,
    one_line,
    open_parquet,
    plain_columns,
    refusing,
)
from fastgmm.sources.csv import (
    CSV_BLOCK_BYTES,
    DELIMITERS,
    Head,
    numbered,
    read_head,
    refuse_records,
)
from fastgmm.sources.memory import load_npy
from fastgmm.tables.table import Column, Table, advice, first_bad, positions, refuse_unfit
from fastgmm.typing import Rows

if TYPE_CHECKING:
    import pyarrow

ENDINGS = (*DELIMITERS, ".npy", ".parquet", ".pq")

# A larger .npy file is mapped, so that its pages come and go as the blocks of rows need them.
MAPPED_BYTES = 64 * 2**20


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
    file, ending = _checked_file(path)
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {kind}.")
    if isinstance(columns, str | int):
        columns = [columns]
    if ending in DELIMITERS:
        return _read_csv(file, columns, header, kind)
    if ending == ".npy":
        return _read_npy(file, columns, kind)
    return _read_parquet(file, columns, kind)


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
    file, ending = _checked_file(path)
    if ending in DELIMITERS:
        names = _head(file, DELIMITERS[ending], header).names
        return None if names is None else tuple(names)
    if ending == ".npy":
        return None
    with open_parquet(file) as parquet_file:
        return tuple(parquet_file.schema_arrow.names)


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Find out early that there is no file to read.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no file there.
    ValueError
        If it is empty.
    """
    file = Path(path)
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder, not a file.")
    if not file.exists():
        raise FileNotFoundError(f"There is no file {file}.")
    if file.is_file() and file.stat().st_size == 0:
        raise ValueError(f"{file} is empty.")
    return file


def _checked_file(path: str | os.PathLike[str]) -> tuple[Path, str]:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise ValueError(
            f"The name of {Path(path)} must end in one of {known}, to say what it holds."
        )
    return existing_file(path), ending


def _read_csv(
    path: Path, columns: Sequence[Column] | None, header: bool | None, dtype: np.dtype[Any]
) -> Table:
    """Read in one pass of pyarrow; only when that fails, look for the place with the csv module."""
    pyarrow = import_pyarrow("CSV")
    from pyarrow import csv as arrow_csv

    delimiter = DELIMITERS[path.suffix.lower()]
    head = _head(path, delimiter, header)
    names, n_fields = head.names, head.n_fields
    chosen = positions(path, names, n_fields, columns)
    # Numbers serve as names inside pyarrow: the file's own may be repeated or empty.
    read = [str(position) for position in chosen]
    try:
        table = arrow_csv.read_csv(
            path,
            arrow_csv.ReadOptions(
                column_names=[str(position) for position in range(n_fields)],
                skip_rows_after_names=head.n_records,
                block_size=CSV_BLOCK_BYTES,
            ),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(read, pyarrow.float64()), include_columns=read
            ),
        )
    except pyarrow.ArrowInvalid as error:
        _explain_csv(path, delimiter, head, chosen, dtype)
        raise ValueError(f"{path} is not a readable CSV ({one_line(error)}).") from error
    if table.num_rows == 0:
        raise ValueError(f"{path} holds a line of column names but no rows.")
    rows = _rows_of(table, dtype)
    bad = first_bad(rows)
    if bad is not None:
        _explain_csv(path, delimiter, head, chosen, dtype)
        raise ValueError(f"{path}, row {bad[0]} (counted from 0): a value is missing or infinite.")
    return Table(rows, None if names is None else tuple(names[i] for i in chosen))


def _read_npy(path: Path, columns: Sequence[Column] | None, dtype: np.dtype[Any]) -> Table:
    array = load_npy(path, mapped=path.stat().st_size > MAPPED_BYTES)
    if array.size == 0:
        raise ValueError(f"{path} is empty: its shape is {array.shape}.")
    chosen = positions(path, None, array.shape[1], columns)
    if columns is not None:
        array = array[:, chosen]
    with np.errstate(over="ignore"):  # what does not fit float32 becomes inf and is named below
        rows: Rows = np.asarray(np.ascontiguousarray(array, dtype))
    bad = first_bad(rows)
    if bad is not None:
        place = f"{path}, row {bad[0]} (counted from 0), column {chosen[bad[1]]}"
        refuse_unfit(place, float(array[bad]), dtype)
    return Table(rows, None)


def _read_parquet(path: Path, columns: Sequence[Column] | None, dtype: np.dtype[Any]) -> Table:
    with open_parquet(path) as file:
        schema = file.schema_arrow
        plain = [schema.names[i] for i in plain_columns(schema)]
        if columns is None:
            columns = plain
        chosen = [schema.names[i] for i in positions(path, schema.names, len(schema), columns)]
        for name in chosen:
            if not is_number(schema.field(name).type):
                fitting = [name for name in plain if is_number(schema.field(name).type)]
                raise ValueError(
                    f"{path}, column {name!r}: its type is {schema.field(name).type}, "
                    f"not a number; {advice(fitting)}."
                )
        with refusing(path, "is damaged"):
            table = file.read(columns=chosen).select(chosen)
    if table.num_rows == 0:
        raise ValueError(f"{path} holds columns but no rows.")
    rows = _rows_of(table, dtype)
    bad = first_bad(rows)
    if bad is not None:
        row, position = bad
        value = table.column(position)[row].as_py()
        place = f"{path}, row {row} (counted from 0), column {chosen[position]!r}"
        refuse_unfit(place, math.nan if value is None else float(value), dtype)
    return Table(rows, tuple(chosen))


def _rows_of(table: pyarrow.Table, dtype: np.dtype[Any]) -> Rows:
    """Copy a pyarrow table into rows; missing values become NaN."""
    rows: Rows = np.empty((table.num_rows, table.num_columns), dtype)
    with np.errstate(over="ignore"):  # what does not fit float32 becomes inf: the caller names it
        for position, column in enumerate(table.columns):
            rows[:, position] = numbers_of(column)
    return rows


def _head(path: Path, delimiter: str, header: bool | None) -> Head:
    with _open_text(path) as file:
        return read_head(path, file, delimiter, header)


def _explain_csv(
    path: Path, delimiter: str, head: Head, chosen: Sequence[int], dtype: np.dtype[Any]
) -> None:
    """Raise the error for the first bad line; return when the csv module finds none."""
    with _open_text(path) as file:
        records = numbered(path, file, delimiter)
        if head.names is not None:
            next(records)
        refuse_records(
            path,
            records,
            head.names,
            head.n_fields,
            chosen,
            lambda place, value: refuse_unfit(place, value, dtype),
        )


def _open_text(path: Path) -> IO[str]:
    """Open a CSV; what is not UTF-8 becomes U+FFFD, for it may stand in a column not chosen."""
    return open(path, encoding="utf-8-sig", errors="replace", newline="")
