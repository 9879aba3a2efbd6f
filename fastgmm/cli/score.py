"""The command that scores rows: `fastgmm score`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.cli.inputs import (
    is_large,
    kept_tables,
    name_of,
    open_source,
    say_dropped,
    table_for,
    tables_for,
    taken_gaps,
)
from fastgmm.cli.models import Model, loaded
from fastgmm.cli.novelty import Novelty, novelty_of
from fastgmm.cli.places import check_places
from fastgmm.cli.progress import RowProgress
from fastgmm.cli.results import BINARY, check_ending, row_results
from fastgmm.cli.terminal import about, say
from fastgmm.cli.usage import UsageError
from fastgmm.cli.writers import Field, Form
from fastgmm.sources import Batches, Table
from fastgmm.typing import Flags

NUMBERS_AT_ONCE = 2**20
"""At most this many numbers become text at a time, which bounds the memory of long results."""
ALL = ("log_density", "label", "responsibilities")
"""These are written where `--only` does not say otherwise."""


def score(arguments: argparse.Namespace) -> None:
    """Write the scores of the rows; those of a stream come as its rows do."""
    model = loaded(arguments.model)
    model.set_params(n_threads=arguments.threads)
    novelty = novelty_of(arguments, model)
    fields = _fields(arguments.only or _usual(arguments), len(model.weights_), novelty)
    gaps = taken_gaps(arguments, model)
    if isinstance(model, GaussianMixture):
        model.set_params(missing="em" if gaps == "em" else "error")
    elif gaps == "em":
        raise ValueError(f"{arguments.model} is a posterior, which takes no rows with gaps.")
    # A row with gaps has its line as well, so that scores stay beside their rows.
    kept_gaps = {"error": "error", "drop": "keep", "em": "missing"}[gaps]
    source = open_source(arguments, model=model, gaps=kept_gaps)
    check_places(arguments, [*source.files, Path(arguments.model)])
    check_ending(arguments.output, arguments.json)
    n_rows, pieces = row_pieces(arguments, model, source, len(model.weights_) + 2)
    progress = RowProgress(n_rows, quiet=arguments.quiet, to_file=arguments.output is not None)
    with progress, row_results(form_of(arguments, source), fields) as results:
        for piece in pieces:
            with about(name_of(arguments)):
                scored, whole = _whole_rows(model, piece)
                density = None
                if novelty is not None:
                    density = _density(model, scored.table)
                    novel = novelty.found(density)
                    if arguments.novel_only:
                        scored, density, whole = scored.only(novel), density[novel], None
                found = _scores(model, scored, [field.name for field in fields], density, novelty)
            results.write(found, whole, scored.kept if whole is None else piece.kept)
            progress.done(len(piece.table))
    binary = Path(arguments.output or "").suffix.lower() in BINARY
    nothing = "nulls" if arguments.json or binary else "an empty line"
    lost = "left out" if arguments.novel_only else f"given {nothing}"
    say_dropped(source, "scored by what was observed of them" if gaps == "em" else lost)
    if novelty is not None:
        say(novelty.sentence)


def _usual(arguments: argparse.Namespace) -> tuple[str, ...]:
    """What is written where `--only` says nothing."""
    if arguments.novel_only:
        return ("row", *ALL)
    return ALL if arguments.below is None else ("log_density", "label", "novel", *ALL[2:])


def form_of(arguments: argparse.Namespace, source: Batches) -> Form:
    """How a command that reads rows writes the results of each."""
    return Form(
        arguments.output,
        arguments.json,
        arguments.digits,
        arguments.threads,
        source.kept,
        comes=not source.reiterable,
    )


def _fields(only: Sequence[str], n_components: int, novelty: Novelty | None) -> list[Field]:
    """What is written of each row, in the order in which it was asked for."""
    columns = [f"responsibility_{k}" for k in range(n_components)]
    singles = ("log_density", "label", "row", "novel", *columns)
    known = {name: Field(name, [name]) for name in singles}
    known["responsibilities"] = Field("responsibilities", columns, several=True)
    if unknown := [name for name in only if name not in known]:
        last = f" to responsibility_{n_components - 1}" if n_components > 1 else ""
        raise UsageError(
            f"--only knows {', '.join(ALL)}, row, novel and responsibility_0{last}, not "
            f"{unknown[0]!r}."
        )
    if novelty is None and "novel" in only:
        raise UsageError("--only novel wants to know what is novel: add --below.")
    return [known[name] for name in dict.fromkeys(only)]


class Piece(NamedTuple):
    """Some rows of the data.

    Parameters
    ----------
    numbers : ndarray of int, shape (n_rows,)
        Their numbers, counted from 0.
    table : Table
        The rows, under the names of a model.
    kept : pyarrow.Table, optional
        What is kept of them.
    """

    numbers: Any
    table: Table
    kept: Any = None

    def only(self, flags: Flags) -> Piece:
        """Those rows of which this is true."""
        table = Table(self.table.rows[flags], self.table.columns)
        kept = None if self.kept is None else self.kept.filter(flags)
        return Piece(self.numbers[flags], table, kept)


def row_pieces(
    arguments: argparse.Namespace, model: Model, source: Batches, n_numbers: int
) -> tuple[int | None, Iterator[Piece]]:
    """The rows under the names of a model, some at a time, of which each gives so many numbers.

    A table is read before the results are opened: what cannot be read leaves no file behind.

    Returns
    -------
    n_rows : int or None
        How many rows there are, where that is known.
    pieces : iterator of Piece
    """
    name, n_rows = name_of(arguments), source.n_rows
    whole = source.reiterable and arguments.batch_rows is None and not is_large(source)
    tables: Iterable[tuple[Table, Any]]
    if source.kept:
        tables = kept_tables(model, source, name, whole=whole)
        if whole:
            tables = list(tables)
            n_rows = sum(len(table) for table, _ in tables)
    elif whole:
        tables = [(table_for(model, source, name), None)]
        n_rows = len(tables[0][0])
    else:
        tables = ((table, None) for table, _ in tables_for(model, source, name))
    step = max(1, NUMBERS_AT_ONCE // n_numbers) if whole else None
    return n_rows, _pieces(tables, step)


def _pieces(tables: Iterable[tuple[Table, Any]], step: int | None) -> Iterator[Piece]:
    """Count rows, and cut tables into pieces whose results are not too large."""
    first = 0
    for table, kept in tables:
        for start in range(0, len(table), step or max(1, len(table))):
            stop = len(table) if step is None else min(len(table), start + step)
            numbers = np.arange(first + start, first + stop)
            carried = None if kept is None else kept.slice(start, stop - start)
            yield Piece(numbers, table[start:stop], carried)
        first += len(table)


def _whole_rows(model: Model, piece: Piece) -> tuple[Piece, Flags | None]:
    """The rows that have scores, and which those are: None where all have."""
    if model.missing == "em":
        return piece, None
    whole: Any = np.isfinite(piece.table.rows).all(axis=1)
    return (piece, None) if bool(whole.all()) else (piece.only(whole), whole)


def _density(model: Model, table: Table) -> Any:
    return np.asarray(model.score_samples(table), dtype=np.float64) if len(table) else np.zeros(0)


def _scores(
    model: Model, piece: Piece, names: Sequence[str], density: Any, novelty: Novelty | None
) -> list[Any]:
    """The scores of rows that have some, under their names; densities where they are known."""
    n_components, table = len(model.weights_), piece.table
    if not len(table):
        kinds: dict[str, Any] = dict.fromkeys(("label", "row", "novel"), np.zeros(0, np.int64))
        kinds["responsibilities"] = np.zeros((0, n_components))
        return [kinds.get(name, np.zeros(0)) for name in names]
    found: dict[str, Any] = {"row": piece.numbers}
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
        found["log_density"] = _density(model, table) if density is None else density
    if "novel" in names and novelty is not None:
        found["novel"] = (density < novelty.threshold).astype(np.int64)
    return [found[name] for name in names]
