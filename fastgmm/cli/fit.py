"""The commands that fit: `fastgmm fit` and `fastgmm select`."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from fastgmm import Candidate, Criteria, GaussianMixture, Selection, select
from fastgmm.cli.inputs import weighted_table
from fastgmm.cli.progress import GridProgress, Progress
from fastgmm.cli.report import counted, criterion_table, print_components
from fastgmm.cli.stream import fit_stream, wants_stream
from fastgmm.cli.terminal import print_pairs, say
from fastgmm.sources import Table

COLUMNS_IN_PICTURE = 6
"""A picture of more columns than this is hard to read, so the rest are left out of --plot."""


def fit(arguments: argparse.Namespace) -> None:
    """Fit a mixture, save and draw it, and print its components."""
    _check_places(arguments)
    model = _model_of(arguments)
    if wants_stream(arguments):
        if arguments.plot is not None:
            raise ValueError("--plot wants all rows in memory: leave --stream or --plot out.")
        fit_stream(arguments, model)
        return
    table, weights = weighted_table(arguments)
    with Progress(arguments.max_iter, arguments.n_init, quiet=arguments.quiet) as progress:
        model.fit(table, sample_weight=weights, callback=progress)
    if arguments.output is not None:
        model.save(arguments.output)
    if arguments.plot is not None:
        _draw(arguments.plot, model, table, weights)
    # The report is last: whoever reads it may close the pipe, and by then the files are written.
    _print_fit(model, table, weights)


def select_model(arguments: argparse.Namespace) -> None:
    """Fit a grid, save and draw the best, and print the criterion and its components."""
    _check_places(arguments)
    table, weights = weighted_table(arguments)
    n_fits = len(arguments.components) * len(arguments.covariance_types)
    with GridProgress(n_fits, quiet=arguments.quiet) as progress:
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
        )
    if arguments.output is not None:
        chosen.model.save(arguments.output)
    if arguments.table is not None:
        _write_table(arguments.table, chosen)
    if arguments.plot is not None:
        # Only a picture takes the time of this import.
        from fastgmm.plot import save_criterion

        save_criterion(arguments.plot, chosen.table, chosen.criterion)
    _print_grid(chosen)
    _say_failures(chosen)
    _print_fit(chosen.model, table, weights)


def _model_of(arguments: argparse.Namespace) -> GaussianMixture:
    return GaussianMixture(
        arguments.components,
        covariance_type=arguments.covariance_type,
        tol=arguments.tol,
        gap_tol=arguments.gap_tol,
        acceleration=None if arguments.acceleration == "none" else arguments.acceleration,
        reg_covar=arguments.reg_covar,
        on_collapse=arguments.on_collapse,
        max_iter=arguments.max_iter,
        n_init=arguments.n_init,
        init_params=arguments.init,
        random_state=arguments.seed,
        n_threads=arguments.threads,
    )


def _check_places(arguments: argparse.Namespace) -> None:
    """Find out before the fit, not after it, that its results cannot be written."""
    for path in (arguments.output, arguments.plot, getattr(arguments, "table", None)):
        if path is None:
            continue
        if not Path(path).parent.is_dir():
            raise FileNotFoundError(f"There is no folder {Path(path).parent} to write {path} to.")
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder, not a name for a file.")
    if arguments.plot is not None:
        # Only a picture takes the time of this import.
        from fastgmm.plot import check_picture_name

        check_picture_name(arguments.plot)


def _draw(path: str, model: GaussianMixture, table: Table, weights: Any) -> None:
    # Only a picture takes the time of this import.
    from fastgmm.plot import save_mixture

    n_features = table.rows.shape[1]
    features = list(range(min(n_features, COLUMNS_IN_PICTURE)))
    if len(features) < n_features:
        say(f"note: {path} shows the first {len(features)} of {n_features} columns.")
    save_mixture(path, model, table, features=features, sample_weight=weights)


def _write_table(path: str, chosen: Selection) -> None:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Candidate._fields)
        writer.writerows(chosen.table)


def _print_grid(chosen: Selection) -> None:
    collapsed = any(not one.failure and not one.sound for one in chosen.table)
    note = "; ! a component has collapsed, or nearly" if collapsed else ""
    print(f"{chosen.criterion.upper()}, lower is better; * the best of the fits{note}\n")
    print(criterion_table(chosen.table, chosen.criterion), end="\n\n")


def _say_failures(chosen: Selection) -> None:
    failures: dict[str, list[str]] = {}
    for one in chosen.table:
        if one.failure:
            what = f"{one.covariance_type} {one.n_components}"
            failures.setdefault(one.failure, []).append(what)
    for failure, fits in failures.items():
        say(f"note: could not fit {', '.join(fits)}: {failure}")


def _print_fit(model: GaussianMixture, table: Table, weights: Any) -> None:
    statistics = model.e_step(table, sample_weight=weights)  # one pass, for all three numbers
    log_likelihood, weight = statistics.log_likelihood, statistics.weight
    criteria = Criteria(log_likelihood, model.n_parameters, weight)
    print(
        f"{counted(len(model.weights_), 'component')}, {model.covariance_type} covariance, fitted "
        f"to {counted(len(table), 'row')} of {counted(table.rows.shape[1], 'column')}\n"
    )
    print_components(model)
    print()
    print_pairs(
        {
            "log-likelihood per row": f"{log_likelihood / weight:.6f}",
            "BIC": f"{criteria.bic:.3f}",
            "AIC": f"{criteria.aic:.3f}",
            "iterations": str(model.n_iter_),
            "converged": "yes" if model.converged_ else "no",
        }
    )
