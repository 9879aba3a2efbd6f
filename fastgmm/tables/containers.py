"""The door: whatever may hold a table of numbers becomes an array or a frame, or is refused.

`fit`, every score, batches and `fastgmm.sources` open what they were given here, so that all of
them take the same and refuse the rest with the same sentence. No package is imported to tell what
a value is; pyarrow is where a value speaks Arrow's C interface only. What looks at a kind of frame
is loaded with the first of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.limits.scalars import shown
from fastgmm.tables.frames import Frame, is_class, rows_of, sparse_error
from fastgmm.tables.kinds import inside
from fastgmm.tables.numeric import EXACT, as_numbers, is_masked_type, without_mask

if TYPE_CHECKING:
    from fastgmm.tables.table import Table

CPU = 1
"""DLPack calls the memory of the processor device type 1."""

_SQUARE = float(EXACT) ** 2
"""No number is as large as `EXACT` where the sum of squares is less."""

_PLAIN = (list, tuple, float, int, bool, complex, type(None))
"""Nothing of these types is a container of another package."""


def opened(value: Any, name: str) -> NDArray[Any] | Frame:
    """Find the table in what the user gave; numbers and dtype stay as they are.

    Parameters
    ----------
    value : object
        An array, nested lists, a frame, or anything else that holds a table.
    name : str
        What the errors call it, such as "X".

    Returns
    -------
    ndarray or Frame
        Views where they can be made. An array may have any shape and any dtype.

    Raises
    ------
    TypeError
        For what is no table (a dict, a path, a sparse matrix, ``numpy.matrix``); the sentence says
        what to pass.
    ValueError
        For text, and for ragged lists (NumPy's own message).

    Examples
    --------
    >>> opened([[1, 2], [3, 4]], "X").tolist()
    [[1, 2], [3, 4]]
    """
    if type(value) is np.ndarray or isinstance(value, Frame):
        return value
    if isinstance(value, _PLAIN):
        return _of_lists(value, name)
    if isinstance(value, np.ndarray):
        return _plain_array(value, name)
    if is_class(value, "fastgmm", "Table"):
        return _of_table(value)
    frame = frame_of(value)
    if frame is not None:
        frame.check(name)
        return frame
    for package, kind, convert in _CONTAINERS:
        if is_class(value, package, kind):
            return convert(value, name)
    return _of_protocol(value, name)


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


def array_of(value: Any, name: str) -> NDArray[Any]:
    """Numbers of any container, of any shape, as an array of booleans, integers or floats.

    Parameters
    ----------
    value, name
        As for `opened`.

    Returns
    -------
    ndarray

    Raises
    ------
    TypeError, ValueError
        As `opened`, and for values that are no numbers.
    """
    found = opened(value, name)
    return rows_of(found, name) if isinstance(found, Frame) else as_numbers(found, name)


def refuse_series(value: Any) -> None:
    """Refuse a series of pandas where rows are asked for, in scikit-learn's words."""
    if is_class(value, "pandas", "Series"):
        raise ValueError(
            f"Expected a 2-dimensional container but got {type(value)} instead: pass a frame, for "
            "example X.to_frame()."
        )


def is_table(value: Any) -> bool:
    """Whether a value is one table, and not an iterable of tables."""
    if isinstance(value, np.ndarray | Frame | dict | memoryview) or frame_of(value) is not None:
        return True
    if is_class(value, "fastgmm", "Table") or is_class(value, "array", "array"):
        return True
    if hasattr(value, "tocsr"):
        return True
    known = (is_class(value, package, kind) for package, kind, _ in _CONTAINERS)
    marks = ("__array__", "__array_interface__", "__dlpack__", "__arrow_c_stream__")
    return any(known) or any(hasattr(value, mark) for mark in marks) or is_sliceable(value)


def is_sliceable(value: Any) -> bool:
    """Whether a value has a shape, a dtype and slices: an array that may lie elsewhere."""
    return (
        isinstance(getattr(value, "shape", None), tuple)
        and hasattr(value, "dtype")
        and hasattr(type(value), "__getitem__")
    )


def _of_table(table: Table) -> NDArray[Any] | Frame:
    from fastgmm.tables.table import TableFrame

    return table.rows if table.columns is None else TableFrame(table)


def _of_lists(value: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError as error:  # NumPy's sentence is known to many, and does not say what it is of
        raise ValueError(f"{error} This is {name}: pass rows of one length.") from error
    # NumPy has rounded integers that stood among floats. The sum of squares is the quickest way to
    # see that none was so large; where it is NaN, one may have been.
    if array.dtype == np.float64 and not np.vdot(array, array) < _SQUARE:
        return np.asarray(value, dtype=object)
    return array


def _plain_array(array: NDArray[Any], name: str) -> NDArray[Any]:
    if isinstance(array, np.matrix):
        raise TypeError(f"np.matrix is not supported: convert {inside(name)} with numpy.asarray.")
    if is_masked_type(array):
        return without_mask(array, name)  # type: ignore[arg-type]
    return np.asarray(array)


def _of_protocol(value: Any, name: str) -> NDArray[Any] | Frame:
    """Open what is known by what it can do."""
    kind = type(value).__name__
    if hasattr(value, "tocsr"):
        raise sparse_error(name)
    if isinstance(value, str | bytes):
        raise ValueError(
            f"could not convert string to float: {shown(value)}. {name} is text: to read a file, "
            "pass fastgmm.sources.read_table(path)."
        )
    if isinstance(value, dict):
        raise _no_number(kind, f"{name} is a dict: pass a frame of its columns, or rows.")
    if isinstance(value, os.PathLike):
        raise _no_number(kind, f"{name} is a path: pass fastgmm.sources.read_table(path).")
    if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        return _called(np.asarray, value, name)
    if hasattr(value, "__dlpack__"):
        if int(value.__dlpack_device__()[0]) != CPU:
            raise TypeError(
                f"{name} is a {kind} in the memory of another device: copy it to the CPU first."
            )
        return _called(np.from_dlpack, value, name)
    if hasattr(value, "__arrow_c_stream__"):
        return opened(arrow_reader(value, name), name)
    if is_sliceable(value):
        part = value[:] if value.shape else value[()]
        if type(part) is type(value):
            raise TypeError(
                f"{name} is a {kind} whose slices are no arrays: convert it to a NumPy array."
            )
        return opened(part, name)
    array = _called(np.asarray, value, name)
    if array.dtype == object and array.ndim == 0:
        raise _no_number(kind, f"{name} is no table: pass an array, a frame or a list of rows.")
    return array


def _no_number(kind: str, rest: str) -> TypeError:
    return TypeError(f"float() argument must be a string or a real number, not {kind!r}. {rest}")


def _called(convert: Callable[[Any], NDArray[Any]], value: Any, name: str) -> NDArray[Any]:
    """Convert by what another package has written, whose errors do not say what to do."""
    try:
        array = convert(value)
    except (TypeError, RuntimeError, BufferError, NotImplementedError) as error:
        said = " ".join(str(error).split())
        raise TypeError(
            f"{name} is a {type(value).__name__} that gives no NumPy array ({said}): convert it "
            "to one."
        ) from error
    return _plain_array(array, name)


def streams_only(value: Any) -> bool:
    """Whether a value gives a stream by Arrow's C interface, and is known in no other way."""
    return (
        hasattr(value, "__arrow_c_stream__")
        and not hasattr(value, "__array__")
        and frame_of(value) is None
        and not any(is_class(value, package, kind) for package, kind, _ in _CONTAINERS)
    )


def arrow_reader(value: Any, name: str) -> Any:
    """A reader of pyarrow of what gives a stream by Arrow's C interface.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    """
    try:
        import pyarrow  # Only it reads what the interface hands over.
    except ImportError as error:
        raise ImportError(
            f"pyarrow, which reads {name} ({type(value).__name__}), is not installed: "
            "pip install pyarrow."
        ) from error
    return pyarrow.RecordBatchReader.from_stream(value)


def _of_series(value: Any, name: str) -> NDArray[Any]:
    frame = frame_of(value.to_frame())
    assert frame is not None
    return rows_of(frame, name, series=True)[:, 0]


def _of_arrow_array(value: Any, name: str) -> NDArray[Any]:
    import pyarrow  # Its array is there, so that it is loaded.

    frame = frame_of(pyarrow.table({"": value}))
    assert frame is not None
    return rows_of(frame, name, series=True)[:, 0]


def _of_tensor(value: Any, name: str) -> NDArray[Any]:
    if value.device.type != "cpu":
        raise TypeError(f"{name} is a Tensor on {value.device}: pass X.cpu().")
    if value.requires_grad:
        raise TypeError(
            f"{name} is a Tensor that requires grad, and no gradient flows through a mixture: pass "
            "X.detach()."
        )
    return _called(np.asarray, value, name)


def _of_dataset(value: Any, name: str) -> Frame:
    from fastgmm.tables.xarray_sets import set_as_frame

    return set_as_frame(value, name)


def is_spread(value: Any) -> bool:
    """Whether a value is an array or a frame of dask, whose rows may lie on a cluster."""
    return is_class(value, "dask", "Array") or is_class(value, "dask", "DataFrame")


def _native(value: Any, name: str) -> NDArray[Any] | Frame:
    return opened(value.to_native(), name)


def _computed(value: Any, name: str) -> NDArray[Any] | Frame:
    return opened(value.compute(), name)


def _collected(value: Any, name: str) -> NDArray[Any] | Frame:
    return opened(value.collect(), name)


def _read_all(value: Any, name: str) -> NDArray[Any] | Frame:
    return opened(value.read_all(), name)


def _scanned(value: Any, name: str) -> NDArray[Any] | Frame:
    return opened(value.to_table(), name)


_CONTAINERS: tuple[tuple[str, str, Callable[[Any, str], NDArray[Any] | Frame]], ...] = (
    ("pandas", "Series", _of_series),
    ("polars", "Series", _of_series),
    ("pyarrow", "ChunkedArray", _of_arrow_array),
    ("pyarrow", "Array", _of_arrow_array),
    ("pyarrow", "RecordBatchReader", _read_all),
    ("pyarrow", "Dataset", _scanned),
    ("polars", "LazyFrame", _collected),
    ("narwhals", "LazyFrame", _native),
    ("narwhals", "DataFrame", _native),
    ("narwhals", "Series", _native),
    ("dask", "DataFrame", _computed),
    ("dask", "Series", _computed),
    ("dask", "Array", _computed),
    ("torch", "Tensor", _of_tensor),
    ("xarray", "Dataset", _of_dataset),
)
"""Each container that is no frame has its package, the name of its class, and what opens it."""


def _of_pandas(value: Any) -> Frame:
    from fastgmm.tables.pandas_frames import PandasFrame

    return PandasFrame(value)


def _of_polars(value: Any) -> Frame:
    from fastgmm.tables.polars_frames import PolarsFrame

    return PolarsFrame(value)


def _of_arrow(value: Any) -> Frame:
    from fastgmm.tables.arrow_frames import ArrowFrame

    return ArrowFrame(value)


_FRAMES: tuple[tuple[str, str, Callable[[Any], Frame]], ...] = (
    ("pandas", "DataFrame", _of_pandas),
    ("modin", "DataFrame", _of_pandas),
    ("polars", "DataFrame", _of_polars),
    ("pyarrow", "Table", _of_arrow),
    ("pyarrow", "RecordBatch", _of_arrow),
)
"""Each kind of frame has its package, the name of its class, and what looks at it."""
