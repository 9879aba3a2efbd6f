"""Frames of pandas, polars and pyarrow: their names, the types of their columns, their numbers.

This is the only place that knows what such a frame looks like. No package of frames is imported
before a frame of its kind is seen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.tables.kinds import is_time, kind_of_objects, time_error, type_sentence, value_error
from fastgmm.tables.numbers import EXACT, as_numbers, check_exact

if TYPE_CHECKING:
    import pyarrow

INDEX_OF_PANDAS = "__index_level_"
"""The name of a column begins so where pandas wrote an index without one to Parquet or Arrow."""

SHOWN_NAMES = 6
"""An advice lists at most this many columns to choose."""


class Frame(ABC):
    """A frame as columns from which slices of numbers can be taken.

    Attributes
    ----------
    native : object
        The frame itself.
    kind : str
        The name of its class.
    labels : tuple
        What its columns are called, of whatever type.
    n_rows : int
        How many rows it has.
    default : list of int or None
        The columns that count as data if none are chosen; None: all.
    kinds : tuple of (str or None)
        None for a column of numbers and the name of its type for another.
    single : bool
        Whether all columns are float32.
    """

    default: list[int] | None = None

    def __init__(self, native: Any, labels: Iterable[Any], n_rows: int) -> None:
        self.native, self.kind = native, type(native).__name__
        self.labels, self.n_rows = tuple(labels), n_rows

    @property
    @abstractmethod
    def kinds(self) -> tuple[str | None, ...]:
        """What the columns are, looked at when first asked for."""

    @property
    @abstractmethod
    def single(self) -> bool:
        """Whether all columns are float32."""

    @abstractmethod
    def column(self, i: int) -> Any:
        """The column with a number."""

    @abstractmethod
    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        """A column from one row to before another, NaN where one is missing; `at` names it."""

    @abstractmethod
    def first(self, i: int) -> Any:
        """The first value of a column that is there, as Python shows it; None if there is none."""

    def whole(self) -> NDArray[Any] | None:
        """All of it as one array of numbers, where its package has that at hand."""
        return None

    def check(self, name: str) -> None:  # noqa: B027 -- most frames are as they should be
        """Refuse a frame that its columns do not tell is none; `name` is what errors call it."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of all columns; None unless all are strings."""
        return text_names(self.labels)

    @property
    def data_labels(self) -> tuple[Any, ...]:
        """What the columns are called that count as data."""
        chosen = self.default
        return self.labels if chosen is None else tuple(self.labels[i] for i in chosen)


def text_names(labels: Iterable[Any]) -> tuple[str, ...] | None:
    """The names of columns, if all of them are text.

    Parameters
    ----------
    labels : iterable
        What they are called, of whatever type.

    Returns
    -------
    tuple of str, or None
        None if none of them is text, or there are none.

    Raises
    ------
    TypeError
        If some are strings and some are not.
    """
    names = tuple(labels)
    kinds = sorted({"str" if isinstance(name, str) else type(name).__qualname__ for name in names})
    if "str" not in kinds:
        return None
    if len(kinds) > 1:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but "
            f"these are of types {kinds}: rename the columns, or pass an array."
        )
    return names


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
        if is_class(value, package, name):
            return make(value)
    return None


def is_class(value: Any, package: str, name: str) -> bool:
    """Whether a value is of a class of this package and name, or of one that derives from it.

    A package that is not imported has made no value, so that none need be imported to ask.
    """
    return any(
        kind.__name__ == name and kind.__module__.split(".")[0] == package
        for kind in type(value).__mro__
    )


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
    if isinstance(value, Frame):
        return value.data_labels
    # The `columns` of pyarrow are the data.
    names: Any = getattr(value, "column_names", None)
    if names is None:
        names = getattr(value, "columns", None)
    return None if callable(names) else names


def rows_of(frame: Frame, name: str) -> NDArray[Any]:
    """All columns that count as data, as rows of numbers.

    Parameters
    ----------
    frame : Frame
    name : str
        What the user calls it, for the messages.

    Returns
    -------
    ndarray of shape (n_rows, n_columns)
        float32 if all columns are; a view where the package gives one.

    Raises
    ------
    ValueError, TypeError
        For the first column that holds no numbers; as `fastgmm.tables.numbers.as_numbers`.
    """
    whole = frame.whole()
    if whole is not None:
        return as_numbers(whole, name)
    chosen = range(len(frame.labels)) if frame.default is None else frame.default
    for i in chosen:
        if frame.kinds[i] is not None:
            raise _column_error(frame, i, name)
    rows = np.empty((frame.n_rows, len(chosen)), np.float32 if frame.single else np.float64)
    for position, i in enumerate(chosen):
        at = f"{name}, column {frame.labels[i]!r}"
        rows[:, position] = frame.numbers(frame.column(i), 0, frame.n_rows, at)
    return rows


def _column_error(frame: Frame, i: int, name: str) -> Exception:
    kind, at = frame.kinds[i], f"{name}, column {frame.labels[i]!r}"
    assert kind is not None
    if is_time(kind):
        return time_error(at, kind)
    fitting = [label for label, other in zip(frame.labels, frame.kinds, strict=True) if not other]
    advice = "no column holds numbers"
    if fitting:
        more = ", ..." if len(fitting) > SHOWN_NAMES else ""
        shown = ", ".join(map(repr, fitting[:SHOWN_NAMES]))
        advice = f"choose columns of numbers, X[[{shown}{more}]]"
    return value_error(at, frame.first(i), type_sentence(kind, advice))


def plain_columns(schema: pyarrow.Schema) -> list[int]:
    """The columns that are not the index of pandas."""
    return [i for i, name in enumerate(schema.names) if not name.startswith(INDEX_OF_PANDAS)]


def arrow_kinds(schema: pyarrow.Schema) -> tuple[str | None, ...]:
    """None for a column of numbers and the name of its type for any other."""
    return tuple(None if _is_arrow_number(kind) else str(kind) for kind in schema.types)


def arrow_numbers(column: pyarrow.Array | pyarrow.ChunkedArray, at: str) -> NDArray[Any]:
    """A column of pyarrow as floats, NaN where a value is missing; `at` names it in errors."""
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_integer(kind) and kind.bit_width == 64:
        whole = column.drop_null() if column.null_count else column
        check_exact(_arrow_array(whole), at)
    if types.is_boolean(kind):
        column = column.cast("int8")
    if not types.is_float64(kind) and not types.is_float32(kind):
        column = column.cast("float64", safe=False)
    return _arrow_array(column)


def _arrow_array(column: Any) -> NDArray[Any]:
    array: NDArray[Any] = (
        column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)
    )
    return array


def _is_arrow_number(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = (
        *(types.is_integer, types.is_floating, types.is_decimal),
        *(types.is_boolean, types.is_null),
    )
    return any(test(kind) for test in tests)


class _PandasFrame(Frame):
    def __init__(self, frame: Any) -> None:
        super().__init__(frame, frame.columns, len(frame))

    @cached_property
    def _dtypes(self) -> list[Any]:
        return list(self.native.dtypes)

    @cached_property
    def kinds(self) -> tuple[str | None, ...]:
        return tuple(map(self._kind, range(len(self.labels))))

    def _kind(self, i: int) -> str | None:
        dtype = self._dtypes[i]
        if isinstance(dtype, np.dtype) and dtype.kind == "O":
            return kind_of_objects(self.column(i))
        if hasattr(dtype, "categories") and hasattr(dtype, "ordered"):
            categories = dtype.categories
            kind = kind_of_objects(categories) if categories.dtype.kind == "O" else None
            if kind is None and categories.dtype.kind in "biufO":
                return None
            return f"category of {kind or categories.dtype}".replace("object (str)", "text")
        dtype = getattr(dtype, "subtype", dtype) if str(dtype).startswith("Sparse") else dtype
        if dtype.kind in "biuf" or str(dtype).startswith("decimal"):
            return None
        return str(dtype)

    @property
    def single(self) -> bool:
        return bool(self._dtypes) and all(
            getattr(dtype, "numpy_dtype", dtype) == np.float32 for dtype in self._dtypes
        )

    def column(self, i: int) -> Any:
        return self.native.iloc[:, i]

    def first(self, i: int) -> Any:
        values = self.column(i)
        if values.dtype.kind == "O" and isinstance(values.dtype, np.dtype):
            kinds = (value for value in values if kind_of_objects([value]) is not None)
            return next(iter(kinds))
        there = values.dropna()
        return there.iloc[0] if len(there) else None

    def whole(self) -> NDArray[Any] | None:
        dtypes = self._dtypes
        first = dtypes[0] if dtypes else np.dtype(float)
        if isinstance(first, np.dtype) and first.kind in "biuf":
            return np.asarray(self.native) if len(set(dtypes)) <= 1 else None
        return None

    def check(self, name: str) -> None:
        if all(str(dtype).startswith("Sparse") for dtype in self._dtypes) and self._dtypes:
            raise sparse_error(name)

    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        part = column.iloc[start:stop]
        dtype = part.dtype
        if isinstance(dtype, np.dtype):
            return as_numbers(np.asarray(part), at)
        if hasattr(dtype, "categories"):
            values = as_numbers(np.asarray(dtype.categories), at).astype(np.float64)
            # The code of a missing value is -1.
            listed: NDArray[Any] = np.append(values, np.nan)[part.cat.codes.to_numpy()]
            return listed
        if str(dtype).startswith("Sparse"):
            return as_numbers(np.asarray(part), at)
        if dtype.kind in "iu" and dtype.itemsize == 8:
            check_exact(part.dropna().to_numpy(dtype=f"{dtype.kind}8"), at)
        kind = np.float32 if getattr(dtype, "numpy_dtype", None) == np.float32 else np.float64
        converted: NDArray[Any] = part.to_numpy(dtype=kind, na_value=np.nan)
        return converted


class _PolarsFrame(Frame):
    def __init__(self, frame: Any) -> None:
        super().__init__(frame, frame.columns, len(frame))

    @cached_property
    def kinds(self) -> tuple[str | None, ...]:
        return tuple(map(self._kind, range(len(self.labels))))

    def _kind(self, i: int) -> str | None:
        dtype = self.native.dtypes[i]
        name = type(dtype).__name__
        if dtype.is_numeric() or name in ("Boolean", "Null"):
            return None
        if name == "Object":
            return kind_of_objects(self.column(i).to_list())
        # The name of an Enum or a Struct in full lists what it is made of.
        return name if dtype.is_nested() or name == "Enum" else str(dtype)

    @property
    def single(self) -> bool:
        dtypes = self.native.dtypes
        return bool(dtypes) and all(type(dtype).__name__ == "Float32" for dtype in dtypes)

    def column(self, i: int) -> Any:
        return self.native.to_series(i)

    def first(self, i: int) -> Any:
        there = self.column(i).drop_nulls()
        return there[0] if len(there) else None

    def whole(self) -> NDArray[Any] | None:
        kinds = {type(dtype).__name__ for dtype in self.native.dtypes}
        if kinds in ({"Float64"}, {"Float32"}):
            array: NDArray[Any] = self.native.to_numpy()
            return array
        return None

    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        part = column.slice(start, stop - start)
        if type(part.dtype).__name__ == "Object":
            return as_numbers(np.array(part.to_list(), dtype=object), at)
        if part.dtype.is_integer():
            least, most = part.min(), part.max()
            if least is not None and (least < -EXACT or most > EXACT):
                as_numbers(np.array(part.drop_nulls().to_list(), dtype=object), at)
        if type(part.dtype).__name__ != "Float32":
            part = part.cast(float)
        converted: NDArray[Any] = part.to_numpy()
        return converted


class _ArrowFrame(Frame):
    def __init__(self, table: Any) -> None:
        super().__init__(table, table.schema.names, table.num_rows)
        self.default = plain_columns(table.schema)

    @cached_property
    def kinds(self) -> tuple[str | None, ...]:
        return arrow_kinds(self.native.schema)

    @property
    def single(self) -> bool:
        types = self.native.schema.types
        return bool(types) and all(str(kind) == "float" for kind in types)

    def column(self, i: int) -> Any:
        return self.native.column(i)

    def first(self, i: int) -> Any:
        there = self.column(i).drop_null()
        return there[0].as_py() if len(there) else None

    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        return arrow_numbers(column.slice(start, stop - start), at)


def sparse_error(name: str) -> TypeError:
    """Build the error for sparse data, which `name` names."""
    return TypeError(
        f"Sparse data was passed for {name}, but dense data is required: convert it with "
        ".toarray(), or a frame with .sparse.to_dense()."
    )


_FRAMES: tuple[tuple[str, str, Callable[[Any], Frame]], ...] = (
    ("pandas", "DataFrame", _PandasFrame),
    ("modin", "DataFrame", _PandasFrame),
    ("polars", "DataFrame", _PolarsFrame),
    ("pyarrow", "Table", _ArrowFrame),
    ("pyarrow", "RecordBatch", _ArrowFrame),
)
"""Each kind of frame has its package, the name of its class, and what looks at it."""
