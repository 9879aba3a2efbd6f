"""Data that come as several sources: files one after the other, and iterables of tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from fastgmm.sources.blocks import Source
from fastgmm.sources.choice import Choice
from fastgmm.sources.memory import memory_source

Opening: TypeAlias = Callable[[Path], Source]
"""Makes a source of a file."""


class Files:
    """Several files, one after the other.

    Parameters
    ----------
    paths : sequence of path
        At least one.
    opened : callable
        Makes a source of each.
    """

    merged = True

    def __init__(self, paths: Sequence[Path], opened: Opening) -> None:
        self.where = f"The {len(paths)} files from {paths[0]} on"
        # A pipe among them can be read once.
        self.reiterable = all(path.is_file() or not path.exists() for path in paths)
        self._paths, self._opened = paths, opened

    def __iter__(self) -> Iterator[Source]:
        """Open each file when its turn comes."""
        return map(self._opened, self._paths)


class Items:
    """An iterable of tables and files, or a function that returns one.

    Parameters
    ----------
    begin : callable
        Returns the iterable.
    reiterable : bool
        Whether it does so anew each time.
    opened : callable
        Makes a source of a file.
    """

    where, merged = "The source", False

    def __init__(
        self, begin: Callable[[], Iterable[Any]], *, reiterable: bool, opened: Opening
    ) -> None:
        self._begin, self.reiterable, self._opened = begin, reiterable, opened

    def __iter__(self) -> Iterator[Source]:
        """Make a source of each item."""
        for i, item in enumerate(self._begin()):
            if isinstance(item, str | os.PathLike):
                yield self._opened(Path(item))
                continue
            where = f"Item {i} of the source"
            source = memory_source(item, where)
            if source is None:
                raise TypeError(
                    f"{where} is of type {type(item).__qualname__}; give arrays of rows and "
                    "columns, frames of pandas, polars or pyarrow, or paths of files."
                )
            yield source


def items_of(source: Any, opened: Opening) -> Items:
    """Make items of an iterable, or of a function that returns one.

    Parameters
    ----------
    source : object
    opened : callable
        Makes a source of a file.

    Returns
    -------
    Items

    Raises
    ------
    TypeError
        If it is neither.
    """
    if callable(source):
        return Items(source, reiterable=True, opened=opened)
    if isinstance(source, Iterable):
        again = not isinstance(source, Iterator)
        return Items(lambda: source, reiterable=again, opened=opened)
    raise TypeError(
        f"A source of type {type(source).__qualname__} cannot be read; pass a path, a binary file "
        "object, an array or a frame, an iterable of those, or a function that returns one."
    )


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
