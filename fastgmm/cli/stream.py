"""The commands that learn from a stream: a fit larger than memory, and `fastgmm learn`."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastgmm import GaussianMixture, load
from fastgmm.cli.inputs import open_source, tables_for
from fastgmm.cli.progress import StreamProgress
from fastgmm.cli.report import print_components
from fastgmm.cli.terminal import print_pairs, say
from fastgmm.sources import Batches

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
        if arguments.output is not None and model.is_fitted:
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


def learn(arguments: argparse.Namespace) -> None:
    """Update a model from a stream and write it back in one step, now and then and at the end."""
    path = Path(arguments.model)
    model = _model_to_teach(arguments, path)
    before = _n_seen(model)
    saved = time.monotonic()
    try:
        source = open_source(arguments, weights=arguments.weights)
        for table, weights in tables_for(model, source):
            model.partial_fit(table, sample_weight=weights)
            if time.monotonic() - saved >= arguments.save_every:
                _save_what_is_learned(model, path, before)
                saved = time.monotonic()
    except BaseException:
        # What was learned before the error is whole, so it is kept.
        _save_what_is_learned(model, path, before)
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


def _model_to_teach(arguments: argparse.Namespace, path: Path) -> GaussianMixture:
    """Load the model of this file, or make a new one where there is none."""
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
    return model


def _n_seen(model: GaussianMixture) -> int:
    """How many rows of streams a model has seen, 0 before the first."""
    return int(getattr(model, "n_samples_seen_", 0))


def _save_what_is_learned(model: GaussianMixture, path: Path, before: int) -> None:
    if model.is_fitted and _n_seen(model) > before:
        model.save(path)
