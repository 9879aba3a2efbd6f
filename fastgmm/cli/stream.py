"""The commands that learn from a stream: a fit larger than memory, and `fastgmm learn`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastgmm import GaussianMixture, load
from fastgmm.cli.inputs import (
    check_names,
    gap_facts,
    is_large,
    name_of,
    open_source,
    say_gaps,
    tables_for,
    taken_gaps,
)
from fastgmm.cli.machine import model_facts, print_json
from fastgmm.cli.models import Model, bound_of, n_seen
from fastgmm.cli.places import check_places
from fastgmm.cli.progress import StreamProgress
from fastgmm.cli.report import column_names_of, counted, print_summary
from fastgmm.cli.terminal import about, naming, open_results, print_pairs, say
from fastgmm.cli.usage import UsageError
from fastgmm.sources import Batches

OF_A_NEW_MODEL = {
    "n_components": ("components", "--components"),
    "covariance_type": ("covariance_type", "--covariance-type"),
    "reg_covar": ("reg_covar", "--reg-covar"),
    "on_collapse": ("on_collapse", "--on-collapse"),
    "random_state": ("seed", "--seed"),
    "noise": ("noise", "--noise"),
}
"""Parameters of a new model, each with where the parsed words have it and its option; a model that
is there has its own."""


def wants_stream(arguments: argparse.Namespace, source: Batches) -> bool:
    """Whether a fit goes through its data batch by batch.

    Raises
    ------
    ValueError
        If it would have to and cannot, or an option is for batches only.
    """
    option = "--stream" if arguments.stream else "--checkpoint"
    if arguments.stream or arguments.checkpoint is not None:
        if not source.reiterable:
            raise UsageError(
                f"{name_of(arguments)} can be read only once, and {option} reads DATA anew for "
                f"each iteration: leave {option} out, or save the rows to a file."
            )
    elif is_large(source):
        option = f"{name_of(arguments)} is too large for that"
    elif arguments.batch_rows is not None:
        raise UsageError("--batch-rows is for batches: add --stream, or leave it out.")
    else:
        return False
    if arguments.labels is not None:
        raise UsageError(f"--labels wants all rows in memory ({option}): leave --labels out.")
    if arguments.plot is not None:
        raise UsageError(f"--plot wants all rows in memory ({option}): leave --plot out.")
    return True


def fit_stream(arguments: argparse.Namespace, model: Model, source: Batches) -> None:
    """`fastgmm fit` in batches; after Ctrl-C the last whole pass is in the file."""
    bound = bound_of(arguments)
    progress = StreamProgress(source.n_rows, quiet=arguments.quiet, bound=bound)
    try:
        with about(name_of(arguments)), progress:
            batches = _Counted(source, progress, name_of(arguments))
            if isinstance(model, GaussianMixture):
                model.fit_batches(
                    batches, callback=progress.iteration, checkpoint=arguments.checkpoint
                )
            else:
                model.fit_batches(batches, callback=progress.iteration)
    except KeyboardInterrupt:
        if arguments.output is not None and model.is_fitted:
            model.save(arguments.output)
            say(f"{arguments.output} holds the model after {model.n_iter_} passes.")
        raise
    if arguments.output is not None:
        with naming(arguments.output):
            model.save(arguments.output)
    say_gaps(arguments, source)
    with open_results(None):
        _print_fit(arguments, model, progress.n_rows, gap_facts(arguments, source))


def _print_fit(
    arguments: argparse.Namespace, model: Model, n_rows: int, gaps: dict[str, int]
) -> None:
    if arguments.json:
        print_json(
            {
                "n_rows": n_rows,
                **gaps,
                "log_likelihood": None if arguments.bayesian else model.lower_bound_,
                "bic": None,
                "aic": None,
                "model": model_facts(model, column_names_of(model)),
            }
        )
    elif not arguments.quiet:
        print_summary(model)


class _Counted:
    """A source whose walks the progress bar sees."""

    def __init__(self, source: Batches, progress: StreamProgress, name: str) -> None:
        self.columns, self.reiterable = source.columns, source.reiterable
        self._source, self._progress, self._name = source, progress, name

    def walk_ahead(self) -> Iterator[Any]:
        """A walk over files, which are read ahead as they are."""
        return iter(self)

    def __iter__(self) -> Iterator[Any]:
        yield from self._progress.counted(self._source)
        if self._progress.n_rows == 0:
            raise ValueError(
                f"{self._name} holds no rows{' without gaps' if self._source.dropped else ''}."
            )


def learn(arguments: argparse.Namespace) -> None:
    """Update a model from a stream and write it back in one step, now and then and at the end."""
    path = Path(arguments.model)
    model = _model_to_teach(arguments, path)
    before = n_seen(model)
    saved = time.monotonic()
    arguments.gaps = taken_gaps(arguments, model)
    if arguments.gaps == "em":
        model.set_params(missing="em")
    source = open_source(arguments, model=model if model.is_fitted else None)
    check_places(arguments, source.files, written=path)
    if not model.is_fitted:
        check_names(arguments, source)
    try:
        for table, weights in tables_for(model, source, name_of(arguments)):
            with about(name_of(arguments)):
                model.partial_fit(table, sample_weight=weights)
            if time.monotonic() - saved >= arguments.save_every:
                _save_what_is_learned(model, path, before)
                saved = time.monotonic()
    except BaseException:
        # What was learned before the error is whole, so it is kept.
        _save_what_is_learned(model, path, before)
        raise
    if not model.is_fitted:
        raise ValueError(
            f"{name_of(arguments)} holds too few rows to begin a model of "
            f"{counted(arguments.components, 'component')}; {path} is not written."
        )
    with naming(arguments.model):
        model.save(path)
    say_gaps(arguments, source)
    with open_results(None):
        _print_learned(arguments, model, before, gap_facts(arguments, source))


def _print_learned(
    arguments: argparse.Namespace, model: GaussianMixture, before: int, gaps: dict[str, int]
) -> None:
    stream, known = model.stream_, model.stream_.seen.size > 0
    if arguments.json:
        print_json(
            {
                "n_rows": stream.n_samples - before,
                "n_rows_in_all": _whole(float(stream.n_samples + stream.fitted)),
                **gaps,
                "log_density": stream.mean if known else None,
                "log_density_deviation": stream.deviation if known else None,
                "n_iter": model.n_iter_,
            }
        )
        return
    if arguments.quiet:
        return
    density = f"{stream.mean:.6f} +- {stream.deviation:.6f}"
    of_fit = f" ({stream.fitted:.15g} of them of the fit before)" if stream.fitted else ""
    print_pairs(
        {
            "rows learned": str(stream.n_samples - before),
            "rows in all": f"{stream.n_samples + stream.fitted:.15g}{of_fit}",
            "log density per row": density if known else "not known before the first update",
            "updates": str(model.n_iter_),
        }
    )


def _whole(number: float) -> int | float:
    """A number of rows, or what they weigh, as JSON has it."""
    return int(number) if number.is_integer() else number


def _model_to_teach(arguments: argparse.Namespace, path: Path) -> GaussianMixture:
    """Load the model of this file, or make a new one where there is none."""
    if path.exists():
        model = load(path)
        _check_same_model(arguments, model)
    elif arguments.components is None:
        raise FileNotFoundError(f"there is no model {path}: begin one with --components K.")
    else:
        said = {name: getattr(arguments, place) for name, (place, _) in OF_A_NEW_MODEL.items()}
        model = GaussianMixture(**{name: one for name, one in said.items() if one is not None})
    model.set_params(n_threads=arguments.threads)
    if arguments.half_life is not None:
        model.set_params(half_life=arguments.half_life)
    return model


def _check_same_model(arguments: argparse.Namespace, model: GaussianMixture) -> None:
    """Refuse words for a new model that the one at hand contradicts."""
    found = model.get_params() | {"n_components": len(model.weights_)}
    for name, (place, word) in OF_A_NEW_MODEL.items():
        said = getattr(arguments, place)
        if said is not None and said != found[name]:
            raise ValueError(
                f"{arguments.model} was made with {word} {found[name]}, not {said}: leave {word} "
                "out, or begin another model."
            )


def _save_what_is_learned(model: GaussianMixture, path: Path, before: int) -> None:
    if model.is_fitted and n_seen(model) > before:
        model.save(path)
