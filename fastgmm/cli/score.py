"""The command that scores rows: `fastgmm score`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.cli.inputs import (
    is_large,
    name_of,
    open_source,
    say_dropped,
    table_for,
    tables_for,
    taken_gaps,
)
from fastgmm.cli.models import Model, loaded
from fastgmm.cli.places import check_places
from fastgmm.cli.progress import RowProgress
from fastgmm.cli.results import Field, Form, row_results
from fastgmm.cli.terminal import about
from fastgmm.sources import Batches, Table

NUMBERS_AT_ONCE = 2**20
"""At most this many numbers become text at a time, which bounds the memory of long results."""
ALL = ("log_density", "label", "responsibilities")
"""These are written where `--only` does not say otherwise."""


def score(arguments: argparse.Namespace) -> None:
    """Write the scores of the rows; those of a stream come as its rows do."""
    model = loaded(arguments.model)
    model.set_params(n_threads=arguments.threads)
    fields = _fields(arguments.only or ALL, len(model.weights_))
    gaps = taken_gaps(arguments, model)
    if isinstance(model, GaussianMixture):
        model.set_params(missing="em" if gaps == "em" else "error")
    elif gaps == "em":
        raise ValueError(f"{arguments.model} is a posterior, which takes no rows with gaps.")
    # A row with gaps has its line as well, so that scores stay beside their rows.
    source = open_source(arguments, model=model, gaps="error" if gaps == "error" else "keep")
    check_places(arguments, [*source.files, Path(arguments.model)])
    name = name_of(arguments)
    n_rows, tables = row_tables(arguments, model, source, len(model.weights_) + 2)
    form = Form(arguments.output, arguments.json, arguments.digits, arguments.threads)
    progress = RowProgress(n_rows, quiet=arguments.quiet, to_file=arguments.output is not None)
    with progress, row_results(form, fields) as results:
        for table in tables:
            with about(name):
                rows, whole = _whole_rows(model, table)
                found = _scores(model, rows, [field.name for field in fields])
            results.write(found, whole)
            progress.done(len(table))
    nothing = "nulls" if arguments.json or is_binary(arguments.output) else "an empty line"
    what = "scored by what was observed of them" if gaps == "em" else f"given {nothing}"
    say_dropped(source, what)


def is_binary(path: str | None) -> bool:
    """Whether a file of this name is no text."""
    return path is not None and Path(path).suffix.lower() in (".npy", ".parquet", ".pq")


def _fields(only: Sequence[str], n_components: int) -> list[Field]:
    """What is written of each row, in the order in which it was asked for."""
    columns = [f"responsibility_{k}" for k in range(n_components)]
    known = {name: Field(name, [name]) for name in ("log_density", "label", *columns)}
    known["responsibilities"] = Field("responsibilities", columns, several=True)
    if unknown := [name for name in only if name not in known]:
        last = f" to responsibility_{n_components - 1}" if n_components > 1 else ""
        raise ValueError(
            f"--only knows {', '.join(ALL)} and responsibility_0{last}, not {unknown[0]!r}."
        )
    return [known[name] for name in dict.fromkeys(only)]


def row_tables(
    arguments: argparse.Namespace, model: Model, source: Batches, n_numbers: int
) -> tuple[int | None, Iterator[Table]]:
    """The rows under the names of a model, some at a time, of which each gives so many numbers.

    A table is read before the results are opened: what cannot be read leaves no file behind.

    Returns
    -------
    n_rows : int or None
        How many rows there are, where that is known.
    tables : iterator of Table
    """
    name = name_of(arguments)
    if source.reiterable and arguments.batch_rows is None and not is_large(source):
        table = table_for(model, source, name)
        return len(table), _pieces(table, n_numbers)
    return source.n_rows, (table for table, _ in tables_for(model, source, name))


def _pieces(table: Table, n_numbers: int) -> Iterator[Table]:
    """Cut a table into pieces whose results, so many numbers per row, are not too large."""
    step = max(1, NUMBERS_AT_ONCE // n_numbers)
    for start in range(0, len(table), step):
        yield table[start : start + step]


def _whole_rows(model: Model, table: Table) -> tuple[Table, Any]:
    """The rows that have scores, and which those are: None where all have."""
    if model.missing == "em":
        return table, None
    whole = np.isfinite(table.rows).all(axis=1)
    if whole.all():
        return table, None
    return Table(table.rows[whole], table.columns), whole


def _scores(model: Model, table: Table, names: Sequence[str]) -> list[Any]:
    """The scores of rows that have some, under their names."""
    n_components = len(model.weights_)
    if not len(table):
        kinds = {"label": np.zeros(0, np.int64), "responsibilities": np.zeros((0, n_components))}
        return [kinds.get(name, np.zeros(0)) for name in names]
    found: dict[str, Any] = {}
    if any(name.startswith("responsibilit") for name in names):
        shares = np.asarray(model.predict_proba(table), dtype=np.float64)
        found["responsibilities"] = shares
        found |= {f"responsibility_{k}": shares[:, k] for k in range(n_components)}
        # What shares lack to 1 is that of noise, whose label is -1.
        if model.noise_weight_ == 0.0:
            found["label"] = shares.argmax(axis=1)
    if "label" in names and "label" not in found:
        found["label"] = model.predict(table)
    if "log_density" in names:
        found["log_density"] = np.asarray(model.score_samples(table), dtype=np.float64)
    return [found[name] for name in names]
