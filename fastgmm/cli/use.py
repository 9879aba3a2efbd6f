"""The commands that use a model: `fastgmm score`, `fastgmm sample` and `fastgmm info`."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastgmm import GaussianMixture, __version__, load
from fastgmm.cli.inputs import open_source, table_for, tables_for
from fastgmm.cli.report import column_names_of, print_components
from fastgmm.cli.terminal import open_results, print_pairs
from fastgmm.sources import TABLE_ENDINGS, Table

NUMBERS_AT_ONCE = 2**18
"""At most this many numbers become text at a time, which bounds the memory of long results."""


def score(arguments: argparse.Namespace) -> None:
    """Write the scores of the rows; those of a stream come as its rows do."""
    model = load(arguments.model).set_params(n_threads=arguments.threads)
    n_components = len(model.weights_)
    whole = Path(arguments.data).suffix.lower() in TABLE_ENDINGS
    # A table is read before the results are opened: what cannot be read leaves no file behind.
    tables = (
        _pieces(table_for(model, arguments), n_components + 2)
        if whole
        else _as_they_come(model, arguments)
    )
    with open_results(arguments.output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        names = [f"responsibility_{k}" for k in range(n_components)]
        writer.writerow(["log_density", "label", *names])
        stream.flush()
        for table in tables:
            write_scores(writer, model, table)
            stream.flush()


def write_scores(writer: Any, model: GaussianMixture, table: Table) -> None:
    """Write the log density, the label and the responsibilities of each row.

    Parameters
    ----------
    writer : object
        A writer of the module `csv`.
    model : GaussianMixture
        Fitted.
    table : Table
        The rows, under the model's names.
    """
    shares = model.predict_proba(table)
    columns = model.score_samples(table).tolist(), shares.argmax(axis=1).tolist()
    lines = zip(*columns, shares.tolist(), strict=True)
    writer.writerows([density, label, *share] for density, label, share in lines)


def _pieces(table: Table, n_numbers: int) -> Iterator[Table]:
    """Cut a table into pieces whose results, so many numbers per row, are not too large."""
    step = max(1, NUMBERS_AT_ONCE // n_numbers)
    for start in range(0, len(table), step):
        yield table[start : start + step]


def _as_they_come(model: GaussianMixture, arguments: argparse.Namespace) -> Iterator[Table]:
    for table, _ in tables_for(model, open_source(arguments)):
        yield table


def sample(arguments: argparse.Namespace) -> None:
    """Write random rows and the component of each."""
    model = load(arguments.model)
    rows, labels = model.sample(arguments.n, random_state=arguments.seed)
    names = column_names_of(model)
    step = max(1, NUMBERS_AT_ONCE // len(names))
    with open_results(None) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*names, "label"])
        for start in range(0, len(rows), step):
            block, kinds = rows[start : start + step], labels[start : start + step]
            lines = zip(block.tolist(), kinds.tolist(), strict=True)
            writer.writerows([*row, label] for row, label in lines)


def info(arguments: argparse.Namespace) -> None:
    """Print what a model is, where it comes from, and its components."""
    model = load(arguments.model)
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
