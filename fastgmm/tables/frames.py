"""Frames of pandas, polars and pyarrow: their names, the types of their columns, their numbers.

This is the only place that knows what such a frame looks like. No package of frames is imported
before a frame of its kind is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

INDEX_OF_PANDAS = "__index_level_"
"""The name of a column begins so where pandas wrote an index without one to Parquet or Arrow."""


@dataclass(frozen=True)
class Frame:
    """A frame as columns from which slices of numbers can be taken.

    Attributes
    ----------
    kind : str
        The name of its class.
    names : tuple of str or None
        The names of its columns; None unless all are strings.
    kinds : tuple of (str or None)
        None for a column of numbers and the name of its type for another.
    n_rows : int
        How many rows it has.
    default : list of int or None
        The columns that count as data if none are chosen; None: all.
    column : callable
        Returns the column with a number.
    numbers : callable
        Returns a column from one row to before another as numbers, NaN where one is missing.
    """

    kind: str
    names: tuple[str, ...] | None
    kinds: tuple[str | None, ...]
    n_rows: int
    default: list[int] | None
    column: Callable[[int], Any]
    numbers: Callable[[Any, int, int], NDArray[Any]]


def frame_of(value: Any) -> Frame | None:
    """Look at a frame as columns of numbers.

    Parameters
    ----------
    value : object
        A DataFrame of pandas or polars, a Table or RecordBatch of pyarrow, or anything else.

    Returns
    -------
    Frame or None
        None if it is no frame.
    """
    for package, name, make in _FRAMES:
        # The class is known by its name: a package that is not imported has made no frame.
        if any(_is_class(kind, package, name) for kind in type(value).__mro__):
            return make(name, value)
    return None


def names_of(value: Any) -> Iterable[Any] | None:
    """The names of the columns of a frame, of whatever type they are.

    Parameters
    ----------
    value : object
        A frame, or anything else that may have named columns.

    Returns
    -------
    iterable or None
        None if it has none.
    """
    # The `columns` of pyarrow are the data.
    names: Any = getattr(value, "column_names", None)
    if names is None:
        names = getattr(value, "columns", None)
    return None if callable(names) else names


def is_pandas(value: Any) -> bool:
    """Whether this is a frame or a series of pandas."""
    return hasattr(value, "iloc")


def pandas_dtypes(value: Any) -> list[Any]:
    """The dtypes of the columns of a pandas frame, or the one of a series."""
    return list(value.dtypes) if value.ndim == 2 else [value.dtype]


def pandas_array(value: Any) -> NDArray[Any] | None:
    """Convert a pandas frame or series, whose nullable columns NumPy would make objects of.

    Parameters
    ----------
    value : DataFrame or Series

    Returns
    -------
    ndarray or None
        Nullable columns become float64, or float32 where all are so; missing values become NaN.
        None for a frame of sparse columns only.
    """
    dtypes = pandas_dtypes(value)
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        return np.asarray(value)
    # The accessor is there only if every column is sparse.
    if value.ndim == 2 and hasattr(value, "sparse"):
        return None
    single = all(getattr(dtype, "numpy_dtype", dtype) == np.float32 for dtype in dtypes)
    array: NDArray[Any] = value.to_numpy(
        dtype=np.float32 if single else np.float64, na_value=np.nan
    )
    return array


def arrow_kinds(schema: pyarrow.Schema) -> tuple[str | None, ...]:
    """None for a column of numbers and the name of its type for any other."""
    return tuple(None if _is_arrow_number(kind) else str(kind) for kind in schema.types)


def plain_columns(schema: pyarrow.Schema) -> list[int]:
    """The columns that are not the index of pandas."""
    return [i for i, name in enumerate(schema.names) if not name.startswith(INDEX_OF_PANDAS)]


def arrow_numbers(column: pyarrow.Array | pyarrow.ChunkedArray) -> NDArray[np.float64]:
    """A column of pyarrow as float64, NaN where a value is missing."""
    from pyarrow import types

    if not types.is_float64(column.type):
        column = column.cast("float64", safe=False)
    chunked = hasattr(column, "chunks")
    numbers: NDArray[np.float64] = (
        column.to_numpy() if chunked else column.to_numpy(zero_copy_only=False)
    )
    return numbers


def _is_arrow_number(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_decimal)
    return any(test(kind) for test in tests)


def _is_class(kind: type, package: str, name: str) -> bool:
    return kind.__name__ == name and kind.__module__.split(".")[0] == package


def _of_pandas(kind: str, frame: Any) -> Frame:
    def numbers(column: Any, start: int, stop: int) -> NDArray[Any]:
        part = column.iloc[start:stop]
        if isinstance(part.dtype, np.dtype):
            return np.asarray(part)
        converted: NDArray[Any] = part.to_numpy(dtype=np.float64, na_value=np.nan)
        return converted

    names = tuple(frame.columns)
    named = bool(names) and all(isinstance(name, str) for name in names)
    return Frame(
        kind,
        names if named else None,
        tuple(None if dtype.kind in "iuf" else str(dtype) for dtype in frame.dtypes),
        len(frame),
        None,
        lambda i: frame.iloc[:, i],
        numbers,
    )


def _of_polars(kind: str, frame: Any) -> Frame:
    def numbers(column: Any, start: int, stop: int) -> NDArray[Any]:
        converted: NDArray[Any] = column.slice(start, stop - start).cast(float).to_numpy()
        return converted

    return Frame(
        kind,
        tuple(frame.columns),
        tuple(None if dtype.is_numeric() else str(dtype) for dtype in frame.dtypes),
        len(frame),
        None,
        frame.to_series,
        numbers,
    )


def _of_arrow(kind: str, table: Any) -> Frame:
    def numbers(column: Any, start: int, stop: int) -> NDArray[Any]:
        return arrow_numbers(column.slice(start, stop - start))

    schema = table.schema
    return Frame(
        kind,
        tuple(schema.names),
        arrow_kinds(schema),
        table.num_rows,
        plain_columns(schema),
        table.column,
        numbers,
    )


_FRAMES: tuple[tuple[str, str, Callable[[str, Any], Frame]], ...] = (
    ("pandas", "DataFrame", _of_pandas),
    ("polars", "DataFrame", _of_polars),
    ("pyarrow", "Table", _of_arrow),
    ("pyarrow", "RecordBatch", _of_arrow),
)
"""Each kind of frame has its package, the name of its class, and what looks at it."""
