"""Data of any kind and length as batches of rows: files, pipes, frames, iterables of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastgmm.data.ahead import read_ahead
from fastgmm.sources.blocks import Block, Source
from fastgmm.sources.choice import Choice, choose
from fastgmm.sources.dialect import dialect_of
from fastgmm.sources.formats import Format, check_format
from fastgmm.sources.opening import opened_parts
from fastgmm.sources.parts import Files, Items, check_same
from fastgmm.sources.rows import (
    Joiner,
    as_batch_rows,
    check_gaps,
    finite_rows,
    row_dtype,
    wanted_of,
)
from fastgmm.tables.columns import Column, column_list
from fastgmm.tables.table import Table
from fastgmm.typing import Rows

Columns: TypeAlias = (
    Column
    | Sequence[Column]
    | Callable[[tuple[str, ...] | None], Column | Sequence[Column] | None]
    | None
)
"""Columns are chosen so: by name or number, one or more, or by a function of all names."""
MOST_PLACES = 10
"""The places of this many rows with gaps are remembered."""


def batches(
    source: Any,
    *,
    columns: Columns = None,
    weights: Column | None = None,
    batch_rows: int = 65536,
    dtype: DTypeLike = np.float64,
    header: bool | None = None,
    gaps: str = "error",
    format: Format | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    comment: str | None = None,
    gap_marks: str | Sequence[str] = (),
) -> Batches:
    r"""Read data of any length as batches of rows, in memory for one batch and a few MiB.

    Nothing but a header or a schema is read before the batches are.

    Parameters
    ----------
    source : path, file object, array, frame, iterable or callable
        - The path of a ``.csv``, ``.tsv``, ``.npy``, ``.npz``, ``.parquet`` or ``.pq`` file, of
          an Arrow IPC file (``.arrow``, ``.feather``) or stream (``.arrows``), or of a named pipe.
          Text and Arrow streams may be compressed (``.gz``, ``.bz2``, ``.zst``, and whatever begins
          like these). An archive of several arrays holds columns if all have one dimension; else
          ``"rows.npz/X"`` is its array ``X``.
        - A folder of files of one kind, or a pattern such as ``"rows-*.csv"``: all of its files, in
          the order of their names. Hidden files, and those that begin with ``_``, are left out.
          Folders in it such as ``year=2024`` stand for columns, which are read if they are chosen.
        - A URL of these, such as ``"s3://bucket/rows-*.parquet"``, which fsspec opens.
        - An open binary file, a pipe, ``sys.stdin.buffer`` or the ``makefile("rb")`` of a socket,
          which holds an Arrow IPC stream or CSV; its first bytes tell. Stays open.
        - Whatever `GaussianMixture.fit` takes: an array, a `Table`, lists of rows, a frame or table
          of pandas, polars, pyarrow or narwhals.
        - What has a shape, a dtype and slices, such as a dataset of h5py or an array of zarr,
          xarray or dask: each block is one slice of rows. A frame of dask comes part by part.
        - What gives record batches: a lazy frame of polars, a relation of DuckDB, a dataset of
          pyarrow; once, a reader of pyarrow or another stream of Arrow's C interface.
        - A cursor of a database, once, or a `DataLoader` of PyTorch.
        - An iterable of such, or of paths, all with the same columns, or a function that returns
          one, or one table, for each pass.
    columns : str, int, sequence of those, or callable, optional
        The columns of the rows, in this order, by name or by number (counted from 0). A string of
        digits that is no column's name counts as a number. None: all but that of the weights and
        the names of rows that pandas adds to a Parquet file and R to a table. A function gets all
        names of the source, or None, and returns one of these.
    weights : str or int, optional
        The column with the weight of each row.
    batch_rows : int, default=65536
        The size of a batch. Only the last is smaller, whatever the file's own parts, except with
        pipes and iterables: there a batch holds what has come, or an item, at most `batch_rows`.
    dtype : {float64, float32}
        The type of the rows and their weights.
    header : bool, optional
        Whether the first line of a CSV holds names. None finds out: it does if none of its fields
        is a number and all are words, or a column goes on with a number. A line that holds words
        and a number is a row, or refused where it may be either.
    gaps : {"error", "drop", "keep"}
        What to do with rows that have a value missing, NaN or infinite in one of the columns that
        are read, that of the weights included: refuse them, leave them out, or give them with NaN.
    format : {"csv", "tsv", "npy", "npz", "parquet", "arrow", "arrows"}, optional
        What a file holds whose name does not tell, or what comes out of a pipe. "arrows" is a
        stream.
    delimiter : str, optional
        What separates the fields of a CSV: one character, or "whitespace" for any number of blanks
        and tabs. None: a comma, or a semicolon or tab where the first line has only these; a tab in
        ``.tsv``; or what a first line such as ``sep=;`` says.
    decimal : {".", ","}
        What precedes the decimals in a CSV.
    comment : str, optional
        What begins a comment in a CSV, which goes to the end of its line; none inside of quotation
        marks.
    gap_marks : str or sequence of str
        What stands for a missing value in a CSV, as it is written there, besides the common marks:
        nothing, ``NA``, ``N/A``, ``NaN``, ``null``, ``None``, ``n.a.``, ``?``, ``-``, ``.``.

    Returns
    -------
    Batches
        Iterating gives the rows, or pairs of rows and their weights.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is nothing to read at a path, in a folder or under a pattern.
    ValueError
        If an argument has none of the values above, or a column is unknown, chosen twice or not
        of numbers; here or while the batches are read, if the source is damaged or empty, or a
        value is a gap, not a number, or too large for `dtype`: the sentence names the source, the
        line or row, and the column.
    TypeError
        If the source, or an item of it, is none of the above.
    ImportError
        If pyarrow, which reads CSV, Parquet and Arrow, or fsspec, which opens URLs, is not
        installed; the sentence says what to install.

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
    check_gaps(gaps)
    check_format(format)
    dialect = dialect_of(header, delimiter, decimal, comment, gap_marks)
    parts, files = opened_parts(source, format, dialect)
    return Batches(
        parts,
        partial(_chosen, columns=columns, weights=weights),
        batch_rows=as_batch_rows(batch_rows),
        dtype=kind,
        gaps=gaps,
        files=tuple(file for file in files if isinstance(file, Path)),
    )


def _chosen(source: Source, columns: Columns, weights: Column | None) -> Choice:
    found = columns(source.names) if callable(columns) else columns
    return choose(source, column_list(found), weights)


class Batches:
    """Rows of a source, batch by batch; made by `batches`.

    Iterating gives ndarrays of shape (n_rows, n_features), C-contiguous, finite and not shared
    with the source, or pairs of those and their weights of shape (n_rows,), if a column of weights
    was chosen. Each ``iter()`` is a pass from the beginning of the source. Of files, stores and
    queries, the next batch is read on another thread while the last is worked on.

    Attributes
    ----------
    columns : tuple of str or None
        The names of the columns of the rows, without that of the weights; None where the source
        has none, and before the first item of an iterable.
    n_rows : int or None
        The number of rows in the source, those with gaps included; None where only reading tells,
        which it does for CSV, Arrow files and streams, pipes, several files and iterables.
    reiterable : bool
        Whether there can be a second pass: not over a pipe, an open file or an iterator.
    files : tuple of path
        The files of this machine that are read; none where the source is not one of files.
    dropped : int
        How many rows with gaps the current or last pass has left out, or kept with NaN.
    dropped_at : list of str
        Where the first of them stand in the source, such as "line 3"; at most 10.
    """

    def __init__(
        self,
        source: Source | Files | Items,
        take: Callable[[Source], Choice],
        *,
        batch_rows: int,
        dtype: np.dtype[Any],
        gaps: str,
        files: tuple[Path, ...] = (),
    ) -> None:
        self.columns: tuple[str, ...] | None = None
        self.n_rows: int | None = None
        self.reiterable, self.files = source.reiterable, files
        self._reads_ahead = source.reads_ahead
        self.dropped, self.dropped_at = 0, list[str]()
        self._parts = source
        self._where, self._take, self._merged = source.where, take, source.merged
        self._nothing = source.nothing if isinstance(source, Source) else "holds no rows."
        if isinstance(source, Source):
            self.columns, self.n_rows = take(source).names, source.n_rows
        elif isinstance(source, Files) and source.reiterable:
            self.columns = take(next(source.begun())).names
        self._batch_rows, self._dtype, self._gaps = batch_rows, dtype, gaps
        self._begun = False

    def __iter__(self) -> Iterator[Any]:
        """Begin a pass.

        Raises
        ------
        ValueError
            If the source can be read only once and has been.
        """
        walk = self._pass(self._begin())
        return read_ahead(walk) if self._reads_ahead else walk

    def walk_ahead(self) -> Iterator[Any]:
        """Begin a pass that reads ahead, for `fit_batches`: so may pipes and iterables.

        What belongs to the thread of the caller, as a cursor does, is read there.
        """
        sources = self._begin()
        walk = self._pass(sources)
        bound = isinstance(sources, list) and sources[0].reads_ahead is False
        return walk if bound else read_ahead(walk)

    def tables(self) -> Iterator[Table | tuple[Table, Rows]]:
        """Begin a pass whose batches keep the names of their columns, for `partial_fit`.

        Yields
        ------
        Table, or pair of Table and ndarray of shape (n_rows,)
            The rows of a batch, and their weights, if a column of those was chosen.

        Examples
        --------
        >>> for table in batches(Table(np.ones((3, 2)), ("a", "b")), batch_rows=2).tables():
        ...     print(table.columns, len(table))
        ('a', 'b') 2
        ('a', 'b') 1
        """
        for batch in self:
            if isinstance(batch, tuple):
                yield Table(batch[0], self.columns), batch[1]
            else:
                yield Table(batch, self.columns)

    def table(self) -> Table | tuple[Table, Rows]:
        """Read all rows at once, which is faster than batch by batch.

        Returns
        -------
        Table, or pair of Table and ndarray of shape (n_rows,)
            The rows with the names of their columns, and their weights, if a column of those was
            chosen.

        Raises
        ------
        ValueError
            As for `batches`, and if there is no row, or the source can be read only once and has
            been.
        """
        sources = self._begin()
        parts: list[Rows] = []
        weighted = False
        for _, part, has_weights in self._read(sources, whole=True):
            weighted = has_weights
            parts.append(part)
        if not any(map(len, parts)):
            gaps = "holds no row without gaps." if self.dropped else self._nothing
            raise ValueError(f"{self._where} {gaps}")
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if not weighted:
            return Table(rows, self.columns)
        rows, weights = _split(rows)
        return Table(rows, self.columns), weights

    def _begin(self) -> Iterable[Source]:
        if self._begun and not self.reiterable:
            raise ValueError(
                f"{self._where} can be read only once and has been; pass the path of a file, or a "
                "function that returns a new iterator, to read it again."
            )
        self._begun = True
        self.dropped, self.dropped_at = 0, []
        return [self._parts] if isinstance(self._parts, Source) else self._parts.begun()

    def _pass(self, sources: Iterable[Source]) -> Iterator[Any]:
        joiner = Joiner(self._batch_rows)
        weighted = False
        for source, rows, weighted in self._read(sources, whole=False):
            merged = self._merged or source.merged
            for batch in joiner.add(rows) if merged else self._cut(rows):
                yield _split(batch) if weighted else batch
        for batch in joiner.rest():
            yield _split(batch) if weighted else batch

    def _cut(self, rows: Rows) -> Iterator[Rows]:
        for start in range(0, len(rows), self._batch_rows):
            yield rows[start : start + self._batch_rows]

    def _read(
        self, sources: Iterable[Source], *, whole: bool
    ) -> Iterator[tuple[Source, Rows, bool]]:
        """Give the rows of every block, and whether their last column holds the weights."""
        n_before = 0
        previous: Choice | None = None
        for source in sources:
            choice = self._take(source)
            check_same(source, choice, previous)
            previous, self.columns = choice, choice.names
            weighted = choice.weights is not None
            read = choice.columns if choice.weights is None else [*choice.columns, choice.weights]
            wanted = wanted_of(source, read, self._dtype, self._gaps)
            if source.is_item:
                # The rows of an iterable are counted over all of its items.
                wanted = wanted._replace(where=self._where)
            n_rows = 0
            for block in source.whole(read) if whole else source.blocks(read, self._batch_rows):
                n_rows = block.first + block.n_rows
                if source.is_item:
                    block = block._replace(first=n_before + block.first)
                rows, gaps = finite_rows(block, wanted, copy=not whole)
                if len(gaps):
                    self._note(source, block, gaps)
                yield source, rows, weighted
            n_before += n_rows

    def _note(self, source: Source, block: Block, gaps: NDArray[np.intp]) -> None:
        """Count rows with gaps, and remember where the first of them are."""
        self.dropped += len(gaps)
        places = block.places(gaps[: MOST_PLACES - len(self.dropped_at)].tolist())
        several = len(self.files) > 1
        self.dropped_at += [f"{source.where}, {place}" if several else place for place in places]


def _split(batch: Rows) -> tuple[Rows, Rows]:
    return np.ascontiguousarray(batch[:, :-1]), batch[:, -1].copy()
