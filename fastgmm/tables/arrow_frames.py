"""Tables of pyarrow, and the columns that its files and streams hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fastgmm.lazy import lazy
from fastgmm.tables.frames import Frame
from fastgmm.tables.numeric import check_exact

if TYPE_CHECKING:
    import pyarrow

INDEX_OF_PANDAS = "__index_level_"
"""The name of a column begins so where pandas wrote an index without one to Parquet or Arrow."""


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


class ArrowFrame(Frame):
    """A Table or a RecordBatch of pyarrow."""

    def __init__(self, table: Any) -> None:
        super().__init__(table, table.schema.names, table.num_rows)
        self.default = plain_columns(table.schema)

    @lazy
    def kinds(self) -> tuple[str | None, ...]:
        """What the columns are, looked at when first asked for."""
        return arrow_kinds(self.native.schema)

    @property
    def single(self) -> bool:
        """Whether all columns are float32."""
        types = self.native.schema.types
        return bool(types) and all(str(kind) == "float" for kind in types)

    def column(self, i: int) -> Any:
        """The column with a number."""
        return self.native.column(i)

    def first(self, i: int) -> Any:
        """The first value of a column that is there."""
        there = self.column(i).drop_null()
        return there[0].as_py() if len(there) else None

    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        """A column from one row to before another, NaN where one is missing."""
        return arrow_numbers(column.slice(start, stop - start), at)
