"""Frames of pandas: columns of NumPy, nullable, of Arrow, of categories, sparse, of objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.lazy import lazy
from fastgmm.tables.frames import Frame, sparse_error
from fastgmm.tables.kinds import kind_of_objects
from fastgmm.tables.numeric import as_numbers, check_exact


class PandasFrame(Frame):
    """A DataFrame of pandas, or of what behaves as it."""

    def __init__(self, frame: Any) -> None:
        super().__init__(frame, frame.columns, len(frame))

    @lazy
    def _dtypes(self) -> list[Any]:
        return list(self.native.dtypes)

    @lazy
    def kinds(self) -> tuple[str | None, ...]:
        """What the columns are, looked at when first asked for."""
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
        """Whether all columns are float32."""
        return bool(self._dtypes) and all(
            getattr(dtype, "numpy_dtype", dtype) == np.float32 for dtype in self._dtypes
        )

    def column(self, i: int) -> Any:
        """The column with a number."""
        return self.native.iloc[:, i]

    def first(self, i: int) -> Any:
        """The first value of a column that is there."""
        values = self.column(i)
        if values.dtype.kind == "O" and isinstance(values.dtype, np.dtype):
            kinds = (value for value in values if kind_of_objects([value]) is not None)
            return next(iter(kinds))
        there = values.dropna()
        return there.iloc[0] if len(there) else None

    def whole(self) -> NDArray[Any] | None:
        """All of it, where all columns are of one type of NumPy."""
        dtypes = self._dtypes
        first = dtypes[0] if dtypes else np.dtype(float)
        # Long integers are looked at column by column, since an error names the column.
        if not isinstance(first, np.dtype) or len(set(dtypes)) > 1:
            return None
        short = first.kind in "iu" and first.itemsize < 8
        return np.asarray(self.native) if short or first.kind in "bf" else None

    def check(self, name: str) -> None:
        """Refuse a frame of sparse columns only."""
        if all(str(dtype).startswith("Sparse") for dtype in self._dtypes) and self._dtypes:
            raise sparse_error(name)

    def numbers(self, column: Any, start: int, stop: int, at: str) -> NDArray[Any]:
        """A column from one row to before another, NaN where one is missing."""
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
