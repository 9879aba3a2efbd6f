"""Files to rows: CSV, ``.npy`` and Parquet become one checked table of numbers.

A table that leaves this module holds finite numbers only: here the error for a gap or a word can
still name the file, the line and the column, which nothing behind this module knows.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.table import Column, Table, advice, first_bad, positions, refuse_unfit
from fastgmm.typing import Rows

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

DELIMITERS = {".csv": ",", ".tsv": "\t"}
ENDINGS = (*DELIMITERS, ".npy", ".parquet", ".pq")

# What pyarrow.csv takes for a missing number: the header detection and the error messages must
# agree with it (a test compares the two).
GAPS = {"", "NA", "N/A", "#NA", "#N/A", "#N/A N/A", "n/a", "NULL", "null", "NaN", "nan", "-NaN"}
GAPS |= {"-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"}

# A larger .npy file is mapped, so that its pages come and go as the blocks of rows need them.
MAPPED_BYTES = 64 * 2**20

# pyarrow refuses a line longer than its block, which is 1 MiB (some 60,000 numbers) unless told.
CSV_BLOCK_BYTES = 8 * 2**20


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
        names, _, _ = _first_lines(file, DELIMITERS[ending], header)
        return None if names is None else tuple(names)
    if ending == ".npy":
        return None
    with _open_parquet(file) as parquet_file:
        return tuple(parquet_file.schema_arrow.names)


def _checked_file(path: str | os.PathLike[str]) -> tuple[Path, str]:
    file = Path(path)
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise ValueError(f"The name of {file} must end in one of {known}, to say what it holds.")
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder, not a file.")
    if not file.exists():
        raise FileNotFoundError(f"There is no file {file}.")
    if file.stat().st_size == 0:
        raise ValueError(f"{file} is empty.")
    return file, ending


def _read_csv(
    path: Path, columns: Sequence[Column] | None, header: bool | None, dtype: np.dtype[Any]
) -> Table:
    """Read in one pass of pyarrow; only when that fails, look for the place with the csv module."""
    pyarrow = _import_pyarrow("CSV")
    from pyarrow import csv as arrow_csv

    delimiter = DELIMITERS[path.suffix.lower()]
    names, n_fields, n_skipped = _first_lines(path, delimiter, header)
    chosen = positions(path, names, n_fields, columns)
    # Numbers serve as names inside pyarrow: the file's own may be repeated or empty.
    read = [str(position) for position in chosen]
    try:
        table = arrow_csv.read_csv(
            path,
            arrow_csv.ReadOptions(
                column_names=[str(position) for position in range(n_fields)],
                skip_rows_after_names=n_skipped,
                block_size=CSV_BLOCK_BYTES,
            ),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(read, pyarrow.float64()), include_columns=read
            ),
        )
    except pyarrow.ArrowInvalid as error:
        _explain_csv(path, delimiter, names, n_fields, chosen, dtype)
        raise ValueError(f"{path} is not a readable CSV ({_one_line(error)}).") from error
    if table.num_rows == 0:
        raise ValueError(f"{path} holds a line of column names but no rows.")
    rows = _rows_of(table, dtype)
    bad = first_bad(rows)
    if bad is not None:
        _explain_csv(path, delimiter, names, n_fields, chosen, dtype)
        raise ValueError(f"{path}, row {bad[0]} (counted from 0): a value is missing or infinite.")
    return Table(rows, None if names is None else tuple(names[i] for i in chosen))


def _read_npy(path: Path, columns: Sequence[Column] | None, dtype: np.dtype[Any]) -> Table:
    mapped = path.stat().st_size > MAPPED_BYTES
    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is not a whole .npy file of numbers; write it with numpy.save."
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{path} is an .npz archive; save its array of rows with numpy.save.")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{path} holds values of type {array.dtype}, not integers or floats.")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2:
        raise ValueError(f"{path} has {array.ndim} dimensions; rows and columns are 2.")
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
    pyarrow = _import_pyarrow("Parquet")
    with _open_parquet(path) as file:
        schema = file.schema_arrow
        plain = [name for name in schema.names if not name.startswith("__index_level_")]
        if columns is None:
            columns = plain
        chosen = [schema.names[i] for i in positions(path, schema.names, len(schema), columns)]
        for name in chosen:
            if not _is_number(schema.field(name).type):
                fitting = [name for name in plain if _is_number(schema.field(name).type)]
                raise ValueError(
                    f"{path}, column {name!r}: its type is {schema.field(name).type}, "
                    f"not a number; {advice(fitting)}."
                )
        try:
            table = file.read(columns=chosen).select(chosen)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"{path} is damaged ({_one_line(error)}).") from error
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


def _open_parquet(path: Path) -> parquet.ParquetFile:
    pyarrow = _import_pyarrow("Parquet")
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path, page_checksum_verification=True)
    except PermissionError:
        raise
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is not a whole Parquet file ({_one_line(error)}).") from error


def _rows_of(table: pyarrow.Table, dtype: np.dtype[Any]) -> Rows:
    """Copy a pyarrow table into rows; missing values become NaN."""
    rows: Rows = np.empty((table.num_rows, table.num_columns), dtype)
    with np.errstate(over="ignore"):  # what does not fit float32 becomes inf: the caller names it
        for position, column in enumerate(table.columns):
            rows[:, position] = column.cast("float64", safe=False).to_numpy()
    return rows


def _first_lines(
    path: Path, delimiter: str, header: bool | None
) -> tuple[list[str] | None, int, int]:
    """Find the names (or None), the number of fields, and how many lines precede the numbers."""
    try:
        with _open_text(path) as file:
            reader = csv.reader(file, delimiter=delimiter)
            n_blank = 0
            first: list[str] = []
            for first in reader:
                if first:
                    break
                n_blank += 1
            second: list[str] = next((fields for fields in reader if fields), [])
    except csv.Error as error:
        raise ValueError(f"{path} is not a table of text ({error}).") from error
    if not first:
        raise ValueError(f"{path} is empty.")
    if any("\ufffd" in field for field in first):
        raise ValueError(f"{path} is not UTF-8 text; save it as UTF-8.")
    if header is None:
        words = [_number(field) is None for field in first]
        pairs = zip(words, second, strict=False)
        header = all(words) or any(word and _number(field) is not None for word, field in pairs)
    if not header:
        return None, len(first), 0  # pyarrow passes over blank lines itself
    return [field.strip() for field in first], len(first), n_blank + 1


def _explain_csv(
    path: Path,
    delimiter: str,
    names: Sequence[str] | None,
    n_fields: int,
    chosen: Sequence[int],
    dtype: np.dtype[Any],
) -> None:
    """Raise the error for the first bad line; return when the csv module finds none."""
    labels = list(names or map(str, range(n_fields)))
    for line, fields in _numbered_lines(path, delimiter, names is not None):
        if len(fields) != n_fields:
            raise ValueError(
                f"{path}, line {line}: it has {len(fields)} fields, the first line has {n_fields}."
            )
        for position in chosen:
            column = position if names is None else repr(names[position])
            place = f"{path}, line {line}, column {column}"
            value = _number(fields[position])
            if value is None:
                pairs = zip(labels, fields, strict=True)
                fitting = [label for label, field in pairs if _number(field) is not None]
                hint = advice(fitting) if fitting else "commas separate the fields of a .csv"
                raise ValueError(f"{place}: {_short(fields[position])} is not a number; {hint}.")
            refuse_unfit(place, value, dtype)


def _numbered_lines(path: Path, delimiter: str, header: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV with the numbers that an editor shows, the header left out."""
    with _open_text(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for fields in filter(None, reader):
                if not header:
                    yield reader.line_num, fields
                header = False
        except csv.Error as error:
            line = reader.line_num
            raise ValueError(f"{path}, line {line}: it is unreadable ({error}).") from error


def _open_text(path: Path) -> IO[str]:
    """Open a CSV; what is not UTF-8 becomes U+FFFD, for it may stand in a column not chosen."""
    return open(path, encoding="utf-8-sig", errors="replace", newline="")


def _number(field: str) -> float | None:
    """Return the number that a field stands for, NaN for a gap, None for a word."""
    field = field.strip()
    if field in GAPS:
        return math.nan
    try:
        return None if "_" in field else float(field)
    except ValueError:
        return None


def _short(field: str) -> str:
    """Quote a field; an open quotation mark makes one of many lines."""
    return repr(field if len(field) <= 40 else field[:40] + "...")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _is_number(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_decimal)
    return any(test(kind) for test in tests)


def _import_pyarrow(what: str) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(f"Reading {what} needs pyarrow: pip install 'fastgmm[cli]'.") from error
    return pyarrow
