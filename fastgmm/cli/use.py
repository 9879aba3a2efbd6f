"""The commands that use a model: `fastgmm score`, `impute`, `sample` and `info`."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from fastgmm import GaussianMixture, __version__, load
from fastgmm.cli.inputs import (
    is_large,
    name_of,
    open_source,
    say_dropped,
    table_for,
    tables_for,
    taken_gaps,
)
from fastgmm.cli.machine import model_facts, print_json, score_lines
from fastgmm.cli.models import Model, loaded
from fastgmm.cli.places import check_places
from fastgmm.cli.report import column_names_of, print_components
from fastgmm.cli.terminal import about, open_results, print_pairs
from fastgmm.sources import Batches, Table

NUMBERS_AT_ONCE = 2**18
"""At most this many numbers become text at a time, which bounds the memory of long results."""


def score(arguments: argparse.Namespace) -> None:
    """Write the scores of the rows; those of a stream come as its rows do."""
    model = loaded(arguments.model)
    model.set_params(n_threads=arguments.threads)
    n_components = len(model.weights_)
    gaps = taken_gaps(arguments, model)
    if isinstance(model, GaussianMixture):
        model.set_params(missing="em" if gaps == "em" else "error")
    elif gaps == "em":
        raise ValueError(f"{arguments.model} is a posterior, which takes no rows with gaps.")
    # A row with gaps has its line as well, so that scores stay beside their rows.
    source = open_source(arguments, model=model, gaps="error" if gaps == "error" else "keep")
    check_places(arguments, [*source.files, Path(arguments.model)])
    name, tables = name_of(arguments), _tables(arguments, model, source, n_components + 2)
    with open_results(arguments.output) as stream:
        write = _json_scores(stream) if arguments.json else _csv_scores(stream, n_components)
        stream.flush()
        for table in tables:
            with about(name):
                found = scores(model, table)
            write(*found)
            stream.flush()
    if gaps == "em":
        say_dropped(source, "scored by what was observed of them")
    else:
        say_dropped(source, "given an empty line" if not arguments.json else "given nulls")


def impute(arguments: argparse.Namespace) -> None:
    """Write the rows with what is missing filled in; those of a stream come as they do."""
    model = load(arguments.model).set_params(n_threads=arguments.threads)
    names = column_names_of(model)
    source = open_source(arguments, model=model)
    check_places(arguments, [*source.files, Path(arguments.model)])
    tables = _tables(arguments, model, source, len(names))
    # One generator for all batches: each draws what follows.
    drawn = None if arguments.seed is None else np.random.default_rng(arguments.seed)
    with open_results(arguments.output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if not arguments.json:
            writer.writerow(names)
        stream.flush()
        for table in tables:
            with about(name_of(arguments)):
                rows = model.impute(table, random_state=drawn).tolist()
            if arguments.json:
                for row in rows:
                    print_json({"row": row}, stream)
            else:
                writer.writerows(rows)
            stream.flush()
    say_dropped(source, "filled in")


def _tables(
    arguments: argparse.Namespace, model: Model, source: Batches, n_numbers: int
) -> Iterator[Table]:
    """The rows under the names of a model, some at a time, of which each gives so many numbers.

    A table is read before the results are opened: what cannot be read leaves no file behind.
    """
    name = name_of(arguments)
    if source.reiterable and arguments.batch_rows is None and not is_large(source):
        return _pieces(table_for(model, source, name), n_numbers)
    return (table for table, _ in tables_for(model, source, name))


def scores(model: Model, table: Table) -> tuple[list[Any], list[Any], list[Any]]:
    """The log density, the label and the responsibilities of each row.

    Parameters
    ----------
    model : GaussianMixture
        Fitted.
    table : Table
        The rows, under the model's names.

    Returns
    -------
    tuple of list
        None stands for all three of a row with gaps, unless the model takes them.
    """
    if model.missing == "em":
        return _scores(model, table)
    whole = np.isfinite(table.rows).all(axis=1)
    complete = bool(whole.all())
    if not complete:
        if not whole.any():
            nothing: list[Any] = [None] * len(table)
            return nothing, nothing, nothing
        table = Table(table.rows[whole], table.columns)
    found = _scores(model, table)
    return found if complete else tuple(_spread(one, whole) for one in found)  # type: ignore[return-value]


def _scores(model: Model, table: Table) -> tuple[list[Any], list[Any], list[Any]]:
    shares = model.predict_proba(table)
    # What shares lack to 1 is that of noise, whose label is -1.
    noisy = model.noise_weight_ > 0.0
    labels = (model.predict(table) if noisy else shares.argmax(axis=1)).tolist()
    return model.score_samples(table).tolist(), labels, shares.tolist()


def _spread(values: list[Any], whole: Any) -> list[Any]:
    """Put values where a row is whole, and None elsewhere."""
    rest = iter(values)
    return [next(rest) if one else None for one in whole.tolist()]


Writer: TypeAlias = Callable[[list[Any], list[Any], list[Any]], None]
"""Writes scores as `scores` gives them."""


def _csv_scores(stream: IO[str], n_components: int) -> Writer:
    writer = csv.writer(stream, lineterminator="\n")
    names = [f"responsibility_{k}" for k in range(n_components)]
    writer.writerow(["log_density", "label", *names])
    none = [None] * n_components

    def write(densities: list[Any], labels: list[Any], shares: list[Any]) -> None:
        lines = zip(densities, labels, shares, strict=True)
        writer.writerows([density, label, *(share or none)] for density, label, share in lines)

    return write


def _json_scores(stream: IO[str]) -> Writer:
    def write(densities: list[Any], labels: list[Any], shares: list[Any]) -> None:
        for line in score_lines(densities, labels, shares):
            print_json(line, stream)

    return write


def _pieces(table: Table, n_numbers: int) -> Iterator[Table]:
    """Cut a table into pieces whose results, so many numbers per row, are not too large."""
    step = max(1, NUMBERS_AT_ONCE // n_numbers)
    for start in range(0, len(table), step):
        yield table[start : start + step]


def sample(arguments: argparse.Namespace) -> None:
    """Write random rows and the component of each."""
    model = loaded(arguments.model)
    rows, labels = model.sample(arguments.n, random_state=arguments.seed)
    names = column_names_of(model)
    step = max(1, NUMBERS_AT_ONCE // len(names))
    with open_results(None) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if not arguments.json:
            writer.writerow([*names, "label"])
        for start in range(0, len(rows), step):
            block, kinds = rows[start : start + step], labels[start : start + step]
            lines = zip(block.tolist(), kinds.tolist(), strict=True)
            if arguments.json:
                for row, label in lines:
                    print_json({"row": row, "label": label}, stream)
            else:
                writer.writerows([*row, label] for row, label in lines)


def info(arguments: argparse.Namespace) -> None:
    """Print what a model is, where it comes from, and its components."""
    model = loaded(arguments.model)
    with open_results(None):
        if arguments.json:
            print_json(model_facts(model, column_names_of(model)) | {"read_by": __version__})
        else:
            _print_info(model)


def _print_info(model: Model) -> None:
    n_iter = getattr(model, "n_iter_", None)
    print_pairs(
        {
            "covariance type": model.covariance_type,
            "components": str(len(model.weights_)),
            "columns": f"{model.n_features_in_} ({', '.join(column_names_of(model))})",
            "precision": str(model.means_.dtype),
            "iterations": "none" if not n_iter else str(n_iter),
            "lower bound": f"{model.lower_bound_:.6f}" if n_iter else "none",
            "converged": "yes" if getattr(model, "converged_", False) else "no",
            "read by": f"fastgmm {__version__}",
        }
    )
    print()
    print_components(model)
