"""The commands that use a model: `fastgmm impute`, `sample` and `info`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fastgmm import __version__, load
from fastgmm.cli.inputs import name_of, open_source, say_dropped
from fastgmm.cli.machine import model_facts, print_json
from fastgmm.cli.models import loaded
from fastgmm.cli.places import check_places
from fastgmm.cli.progress import RowProgress
from fastgmm.cli.report import column_names_of, print_summary
from fastgmm.cli.results import check_ending, row_results
from fastgmm.cli.score import NUMBERS_AT_ONCE, form_of, row_pieces
from fastgmm.cli.terminal import about, open_results, print_pairs
from fastgmm.cli.writers import Field, Form


def impute(arguments: argparse.Namespace) -> None:
    """Write the rows with what is missing filled in; those of a stream come as they do."""
    model = load(arguments.model).set_params(n_threads=arguments.threads)
    names = column_names_of(model)
    source = open_source(arguments, model=model)
    check_places(arguments, [*source.files, Path(arguments.model)])
    check_ending(arguments.output, arguments.json)
    n_rows, pieces = row_pieces(arguments, model, source, len(names))
    # One generator for all batches: each draws what follows.
    drawn = None if arguments.seed is None else np.random.default_rng(arguments.seed)
    progress = RowProgress(n_rows, quiet=arguments.quiet, to_file=arguments.output is not None)
    fields = [Field("row", names, several=True)]
    with progress, row_results(form_of(arguments, source), fields) as results:
        for piece in pieces:
            with about(name_of(arguments)):
                rows = model.impute(piece.table, random_state=drawn)
            results.write([np.asarray(rows, dtype=np.float64)], None, piece.kept)
            progress.done(len(rows))
    say_dropped(source, "filled in")


def sample(arguments: argparse.Namespace) -> None:
    """Write random rows and the component of each."""
    model = loaded(arguments.model)
    check_places(arguments, [Path(arguments.model)])
    check_ending(arguments.output, arguments.json)
    rows, labels = model.sample(arguments.n, random_state=arguments.seed)
    rows = np.asarray(rows, dtype=np.float64)
    names = column_names_of(model)
    step = max(1, NUMBERS_AT_ONCE // len(names))
    form = Form(arguments.output, arguments.json, arguments.digits)
    fields = [Field("row", names, several=True), Field("label", ["label"])]
    with row_results(form, fields) as results:
        for start in range(0, len(rows), step):
            results.write([rows[start : start + step], labels[start : start + step]])


def info(arguments: argparse.Namespace) -> None:
    """Print what a model is, where it comes from, and its components."""
    model = loaded(arguments.model)
    with open_results(None):
        if arguments.json:
            print_json(model_facts(model, column_names_of(model)) | {"read_by": __version__})
        else:
            print_summary(model)
            print()
            print_pairs(
                {
                    "columns": f"{model.n_features_in_} ({', '.join(column_names_of(model))})",
                    "precision": str(model.means_.dtype),
                    "read by": f"fastgmm {__version__}",
                }
            )
