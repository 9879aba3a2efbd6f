"""Objects that hold a table and can be asked for it in one way only, for tests of what is taken."""

from typing import Any

import numpy as np
import pyarrow as pa


class WithInterface:
    """It has `__array_interface__`, the oldest protocol of NumPy."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.rows.__array_interface__


class WithArray:
    """It has `__array__`."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.rows


class WithDlpack:
    """It has `__dlpack__`, and says on which device it lies."""

    def __init__(self, rows: np.ndarray, device: int = 1) -> None:
        self.rows, self.device = rows, device

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.rows.__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0


class WithArrowStream:
    """It gives a stream by Arrow's C interface."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class Sliceable:
    """It has a shape, a dtype and slices, and remembers how many rows the largest had."""

    def __init__(self, rows: np.ndarray, chunks: Any = None) -> None:
        self.rows, self.shape, self.dtype, self.chunks = rows, rows.shape, rows.dtype, chunks
        self.largest = 0
        self.slices: list[tuple[int, int]] = []

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self.rows[key]
        self.largest = max(self.largest, len(part))
        self.slices.append((key.start, key.stop))
        return part
