"""Columns that the folders of a file stand for, as in ``year=2024/month=3/part.parquet``."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

import numpy as np

from fastgmm.sources.blocks import Block, Source
from fastgmm.sources.places import Place

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""A folder of this value holds the rows whose value is missing."""


def is_partition(folder: str) -> bool:
    """Whether the name of a folder is that of a column and a value of it."""
    name, equals, value = folder.partition("=")
    return bool(name and equals and value)


def partitions_of(place: Place) -> dict[str, str]:
    """The columns that the folders above a file stand for, and their values as they are written.

    Examples
    --------
    >>> partitions_of(PurePath("rows/year=2024/town=New%20York/part.parquet"))
    {'year': '2024', 'town': 'New York'}
    """
    folders = filter(is_partition, PurePath(str(place)).parent.parts)
    pairs = (folder.partition("=") for folder in folders)
    return {name: unquote(value) for name, _, value in pairs}


def partitioned(place: Place, source: Source) -> Source:
    """Add the columns of its folders to the source of a file.

    Parameters
    ----------
    place : path or remote file
    source : Source
        The file.

    Returns
    -------
    Source
        `source` itself where there is nothing to add, or it has no names to go by. A column of
        the file precedes one of its folders of the same name.
    """
    names = source.names
    if names is None:
        return source
    added = {name: value for name, value in partitions_of(place).items() if name not in names}
    return PartitionedSource(source, names, added) if added else source


class PartitionedSource(Source):
    """A file with columns that its folders stand for, which are read where they are chosen.

    Parameters
    ----------
    source : Source
        The file.
    names : tuple of str
        The names of its columns.
    added : dict of str to str
        The names and the values of the others.
    """

    def __init__(self, source: Source, names: tuple[str, ...], added: dict[str, str]) -> None:
        numbers = {name: _number(value) for name, value in added.items()}
        own = source.kinds or (None,) * len(names)
        kinds = (*own, *("text" if number is None else None for number in numbers.values()))
        super().__init__(source.where, len(kinds), (*names, *added), kinds)
        self.n_rows, self.nothing = source.n_rows, source.nothing
        self.reiterable, self.merged = source.reiterable, source.merged
        self.default, self.reads_ahead = source.default, source.reads_ahead
        if source.default is None and "" not in names:
            self.default = list(range(len(names)))
        self._source, self._numbers = source, list(numbers.values())
        self._texts, self._kept = list(added.values()), list[int]()

    def blocks(self, chosen: Sequence[int], batch_rows: int) -> Iterator[Block]:
        """Read the file, and repeat the values of its folders."""
        read = self._read(chosen)
        return self._widened(self._source.blocks(read, batch_rows), chosen, read)

    def whole(self, chosen: Sequence[int]) -> Iterator[Block]:
        """Read the file in one piece."""
        read = self._read(chosen)
        return self._widened(self._source.whole(read), chosen, read)

    def keeping(self, kept: Sequence[int]) -> Source:
        """The same source, whose blocks carry along columns of the file and values of folders."""
        other = copy.copy(self)
        other._kept = list(kept)
        other._source = self._source.keeping([i for i in kept if i < self._source.n_columns])
        return other

    def _read(self, chosen: Sequence[int]) -> list[int]:
        # Where no column of the file is chosen, one tells how many rows there are.
        return [i for i in chosen if i < self._source.n_columns] or [self._counting()]

    def _counting(self) -> int:
        return next((i for i, kind in enumerate(self._source.kinds) if kind is None), 0)

    def _widened(
        self, blocks: Iterator[Block], chosen: Sequence[int], read: list[int]
    ) -> Iterator[Block]:
        n_own = self._source.n_columns
        for block in blocks:
            values = block.values
            if list(chosen) != read:
                values = [
                    _column(values, read.index(i))
                    if i < n_own
                    else np.full(block.n_rows, self._numbers[i - n_own])
                    for i in chosen
                ]
            yield block._replace(values=values, kept=self._carried(block))

    def _carried(self, block: Block) -> list[Any]:
        n_own, own = self._source.n_columns, iter(block.kept)
        return [
            next(own) if i < n_own else _repeated(self._texts[i - n_own], block.n_rows)
            for i in self._kept
        ]


def _column(values: Any, position: int) -> Any:
    return values[:, position] if isinstance(values, np.ndarray) else values[position]


def _repeated(text: str, n_rows: int) -> Any:
    # Whoever has blocks with columns that are kept has pyarrow.
    import pyarrow

    return pyarrow.repeat("" if text == NO_VALUE else text, n_rows)


def _number(text: str) -> float | None:
    """The number that a value is, NaN for a missing one, None for text."""
    if text == NO_VALUE:
        return np.nan
    try:
        return float(text)
    except ValueError:
        return None
