"""The rows of a command: whole files and streams, with the columns that a model knows."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastgmm.cli.models import Model
from fastgmm.cli.report import counted
from fastgmm.cli.terminal import say
from fastgmm.cli.usage import UsageError
from fastgmm.sources import Batches, Table, batches

BATCH_ROWS = 65536
"""A batch has this many rows unless the user says otherwise."""
STREAMED_SHARE = 4
"""Files larger than physical memory over this are read in batches without being asked."""
SOURCE_GAPS = {"error": "error", "drop": "drop", "em": "missing"}
"""What a source does with rows with gaps, by the word of the command."""
STANDARD_INPUT = "-"
"""This word stands for standard input."""


def open_source(
    arguments: argparse.Namespace,
    *,
    model: Model | None = None,
    gaps: str | None = None,
) -> Batches:
    """Open the data of a command, of which no more than a header is read by now.

    Parameters
    ----------
    arguments : Namespace
        Those of a command that reads.
    model : GaussianMixture, optional
        Its columns are chosen by name, where it and the data have names and the user chooses none.
    gaps : str, optional
        As for `fastgmm.sources.batches`, instead of what `taken_gaps` says.

    Returns
    -------
    Batches
    """
    data: list[str] = arguments.data
    if STANDARD_INPUT in data and len(data) > 1:
        raise UsageError("standard input (-) is read alone, not among files.")
    if data == [STANDARD_INPUT] and sys.stdin is None:
        raise ValueError("standard input is closed; name a file.")
    chosen, labels = arguments.columns, getattr(arguments, "labels", None)
    if chosen is not None and labels is not None:
        chosen = [*chosen, labels]  # it is last
    known = None if model is None else _names_of(model)
    if chosen is None and known is not None:
        chosen = partial(_where_named, known)
    return batches(
        sys.stdin.buffer if data == [STANDARD_INPUT] else data,
        columns=chosen,
        weights=getattr(arguments, "weights", None),
        keep=getattr(arguments, "keep", None) or (),
        batch_rows=getattr(arguments, "batch_rows", None) or BATCH_ROWS,
        dtype=arguments.dtype,
        header=arguments.header,
        gaps=gaps or SOURCE_GAPS[taken_gaps(arguments, model)],
        format=arguments.format,
        delimiter=arguments.delimiter,
        decimal=arguments.decimal,
        comment=arguments.comment,
        gap_marks=arguments.gap_marks,
        bad_lines=arguments.bad_lines,
    )


def taken_gaps(arguments: argparse.Namespace, model: Model | None = None) -> str:
    """What is done about rows with gaps: what the user says, or what a model was fitted with."""
    if arguments.gaps is None:
        return "error" if model is None or model.missing == "error" else "em"
    said: str = arguments.gaps
    return said


def is_large(source: Batches) -> bool:
    """Whether files are too large to be read whole without being asked."""
    try:
        size = sum(path.stat().st_size for path in source.files)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return False
    return size > memory / STREAMED_SHARE


def name_of(arguments: argparse.Namespace) -> str:
    """What errors call the data of a command."""
    data: list[str] = arguments.data
    if data == [STANDARD_INPUT]:
        return "Standard input"
    return data[0] if len(data) == 1 else f"{data[0]} (and {counted(len(data) - 1, 'other')})"


def weighted_table(source: Batches) -> tuple[Table, Any]:
    """Read all rows of the data of a fit.

    Parameters
    ----------
    source : Batches

    Returns
    -------
    table : Table
        The rows, without the column of the weights.
    weights : ndarray or None
        The weights of the rows, where a column of them was chosen.
    """
    table = source.table()
    return (table, None) if isinstance(table, Table) else table


def check_names(arguments: argparse.Namespace, source: Batches) -> None:
    """Refuse columns of one name, which a model could not tell apart, unless they were chosen."""
    names = source.columns or ()
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None and arguments.columns is None:
        raise ValueError(
            f"{name_of(arguments)} has {names.count(twice)} columns named {twice!r}: rename them, "
            "or choose columns by number with --columns."
        )


def say_constant(table: Table) -> None:
    """Say which columns have one value in all rows, of which a mixture learns nothing."""
    with np.errstate(invalid="ignore"):
        constant = np.flatnonzero(np.fmin.reduce(table.rows) == np.fmax.reduce(table.rows))
    if len(table) > 1 and len(constant):
        names = table.columns or tuple(map(str, range(table.rows.shape[1])))
        shown = ", ".join(repr(names[i]) for i in constant[:10])
        more = f" and {len(constant) - 10} more" if len(constant) > 10 else ""
        have = "has" if len(constant) == 1 else "have"
        say(
            f"note: {counted(len(constant), 'column')} {have} one value in all rows: "
            f"{shown}{more}; choose others with --columns."
        )


def labelled_table(arguments: argparse.Namespace, table: Table) -> tuple[Table, Any]:
    """The rows without the column of labels, where one was named, and the labels or None.

    Where rows may have gaps, one in that column says that the label is not known.

    Raises
    ------
    ValueError
        If labels are no whole numbers.
    """
    column = arguments.labels
    if column is None:
        return table, None
    if arguments.columns is not None:
        column = table.rows.shape[1] - 1
    elif arguments.weights is not None and table.columns is None:
        raise UsageError("--labels and --weights of columns without names want --columns as well.")
    table, values = table.without(column)
    values = np.where(np.isnan(values), -1.0, values)
    if (values != np.round(values)).any():
        row = int((values != np.round(values)).argmax())
        raise ValueError(
            f"the label of row {row} is {values[row]:g}: labels are numbers of components from 0, "
            "and -1 where nothing is known."
        )
    return table, values.astype(np.int64)


def table_for(model: Model, source: Batches, name: str) -> Table:
    """Read all rows under the names of a model.

    Parameters
    ----------
    model : GaussianMixture
        Fitted.
    source : Batches
        Opened for the model.
    name : str
        What the error calls it.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        If there are more or fewer columns than the model has.
    """
    table, _ = weighted_table(source)
    return _under_names(model, table, name)


def tables_for(model: Model, source: Batches, name: str) -> Iterator[tuple[Table, Any]]:
    """Give the batches of a source as tables under the names of a model.

    Parameters
    ----------
    model : GaussianMixture
        One that is not fitted yet takes the names of the source.
    source : Batches
        Opened for the model.
    name : str
        What the error calls it.

    Yields
    ------
    table : Table
    weights : ndarray or None
        The weights of the rows, where the source has them.

    Raises
    ------
    ValueError
        If there are no rows, or more or fewer columns than the model has.
    """
    fitted, n_rows = model.is_fitted, 0
    for item in source:
        rows, weights = item if isinstance(item, tuple) else (item, None)
        table = Table(rows, source.columns)
        n_rows += len(rows)
        yield _under_names(model, table, name) if fitted else table, weights
    _check_some(source, n_rows, name)


def kept_tables(
    model: Model, source: Batches, name: str, *, whole: bool
) -> Iterator[tuple[Table, Any]]:
    """Give rows under the names of a model, and the columns that are kept of them.

    Parameters
    ----------
    model, source, name
        As for `table_for`.
    whole : bool
        Whether to read as much as possible at once.

    Yields
    ------
    table : Table
    kept : pyarrow.Table

    Raises
    ------
    ValueError
        If there are no rows, or more or fewer columns than the model has.
    """
    n_rows = 0
    for table, kept in source.with_kept(whole=whole):
        n_rows += len(table)
        yield _under_names(model, table, name), kept
    _check_some(source, n_rows, name)


def _check_some(source: Batches, n_rows: int, name: str) -> None:
    """Refuse data without rows, as a command does that reads them whole."""
    if not n_rows:
        what = "rows without gaps" if source.dropped else "rows"
        raise ValueError(f"{name} holds no {what}.")


def say_gaps(arguments: argparse.Namespace, source: Batches) -> None:
    """Say how many of the rows of a fit had gaps, and what has become of them."""
    em = arguments.gaps == "em"
    say_dropped(source, "taken with what was observed of them" if em else "left out")


def gap_facts(arguments: argparse.Namespace, source: Batches) -> dict[str, int]:
    """What `--json` prints of rows with gaps, left out or taken, and of lines that were skipped."""
    em = arguments.gaps == "em"
    n_dropped, n_with_gaps = (0, source.dropped) if em else (source.dropped, 0)
    return {"n_dropped": n_dropped, "n_with_gaps": n_with_gaps, "n_skipped": source.skipped}


def say_dropped(source: Batches, what: str = "left out") -> None:
    """Say how many rows had gaps and how many lines were skipped, and which the first are.

    Parameters
    ----------
    source : Batches
        After a pass.
    what : str
        What has become of the rows.
    """
    if source.dropped:
        found = _placed(source.dropped, source.dropped_at)
        say(
            f"note: {counted(source.dropped, 'row')} with gaps {_be(source.dropped)} {what}{found}."
        )
    if source.skipped:
        found = _placed(source.skipped, source.skipped_at)
        what = "that is no row" if source.skipped == 1 else "that are no rows"
        lines = counted(source.skipped, "line")
        say(f"note: {lines} {what} {_be(source.skipped)} skipped{found}.")


def _placed(number: int, places: Sequence[str]) -> str:
    n_more = number - len(places)
    return f": {', '.join(places)}{f' and {n_more} more' if n_more else ''}"


def _be(number: int) -> str:
    return "was" if number == 1 else "were"


def _where_named(known: Sequence[str], names: Sequence[str] | None) -> list[str] | None:
    """The names that a model knows, where the data have names."""
    return None if names is None else list(known)


def _under_names(model: Model, table: Table, name: str) -> Table:
    n_features, n_expected = table.rows.shape[1], model.n_features_in_
    if n_features != n_expected:
        raise ValueError(
            f"{name} has {counted(n_features, 'column')} and the model was fitted on "
            f"{n_expected}; choose them with --columns."
        )
    # The columns are chosen by now, and from here on they go by their order.
    return Table(table.rows, _names_of(model))


def _names_of(model: Model) -> tuple[str, ...] | None:
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else tuple(names)
