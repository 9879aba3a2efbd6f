"""The commands that fit: `fastgmm fit` and `fastgmm select`."""

from __future__ import annotations

import argparse
import csv
from typing import Any

import numpy as np

from fastgmm import Candidate, Criteria, Selection, select
from fastgmm.cli.inputs import (
    check_names,
    gap_facts,
    labelled_table,
    name_of,
    open_source,
    say_constant,
    say_gaps,
    weighted_table,
)
from fastgmm.cli.machine import model_facts, print_json
from fastgmm.cli.models import Model, bound_of, model_of
from fastgmm.cli.places import check_places
from fastgmm.cli.progress import GridProgress, Progress
from fastgmm.cli.report import column_names_of, print_summary
from fastgmm.cli.stream import fit_stream, wants_stream
from fastgmm.cli.terminal import about, naming, open_results, say
from fastgmm.sources import Table

COLUMNS_IN_PICTURE = 6
"""A picture of more columns than this is hard to read, so the rest are left out of --plot."""


def fit(arguments: argparse.Namespace) -> None:
    """Fit a mixture, save and draw it, and print its components."""
    model = model_of(arguments)
    source = open_source(arguments)
    check_places(arguments, source.files)
    check_names(arguments, source)
    if wants_stream(arguments, source):
        fit_stream(arguments, model, source)
        return
    table, weights = weighted_table(source)
    say_gaps(arguments, source)
    with about(name_of(arguments)):
        table, labels = labelled_table(arguments, table)
    say_constant(table)
    known = {"sample_weight": weights} | ({} if labels is None else {"labels": labels})
    with (
        about(name_of(arguments)),
        Progress(
            arguments.max_iter, arguments.n_init, quiet=arguments.quiet, bound=bound_of(arguments)
        ) as progress,
    ):
        model.fit(table, callback=progress, **known)
    if arguments.output is not None:
        with naming(arguments.output):
            model.save(arguments.output)
    if arguments.plot is not None:
        _draw(arguments, model, table, weights)
    # The report is last: whoever reads it may close the pipe, and by then the files are written.
    with open_results(None):
        if arguments.json:
            print_json(_fit_facts(model, table, known) | gap_facts(arguments, source))
        elif not arguments.quiet:
            print_summary(model, table, **known)


def select_model(arguments: argparse.Namespace) -> bool:
    """Fit a grid, save and draw the best, and print the criterion and its components.

    Returns
    -------
    bool
        Whether the best has converged, and nothing has collapsed in it; what is wrong with the
        others is what they were fitted to find out.
    """
    source = open_source(arguments)
    check_places(arguments, source.files)
    check_names(arguments, source)
    table, weights = weighted_table(source)
    say_gaps(arguments, source)
    say_constant(table)
    n_fits = len(arguments.components) * len(arguments.covariance_types)
    with about(name_of(arguments)), GridProgress(n_fits, quiet=arguments.quiet) as progress:
        chosen = select(
            table,
            arguments.components,
            arguments.covariance_types,
            arguments.criterion,
            sample_weight=weights,
            random_state=arguments.seed,
            n_threads=arguments.threads,
            callback=progress,
            n_init=arguments.n_init,
            init_params=arguments.init,
            max_iter=arguments.max_iter,
            reg_covar=arguments.reg_covar,
            on_collapse=arguments.on_collapse,
            missing="em" if arguments.gaps == "em" else "error",
            noise=arguments.noise,
        )
    if arguments.output is not None:
        with naming(arguments.output):
            chosen.model.save(arguments.output)
    if arguments.table is not None:
        _write_table(arguments.table, chosen)
    if arguments.plot is not None:
        # Only a picture takes the time of this import.
        from fastgmm.plot import save_criterion

        save_criterion(arguments.plot, chosen.table, chosen.criterion)
    _say_failures(chosen)
    known = {"sample_weight": weights}
    with open_results(None):
        if arguments.json:
            grid = [one._asdict() for one in chosen.table]
            facts = _fit_facts(chosen.model, table, known) | gap_facts(arguments, source)
            print_json({"criterion": chosen.criterion, "table": grid} | facts)
        elif not arguments.quiet:
            print(chosen.summary(), end="\n\n")
            print_summary(chosen.model, table, **known)
    return chosen.best.sound and chosen.best.converged


def _draw(arguments: argparse.Namespace, model: Model, table: Table, weights: Any) -> None:
    # Only a picture takes the time of this import.
    from fastgmm.plot import save_mixture

    features, n_features = arguments.plot_columns, table.rows.shape[1]
    if features is None:
        features = list(range(min(n_features, COLUMNS_IN_PICTURE)))
        if len(features) < n_features:
            say(
                f"note: {arguments.plot} shows the first {len(features)} of {n_features} columns; "
                "choose others with --plot-columns."
            )
    elif table.columns is None:
        features = [int(name) if name.isdecimal() else name for name in features]
    save_mixture(arguments.plot, model, table, features=features, sample_weight=weights)


def _write_table(path: str, chosen: Selection) -> None:
    with open_results(None if path == "-" else path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Candidate._fields)
        writer.writerows(chosen.table)


def _say_failures(chosen: Selection) -> None:
    failures: dict[str, list[str]] = {}
    for one in chosen.table:
        if one.failure:
            what = f"{one.covariance_type} {one.n_components}"
            failures.setdefault(one.failure, []).append(what)
    for failure, fits in failures.items():
        say(f"note: could not fit {', '.join(fits)}: {failure}")


def _fit_facts(model: Model, table: Table, known: dict[str, Any]) -> dict[str, Any]:
    """What `--json` prints of a fit, for which one pass over the rows is enough."""
    statistics = model.e_step(table, **known)
    weights = known["sample_weight"]
    # Rows without any value say nothing, and criteria do not count them.
    nothing = np.isnan(table.rows).all(axis=1)
    empty = float(np.count_nonzero(nothing) if weights is None else weights @ nothing)
    n = statistics.weight - empty
    criteria = Criteria(statistics.log_likelihood, model.n_parameters, n)
    return {
        "n_rows": len(table),
        "log_likelihood": statistics.log_likelihood / statistics.weight,
        "bic": criteria.bic,
        "aic": criteria.aic,
        "model": model_facts(model, column_names_of(model)),
    }
