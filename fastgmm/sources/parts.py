"""Data that come as several sources: files one after the other, and iterables of tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from fastgmm.sources.blocks import Source
from fastgmm.sources.choice import Choice
from fastgmm.sources.paths import listed
from fastgmm.sources.places import Place

Opening: TypeAlias = Callable[[Place], Source]
"""Makes a source of a file."""


class Files:
    """Several files, one after the other.

    Parameters
    ----------
    paths : sequence of path or remote file
        At least one.
    opened : callable
        Makes a source of each.
    """

    merged = True

    def __init__(self, paths: Sequence[Place], opened: Opening) -> None:
        self.where = f"The {len(paths)} files from {paths[0]} on"
        # A pipe among them can be read once.
        self.reiterable = not any(map(_is_pipe, paths))
        self.reads_ahead = True if self.reiterable else None
        self._paths, self._opened = paths, opened

    def begun(self) -> Iterator[Source]:
        """Open each file when its turn comes."""
        return map(self._opened, self._paths)


def _is_pipe(path: Place) -> bool:
    return isinstance(path, Path) and path.exists() and not path.is_file()


class Items:
    """An iterable of tables and files, or a function that returns one, or a table.

    Parameters
    ----------
    begin : callable
        Returns the iterable.
    reiterable : bool
        Whether it does so anew each time.
    opened : callable
        Makes a source of a file.
    table : callable
        Makes a source of a table, or returns None.
    """

    where, merged, reads_ahead = "The source", False, None

    def __init__(
        self,
        begin: Callable[[], Iterable[Any]],
        *,
        reiterable: bool,
        opened: Opening,
        table: Callable[[Any, str | None], Source | None],
    ) -> None:
        self._begin, self.reiterable, self._opened, self._table = begin, reiterable, opened, table

    def begun(self) -> Iterable[Source]:
        """Begin on the thread of the caller: one table, as a list, or a source of each item."""
        begun = self._begin()
        if isinstance(begun, str | os.PathLike):
            return self._files(begun)
        # A list is one of tables here, never one of rows.
        single = None if isinstance(begun, list | tuple) else self._table(begun, None)
        return self._each(begun) if single is None else [single]

    def _each(self, begun: Iterable[Any]) -> Iterator[Source]:
        for i, item in enumerate(begun):
            if isinstance(item, str | os.PathLike):
                for file in self._files(item):
                    file.merged = False
                    yield file
                continue
            where = f"Item {i} of the source"
            source = self._table(item, where)
            if source is None:
                raise TypeError(
                    f"{where} is of type {type(item).__qualname__}; give arrays of rows and "
                    "columns, frames of pandas, polars or pyarrow, or paths of files."
                )
            source.is_item, source.merged = True, False
            yield source

    def _files(self, name: str | os.PathLike[str]) -> Iterator[Source]:
        return map(self._opened, listed(name) or ())


def check_same(source: Source, choice: Choice, previous: Choice | None) -> None:
    """Refuse a part whose columns are others than those before it.

    Parameters
    ----------
    source : Source
        The part.
    choice, previous : Choice
        Its columns and those of the part before; None before the first.

    Raises
    ------
    ValueError
        If they are not as many, or have other names.
    """
    if previous is None:
        return
    if choice.names is not None and previous.names is not None:
        missing = [name for name in previous.names if name not in choice.names]
        if missing and len(choice.columns) < len(previous.columns):
            raise ValueError(
                f"{source.where} has no column {missing[0]!r}, which those before it have; it has "
                f"{', '.join(map(repr, choice.names))}; give all the same, or choose with columns=."
            )
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
