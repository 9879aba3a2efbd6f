"""Data of any kind and length as batches of rows: files, pipes, frames, iterables of arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgmm.sources.blocks import Source
from fastgmm.sources.choice import Choice, choose
from fastgmm.sources.formats import Format, check_format, source_of_bytes
from fastgmm.sources.memory import memory_source, parts_of
from fastgmm.sources.rows import Joiner, finite_rows, row_dtype, wanted_of
from fastgmm.tables.columns import Column, column_list
from fastgmm.typing import Rows


def batches(
    source: Any,
    *,
    columns: Column | Sequence[Column] | None = None,
    weights: Column | None = None,
    batch_rows: int = 65536,
    dtype: DTypeLike = np.float64,
    header: bool | None = None,
    gaps: str = "error",
    format: Format | None = None,
) -> Batches:
    r"""Read data of any length as batches of rows, in memory for one batch and a few MiB.

    Nothing but a header or a schema is read before the batches are.

    Parameters
    ----------
    source : path, file object, array, frame, iterable or callable
        - The path of a ``.csv``, ``.tsv``, ``.npy``, ``.parquet`` or ``.pq`` file, of an Arrow IPC
          file (``.arrow``, ``.feather``) or stream (``.arrows``), or of a named pipe.
        - An open binary file, a pipe, ``sys.stdin.buffer`` or the ``makefile("rb")`` of a socket,
          which holds an Arrow IPC stream or CSV; its first bytes tell. Stays open.
        - Whatever `GaussianMixture.fit` takes: an array, a `Table`, lists of rows, a frame or table
          of pandas, polars, pyarrow or narwhals.
        - What has a shape, a dtype and slices, such as a dataset of h5py or an array of zarr or
          dask: each block is one slice of rows. A frame of dask and a dataset of pyarrow come part
          by part, and so does a reader of pyarrow, once.
        - An iterable of such, all with the same columns, or a function that returns one.
    columns : str, int or sequence of those, optional
        The columns of the rows, in this order, by name or by number (counted from 0). None: all
        but that of the weights and the unnamed index that pandas adds to a Parquet file.
    weights : str or int, optional
        The column with the weight of each row.
    batch_rows : int, default=65536
        The size of a batch. Only the last is smaller, whatever the file's own parts, except with
        pipes and iterables: there a batch holds what has come, or an item, at most `batch_rows`.
    dtype : {float64, float32}
        The type of the rows and their weights.
    header : bool, optional
        Whether the first line of a CSV holds names. None finds out: it does if none of its fields
        is a number, or if a column begins with a word and goes on with a number.
    gaps : {"error", "drop"}
        What to do with rows that have a value missing, NaN or infinite in one of the columns that
        are read, that of the weights included: refuse them or leave them out.
    format : {"csv", "tsv", "npy", "parquet", "arrow", "arrows"}, optional
        What a file holds whose name does not tell, or what comes out of a pipe. "arrows" is a
        stream.

    Returns
    -------
    Batches
        Iterating gives the rows, or pairs of rows and their weights.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is nothing to read at a path.
    ValueError
        If an argument has none of the values above, or a column is unknown, chosen twice or not
        of numbers; here or while the batches are read, if the source is damaged or empty, or a
        value is a gap, not a number, or too large for `dtype`: the sentence names the source, the
        line or row, and the column.
    TypeError
        If the source, or an item of it, is none of the above.
    ImportError
        If pyarrow, which reads CSV, Parquet and Arrow, is not installed.

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
    kind = row_dtype(dtype)
    if gaps not in ("error", "drop"):
        raise ValueError(f"gaps must be 'error' or 'drop', got {gaps!r}.")
    if operator.index(batch_rows) < 1:
        raise ValueError(f"batch_rows must be at least 1, got {batch_rows}.")
    check_format(format)
    parts = parts_of(source)
    table: Source | Items | None = None if parts is None else Items(parts[0], reiterable=parts[1])
    table = table or source_of_bytes(source, format, header) or memory_source(source)
    return Batches(
        table or _items_of(source),
        partial(choose, columns=column_list(columns), weights=weights),
        batch_rows=operator.index(batch_rows),
        dtype=kind,
        gaps=gaps,
    )


class Items:
    """An iterable of tables, or a function that returns one.

    Parameters
    ----------
    begin : callable
        Returns the iterable.
    reiterable : bool
        Whether it does so anew each time.
    """

    where = "The source"

    def __init__(self, begin: Callable[[], Iterable[Any]], *, reiterable: bool) -> None:
        self._begin, self.reiterable = begin, reiterable

    def __iter__(self) -> Iterator[Source]:
        """Make a source of each item."""
        for i, item in enumerate(self._begin()):
            where = f"Item {i} of the source"
            source = memory_source(item, where)
            if source is None:
                raise TypeError(
                    f"{where} is of type {type(item).__qualname__}; give arrays of rows and "
                    "columns, or frames of pandas, polars or pyarrow."
                )
            yield source


def _items_of(source: Any) -> Items:
    if callable(source):
        return Items(source, reiterable=True)
    if isinstance(source, Iterable):
        return Items(lambda: source, reiterable=not isinstance(source, Iterator))
    raise TypeError(
        f"A source of type {type(source).__qualname__} cannot be read; pass a path, a binary file "
        "object, an array or a frame, an iterable of those, or a function that returns one."
    )


class Batches:
    """Rows of a source, batch by batch; made by `batches`.

    Iterating gives ndarrays of shape (n_rows, n_features), C-contiguous, finite and not shared
    with the source, or pairs of those and their weights of shape (n_rows,), if a column of weights
    was chosen. Each ``iter()`` is a pass from the beginning of the source.

    Attributes
    ----------
    columns : tuple of str or None
        The names of the columns of the rows, without that of the weights; None where the source
        has none, and before the first item of an iterable.
    n_rows : int or None
        The number of rows in the source, those with gaps included; None where only reading tells,
        which it does for CSV, Arrow files and streams, pipes and iterables.
    reiterable : bool
        Whether there can be a second pass: not over a pipe, an open file or an iterator.
    dropped : int
        How many rows the current or last pass has left out.
    """

    def __init__(
        self,
        source: Source | Items,
        take: Callable[[Source], Choice],
        *,
        batch_rows: int,
        dtype: np.dtype[Any],
        gaps: str,
    ) -> None:
        self.columns: tuple[str, ...] | None = None
        self.n_rows: int | None = None
        self.reiterable = source.reiterable
        self.dropped = 0
        self._parts: Iterable[Source] = [source] if isinstance(source, Source) else source
        self._where, self._take, self._merged = source.where, take, False
        if isinstance(source, Source):
            self.columns, self.n_rows = take(source).names, source.n_rows
            self._merged = source.merged
        self._batch_rows, self._dtype, self._gaps = batch_rows, dtype, gaps
        self._begun = False

    def __iter__(self) -> Iterator[Any]:
        """Begin a pass.

        Raises
        ------
        ValueError
            If the source can be read only once and has been.
        """
        if self._begun and not self.reiterable:
            raise ValueError(
                f"{self._where} can be read only once and has been; pass the path of a file, or a "
                "function that returns a new iterator, to read it again."
            )
        self._begun = True
        self.dropped = 0
        return self._pass()

    def _pass(self) -> Iterator[Any]:
        joiner = Joiner(self._batch_rows)
        weighted = False
        for rows, weighted in self._finite():
            for batch in joiner.add(rows) if self._merged else self._cut(rows):
                yield _split(batch) if weighted else batch
        for batch in joiner.rest():
            yield _split(batch) if weighted else batch

    def _cut(self, rows: Rows) -> Iterator[Rows]:
        for start in range(0, len(rows), self._batch_rows):
            yield rows[start : start + self._batch_rows]

    def _finite(self) -> Iterator[tuple[Rows, bool]]:
        """Give what is good of every block, and whether its last column holds the weights."""
        n_before = dropped = 0
        previous: Choice | None = None
        for source in self._parts:
            choice = self._take(source)
            _check_same(source, choice, previous)
            previous, self.columns = choice, choice.names
            weighted = choice.weights is not None
            read = choice.columns if choice.weights is None else [*choice.columns, choice.weights]
            # The rows of an iterable are counted over all of its items.
            wanted = wanted_of(source, read, self._dtype, self._gaps)._replace(where=self._where)
            n_rows = 0
            for block in source.blocks(read, self._batch_rows):
                n_rows = block.first + block.n_rows
                block = block._replace(first=n_before + block.first)
                rows, more = finite_rows(block, wanted)
                dropped += more
                self.dropped = dropped
                yield rows, weighted
            n_before += n_rows


def _check_same(source: Source, choice: Choice, previous: Choice | None) -> None:
    """Refuse an item of an iterable whose columns are others than those before it."""
    if previous is None:
        return
    if len(choice.columns) != len(previous.columns):
        raise ValueError(
            f"{source.where} has {len(choice.columns)} columns and those before it "
            f"{len(previous.columns)}; give all the same, or choose with columns=."
        )
    if choice.names != previous.names:
        raise ValueError(
            f"{source.where} has columns {choice.names} and those before it {previous.names}; give "
            "all the same, or choose with columns=."
        )


def _split(batch: Rows) -> tuple[Rows, Rows]:
    return np.ascontiguousarray(batch[:, :-1]), batch[:, -1].copy()
