"""Whatever may be read in batches becomes one source, or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from fastgmm.sources.blocks import Source
from fastgmm.sources.csv import CsvSource
from fastgmm.sources.cursors import cursor_source
from fastgmm.sources.dialect import Dialect
from fastgmm.sources.formats import file_source, refuse_dialect, stream_source
from fastgmm.sources.hive import partitioned
from fastgmm.sources.loaders import is_loader, loader_items
from fastgmm.sources.memory import memory_source
from fastgmm.sources.parts import Files, Items, Opening
from fastgmm.sources.paths import listed
from fastgmm.sources.places import Place
from fastgmm.sources.scans import scanned_source
from fastgmm.sources.xarrays import xarray_source
from fastgmm.tables.frames import is_class


def opened_parts(
    source: Any, format: str | None, dialect: Dialect
) -> tuple[Source | Files | Items, tuple[Place, ...]]:
    """Open what the user gave to `fastgmm.sources.batches`.

    Parameters
    ----------
    source : object
    format : str or None
        As for `fastgmm.sources.batches`.
    dialect : Dialect

    Returns
    -------
    parts : Source, Files or Items
    files : tuple of path
        The files that are read; none where the source is not one of files.

    Raises
    ------
    OSError, ValueError, TypeError, ImportError
        As for `fastgmm.sources.batches`.
    """
    opened: Opening = partial(_file, format=format, dialect=dialect)
    places = listed(source)
    if places is not None:
        parts = opened(places[0]) if len(places) == 1 else Files(places, opened)
        return parts, tuple(places)
    single = stream_source(source, format, dialect) or table_source(source)
    if single is not None:
        if not isinstance(single, CsvSource):
            refuse_dialect(single.where, "numbers", dialect)
        return single, ()
    return _items(source, opened), ()


def table_source(value: Any, where: str | None = None) -> Source | None:
    """Make a source of a table, wherever its rows are.

    Parameters
    ----------
    value : object
        A table that can be scanned, a cursor, or what `memory_source` takes.
    where : str, optional
        What the errors call it; by default, what it is.

    Returns
    -------
    Source or None
        None if it is none of these, but may be an iterable of tables.

    Raises
    ------
    ValueError, TypeError, ImportError
        If it is a table, but not one of rows of numbers, or what reads it is not installed.
    """
    return (
        scanned_source(value, where)
        or cursor_source(value)
        or xarray_source(value, where)
        or (None if is_class(value, "dask", "DataFrame") else memory_source(value, where))
    )


def _file(place: Place, format: str | None, dialect: Dialect) -> Source:
    return partitioned(place, file_source(place, format, dialect))


def _items(source: Any, opened: Opening) -> Items:
    """Items of an iterable, or of a function that returns one or a table."""
    begin: Callable[[], Iterable[Any]]
    if is_class(source, "dask", "DataFrame"):
        begin, again = partial(_partitions, source), True
    elif is_loader(source):
        begin, again = partial(loader_items, source), True
    elif callable(source):
        begin, again = source, True
    elif isinstance(source, Iterable):
        begin, again = lambda: source, not isinstance(source, Iterator)
    else:
        raise TypeError(
            f"A source of type {type(source).__qualname__} cannot be read; pass a path, a binary "
            "file object, an array or a frame, an iterable of those, or a function that returns "
            "one."
        )
    return Items(begin, reiterable=again, opened=opened, table=table_source)


def _partitions(frame: Any) -> Iterator[Any]:
    return (frame.partitions[i].compute() for i in range(frame.npartitions))
