"""The commands that stream: a fit larger than memory, `learn`, and scores as rows come."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastgmm.cli.report import print_components
from fastgmm.cli.terminal import StreamProgress, open_results, print_pairs, say
from fastgmm.estimators.gaussian_mixture import GaussianMixture, load
from fastgmm.sources import Batches, batches
from fastgmm.tables.table import Table

STREAMED_SHARE = 4
"""A file larger than physical memory over this is fitted in batches without being asked."""


def wants_stream(arguments: argparse.Namespace) -> bool:
    """Whether a fit goes through its file batch by batch."""
    if arguments.stream or arguments.checkpoint is not None:
        return True
    try:
        size = Path(arguments.data).stat().st_size
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return False
    return size > memory / STREAMED_SHARE


def fit_stream(arguments: argparse.Namespace, model: GaussianMixture) -> None:
    """`fastgmm fit` in batches; after Ctrl-C the last whole pass is in the file."""
    source = open_source(arguments, weights=arguments.weights)
    progress = StreamProgress(source.n_rows, quiet=arguments.quiet)
    try:
        with progress:
            model.fit_batches(
                _Counted(source, progress),
                callback=progress.iteration,
                checkpoint=arguments.checkpoint,
            )
    except KeyboardInterrupt:
        if arguments.output is not None and hasattr(model, "_parameters"):
            model.save(arguments.output)
            say(f"{arguments.output} holds the model after {model.n_iter_} passes.")
        raise
    if arguments.output is not None:
        model.save(arguments.output)
    print_components(model)
    print()
    print_pairs(
        {
            "rows": str(progress.n_rows),
            "log-likelihood per row": f"{model.lower_bound_:.6f}",
            "passes": str(model.n_iter_),
            "converged": "yes" if model.converged_ else "no",
        }
    )


class _Counted:
    """A source whose walks the progress bar sees."""

    def __init__(self, source: Batches, progress: StreamProgress) -> None:
        self.columns, self.reiterable = source.columns, source.reiterable
        self._source, self._progress = source, progress

    def __iter__(self) -> Iterator[Any]:
        return self._progress.counted(self._source)


def open_source(arguments: argparse.Namespace, *, weights: str | None = None) -> Batches:
    """The batches of a file, or of standard input for ``-``."""
    columns = arguments.columns
    source = sys.stdin.buffer if arguments.data == "-" else arguments.data
    return batches(
        source,
        columns=columns,
        weights=weights,
        batch_rows=arguments.batch_rows,
        dtype=arguments.dtype,
        header=arguments.header,
        gaps=arguments.gaps,
        format=arguments.format,
    )


def rows_for(model: Any, source: Batches) -> Iterator[tuple[Table, Any]]:
    """Tables of the columns that the model knows, found by name where both have names."""
    names = getattr(model, "feature_names_in_", None) if hasattr(model, "_parameters") else None
    for item in source:
        rows, weight = item if isinstance(item, tuple) else (item, None)
        if names is None or source.columns is None:
            yield Table(rows, None if names is None else tuple(names)), weight
            continue
        missing = [name for name in names if name not in source.columns]
        if missing:
            raise ValueError(
                f"there is no column {missing[0]!r} among {', '.join(source.columns)}: the model "
                "was fitted on it; choose columns with --columns."
            )
        chosen = [source.columns.index(name) for name in names]
        yield Table(np.ascontiguousarray(rows[:, chosen]), tuple(names)), weight


def learn(arguments: argparse.Namespace) -> None:
    """Update a model from a stream and write it back in one step, now and then and at the end."""
    path = Path(arguments.model)
    if path.exists():
        model = load(path)
    elif arguments.components is None:
        raise FileNotFoundError(f"there is no model {path}: begin one with --components K.")
    else:
        model = GaussianMixture(
            arguments.components,
            covariance_type=arguments.covariance_type,
            reg_covar=arguments.reg_covar,
            on_collapse=arguments.on_collapse,
            random_state=arguments.seed,
        )
    model.set_params(n_threads=arguments.threads)
    if arguments.half_life is not None:
        model.set_params(half_life=arguments.half_life)
    before = model.n_samples_seen_ if model._learner is not None else 0
    saved = time.monotonic()
    try:
        source = open_source(arguments, weights=arguments.weights)
        for table, weight in rows_for(model, source):
            rows: Any = table
            if not hasattr(model, "_parameters") and model._learner is None:
                rows = Table(table.rows, source.columns)
            model.partial_fit(rows, sample_weight=weight)
            if time.monotonic() - saved >= arguments.save_every:
                _save_if_fitted(model, path)
                saved = time.monotonic()
    except BaseException:
        _save_if_fitted(model, path)  # what was learned before is whole
        raise
    model.save(path)
    stream = model.stream_
    print_pairs(
        {
            "rows learned": str(stream.n_samples - before),
            "rows in all": str(stream.n_samples),
            "log density per row": f"{stream.mean:.6f} +- {stream.deviation:.6f}",
            "updates": str(model.n_iter_),
        }
    )


def _save_if_fitted(model: Any, path: Path) -> None:
    if model._learner is not None and model._learner.mixture is not None:
        model.save(path)


def score_stream(arguments: argparse.Namespace) -> None:
    """Write scores as the rows come, flushed per batch."""
    model = load(arguments.model).set_params(n_threads=arguments.threads)
    names = [f"responsibility_{k}" for k in range(len(model.weights_))]
    with open_results(arguments.output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["log_density", "label", *names])
        stream.flush()
        for table, _ in rows_for(model, open_source(arguments)):
            write_scores(writer, model, table)
            stream.flush()


def write_scores(writer: Any, model: Any, table: Table) -> None:
    """Log density, label and responsibilities of each row."""
    shares = model.predict_proba(table)
    columns = model.score_samples(table).tolist(), shares.argmax(axis=1).tolist()
    lines = zip(*columns, shares.tolist(), strict=True)
    writer.writerows([density, label, *share] for density, label, share in lines)
