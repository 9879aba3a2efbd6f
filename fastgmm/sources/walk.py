"""A source that is walked over, batch by batch or whole, as often as it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastgmm.data.ahead import read_ahead
from fastgmm.sources.arrow import import_pyarrow
from fastgmm.sources.blocks import Block, Source
from fastgmm.sources.choice import Choice
from fastgmm.sources.parts import Files, Items, check_same
from fastgmm.sources.rows import Joiner, finite_rows, wanted_of
from fastgmm.tables.table import Table
from fastgmm.typing import Rows

if TYPE_CHECKING:
    import pyarrow

MOST_PLACES = 10
"""The places of this many rows with gaps, or lines that are no rows, are remembered."""


class _Part(NamedTuple):
    """The rows of a block, whose last column may hold their weights."""

    rows: Rows
    weighted: bool
    gaps: NDArray[np.intp]
    kept: Sequence[Any]


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
    kept : tuple of str
        The names of the columns that are kept, ``x0`` and so on by their numbers where the source
        has no names; none before the first item of an iterable.
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
    skipped : int
        How many lines of a CSV the current or last pass has passed over.
    skipped_at : list of str
        Which the first of them are, such as "line 3"; at most 10.
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
        self.kept: tuple[str, ...] = ()
        self.n_rows: int | None = None
        self.reiterable, self.files = source.reiterable, files
        self._reads_ahead = source.reads_ahead
        self.dropped, self.dropped_at = 0, list[str]()
        self.skipped, self.skipped_at = 0, list[str]()
        self._parts = source
        self._where, self._take, self._merged = source.where, take, source.merged
        self._nothing = source.nothing if isinstance(source, Source) else "holds no rows."
        if isinstance(source, Source):
            self.n_rows = source.n_rows
            self._look_at(source)
        elif isinstance(source, Files) and source.reiterable:
            self._look_at(next(source.begun()))
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
        >>> from fastgmm.sources import batches
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

    def with_kept(self, *, whole: bool = False) -> Iterator[tuple[Table, pyarrow.Table]]:
        r"""Begin a pass that gives rows and beside them the columns to keep.

        Parameters
        ----------
        whole : bool, default=False
            Whether to read as much as possible at once, which is faster, rather than a few MiB.

        Yields
        ------
        Table
            Rows as they come, without a batch's size.
        pyarrow.Table
            What is kept of these rows: text of a CSV, the types of Parquet and Arrow otherwise.

        Examples
        --------
        >>> import io
        >>> from fastgmm.sources import batches
        >>> read = batches(io.BytesIO(b"id,a\nx7,1\ny8,2\n"), keep="id")
        >>> for table, kept in read.with_kept():
        ...     print(table.rows.tolist(), kept.to_pydict())
        [[1.0], [2.0]] {'id': ['x7', 'y8']}
        """
        walk = self._beside(whole)
        return read_ahead(walk) if self._reads_ahead and not whole else walk

    def _beside(self, whole: bool) -> Iterator[tuple[Table, pyarrow.Table]]:
        pyarrow = import_pyarrow("columns to keep")
        for _, part in self._read(self._begin(), whole=whole, keeping=True):
            kept = pyarrow.Table.from_arrays(list(part.kept), names=list(self.kept))
            if self._gaps == "drop" and len(part.gaps) and len(self.kept):
                whole_rows = np.ones(len(kept), bool)
                whole_rows[part.gaps] = False
                kept = kept.filter(whole_rows)
            yield Table(part.rows, self.columns), kept

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
        for _, part in self._read(sources, whole=True):
            weighted = part.weighted
            parts.append(part.rows)
        if not any(map(len, parts)):
            nothing = "holds no row without gaps." if self.dropped else self._nothing
            if self.skipped:
                nothing = f"holds no row: {self.skipped} lines that are none were skipped."
            raise ValueError(f"{self._where} {nothing}")
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
        self.skipped, self.skipped_at = 0, []
        return [self._parts] if isinstance(self._parts, Source) else self._parts.begun()

    def _pass(self, sources: Iterable[Source]) -> Iterator[Any]:
        joiner = Joiner(self._batch_rows)
        weighted = False
        for source, part in self._read(sources, whole=False):
            merged, weighted = self._merged or source.merged, part.weighted
            for batch in joiner.add(part.rows) if merged else self._cut(part.rows):
                yield _split(batch) if weighted else batch
        for batch in joiner.rest():
            yield _split(batch) if weighted else batch

    def _cut(self, rows: Rows) -> Iterator[Rows]:
        for start in range(0, len(rows), self._batch_rows):
            yield rows[start : start + self._batch_rows]

    def _look_at(self, source: Source) -> Choice:
        """Choose the columns of a source, and know their names."""
        choice = self._take(source)
        names = source.names or tuple(f"x{i}" for i in range(source.n_columns))
        self.columns, self.kept = choice.names, tuple(names[i] for i in choice.kept)
        return choice

    def _read(
        self, sources: Iterable[Source], *, whole: bool, keeping: bool = False
    ) -> Iterator[tuple[Source, _Part]]:
        """Give the rows of every block."""
        n_before = 0
        previous: Choice | None = None
        for source in sources:
            choice = self._look_at(source)
            check_same(source, choice, previous)
            previous = choice
            if keeping:
                source = source.keeping(choice.kept)
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
                if block.skipped:
                    self._note_skipped(source, block.skipped)
                yield source, _Part(rows, weighted, gaps, block.kept)
            n_before += n_rows

    def _note(self, source: Source, block: Block, gaps: NDArray[np.intp]) -> None:
        """Count rows with gaps, and remember where the first of them are."""
        self.dropped += len(gaps)
        places = block.places(gaps[: MOST_PLACES - len(self.dropped_at)].tolist())
        self.dropped_at += self._named(source, places)

    def _note_skipped(self, source: Source, lines: Sequence[int]) -> None:
        """Count lines that were passed over, and remember the first of them."""
        self.skipped += len(lines)
        places = [f"line {line}" for line in lines[: MOST_PLACES - len(self.skipped_at)]]
        self.skipped_at += self._named(source, places)

    def _named(self, source: Source, places: Sequence[str]) -> list[str]:
        several = len(self.files) > 1
        return [f"{source.where}, {place}" if several else place for place in places]


def _split(batch: Rows) -> tuple[Rows, Rows]:
    return np.ascontiguousarray(batch[:, :-1]), batch[:, -1].copy()
