"""Frames of polars."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.lazy import lazy
from fastgmm.tables.frames import Frame
from fastgmm.tables.kinds import kind_of_objects
from fastgmm.tables.numeric import EXACT, as_numbers


class PolarsFrame(Frame):
    """A DataFrame of polars."""

    def __init__(self, frame: Any) -> None:
        super().__init__(frame, frame.columns, len(frame))

    @lazy
    def kinds(self) -> tuple[str | None, ...]:
        """What the columns are, looked at when first asked for."""
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
        """Whether all columns are float32."""
        dtypes = self.native.dtypes
        return bool(dtypes) and all(type(dtype).__name__ == "Float32" for dtype in dtypes)

    def column(self, i: int) -> Any:
        """The column with a number."""
        return self.native.to_series(i)

    def first(self, i: int) -> Any:
        """The first value of a column that is there."""
        there = self.column(i).drop_nulls()
        return there[0] if len(there) else None

    def whole(self) -> NDArray[Any] | None:
        """All of it, where all columns are floats of one type."""
        kinds = {type(dtype).__name__ for dtype in self.native.dtypes}
        if kinds in ({"Float64"}, {"Float32"}):
            array: NDArray[Any] = self.native.to_numpy()
            return array
        return None

    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        """A column from one row to before another, NaN where one is missing."""
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
