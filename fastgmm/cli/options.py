"""The options of each command."""

from __future__ import annotations

import argparse
import inspect
import textwrap
from collections.abc import Callable
from functools import partial
from typing import Any

from fastgmm import select
from fastgmm.cli.adapt import adapt
from fastgmm.cli.completion import SHELLS, print_script
from fastgmm.cli.covariance_types import ANY, ONE, SOME, types
from fastgmm.cli.fit import fit, select_model
from fastgmm.cli.models import add_posterior_options
from fastgmm.cli.novelty import below
from fastgmm.cli.readers import (
    columns,
    number_or,
    numbers,
    parts,
    positive,
    relevance,
    seconds,
    seed,
)
from fastgmm.cli.score import score
from fastgmm.cli.shared_options import (
    PICTURE,
    add_batches,
    add_data,
    add_gaps,
    add_json,
    add_quiet,
    add_regularization,
    add_row_output,
    add_starts,
    add_strict,
    add_threads,
    add_weights,
)
from fastgmm.cli.stream import learn
from fastgmm.cli.use import impute, info, sample
from fastgmm.typing import COVARIANCE_TYPES, CRITERIA, PARTS

USAGES = {
    "fit": "DATA... -k K [options]",
    "select": "DATA... [-k 1-9] [options]",
    "learn": "MODEL [DATA...] [-k K] [options]",
    "adapt": "MODEL [DATA...] -o NEW [options]",
    "score": "MODEL [DATA...] [options]",
    "impute": "MODEL [DATA...] [options]",
    "sample": "MODEL -n N [options]",
    "info": "MODEL [--json]",
    "completion": "SHELL",
}
"""Help begins with these, by command: all options at once say nothing to anybody."""
EXAMPLES = {
    "fit": """
  fastgmm fit rows.csv -k 3 -o rows.gmm --plot rows.png
  fastgmm fit rows.csv -k 3 --columns height,weight --gaps drop
  fastgmm fit "year=*/part-*.parquet" -k 20 --stream --checkpoint fit.checkpoint -o all.gmm
  zcat rows.csv.gz | fastgmm fit - -k 3 --json --strict""",
    "select": """
  fastgmm select rows.csv -k 1-6 -o best.gmm --plot bic.png
  fastgmm select rows.csv -k 2,4,8 --covariance-types mclust --criterion icl --table fits.csv""",
    "learn": """
  tail -f log.csv | fastgmm learn log.gmm -k 5 --columns bytes,seconds
  fastgmm learn log.gmm today.csv --half-life 100000""",
    "adapt": """
  fastgmm adapt world.gmm speaker.csv -o speaker.gmm --relevance 16""",
    "score": """
  fastgmm score rows.gmm rows.csv -o scores.parquet
  fastgmm score rows.gmm rows.csv --only label,log_density --digits 4 -o scores.csv.gz
  fastgmm score rows.gmm rows.csv --keep id,time --below 0.1% --novel-only
  tail -f rows.csv | fastgmm score rows.gmm""",
    "impute": """
  fastgmm impute rows.gmm gaps.csv -o filled.csv
  fastgmm impute rows.gmm gaps.csv --seed 1 -o drawn.csv""",
    "sample": """
  fastgmm sample rows.gmm -n 1000 --seed 0 -o new.csv""",
    "info": """
  fastgmm info rows.gmm
  fastgmm info rows.gmm --json""",
    "completion": """
  fastgmm completion bash > ~/.local/share/bash-completion/completions/fastgmm
  fastgmm completion zsh >> ~/.zshrc
  fastgmm completion fish > ~/.config/fish/completions/fastgmm.fish""",
}
"""Help ends with these, by command."""


def add_commands(commands: Any) -> None:
    """Add every command with its options.

    Parameters
    ----------
    commands : object
        What `argparse.ArgumentParser.add_subparsers` returns.
    """
    for add in (
        _add_fit,
        _add_select,
        _add_learn,
        _add_adapt,
        _add_score,
        _add_impute,
        _add_sample,
        _add_info,
        _add_completion,
    ):
        add(commands)


def _command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], object],
    text: str,
    description: str = "",
) -> argparse.ArgumentParser:
    """Add a command, whose options are still to come."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        epilog=f"examples:{EXAMPLES[name]}",
        usage=f"fastgmm {name} {USAGES[name]}",
        # It keeps the lines of the examples, and those of what stands before the options.
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=textwrap.fill(description or f"{text[0].upper()}{text[1:]}.", 78),
    )
    parser.set_defaults(run=run)
    return parser


def _add_fit(commands: Any) -> None:
    parser = _command(commands, "fit", fit, "fit a mixture to the rows of a file")
    mixture = parser.add_argument_group("the mixture")
    reading = add_data(parser)
    add_gaps(reading)
    add_weights(reading)
    reading.add_argument(
        "--labels",
        metavar="COLUMN",
        help="the column with each row's component, from 0, or -1 where it is not known",
    )
    reading.add_argument(
        "--stream",
        action="store_true",
        help="read DATA in batches, anew for each iteration; done unasked for files larger than a "
        "quarter of the memory",
    )
    add_batches(reading, "size of the batches of --stream and --checkpoint")
    add = mixture.add_argument
    add("-k", "--components", type=positive, required=True, metavar="K", help="how many")
    add("--covariance-type", **ONE, default="full", help=f"{ANY} (%(default)s)")
    add("--factors", type=positive, metavar="Q", help="of low rank: the number of factors")
    add_regularization(mixture)
    add_posterior_options(parser.add_argument_group("a posterior, by variational Bayes"))
    _add_fitting(parser)
    writing = parser.add_argument_group("what is written")
    add = writing.add_argument
    add("-o", "--output", metavar="MODEL", help="write the model to this file")
    add("--plot", metavar="PICTURE", help=f"draw the model over the data {PICTURE}")
    add(
        "--plot-columns",
        type=columns,
        metavar="A,B",
        help="which columns --plot shows, ten at the most (the first six)",
    )
    add("--checkpoint", metavar="FILE", help="written after each iteration, to go on from")
    add_json(writing)
    add_quiet(writing)
    add_strict(writing)


def _add_fitting(parser: argparse.ArgumentParser) -> None:
    """Add how a fit begins and ends."""
    fitting = parser.add_argument_group("how the fit begins and ends")
    add_starts(fitting, n_init=1)
    add = fitting.add_argument
    add("--tol", type=float, default=1e-3, help="least change of an iteration (%(default)s)")
    add(
        "--gap-tol",
        type=number_or("auto", "none"),
        default="auto",
        metavar="NATS",
        help="predicted distance to the limit at the end, or none (%(default)s)",
    )
    add("--max-iter", type=positive, default=100, metavar="N", help="iterations (%(default)s)")
    add(
        "--acceleration",
        choices=["auto", "lbfgs", "none"],
        default="auto",
        help="of slow fits (%(default)s)",
    )
    add_threads(fitting)


def _add_select(commands: Any) -> None:
    text = "fit many numbers of components and shapes, and keep the best"
    parser = _command(commands, "select", select_model, text)
    grid = parser.add_argument_group("the mixtures")
    reading = add_data(parser)
    add_gaps(reading)
    add_weights(reading)
    add = grid.add_argument
    add(
        "-k",
        "--components",
        type=numbers,
        default="1-9",
        metavar="A-B",
        help="numbers and ranges, such as 1-4,8 (%(default)s)",
    )
    add(
        "--covariance-types",
        type=types,
        default=list(COVARIANCE_TYPES),
        metavar="A,B",
        help=f"{SOME}; mclust: all of them (the first six)",
    )
    add("--criterion", choices=CRITERIA, default="bic", help="lower is better (%(default)s)")
    add_regularization(grid)
    fitting = parser.add_argument_group("how each fit begins and ends")
    defaults = inspect.signature(select).parameters
    add_starts(fitting, n_init=defaults["n_init"].default)
    fitting.add_argument(
        "--max-iter",
        type=positive,
        default=defaults["max_iter"].default,
        metavar="N",
        help="iterations (%(default)s)",
    )
    add_threads(fitting)
    writing = parser.add_argument_group("what is written")
    add = writing.add_argument
    add("-o", "--output", metavar="MODEL", help="write the best model to this file")
    add("--table", metavar="CSV", help="write what every fit has reached to this file")
    add("--plot", metavar="PICTURE", help=f"draw the criterion {PICTURE}")
    add_json(writing)
    add_quiet(writing)
    add_strict(writing)


def _add_learn(commands: Any) -> None:
    parser = _command(commands, "learn", learn, "update a model from a stream of rows")
    parser.add_argument(
        "model", metavar="MODEL", help="written back in one step; made if not there"
    )
    reading = add_data(parser, or_input=True)
    add_gaps(reading, of_model=True)
    add_weights(reading)
    add_batches(reading, "the most rows to learn from at a time")
    new = parser.add_argument_group("a new model")
    add = new.add_argument
    add("-k", "--components", type=positive, metavar="K", help="of a new model")
    add("--covariance-type", **ONE, help="of a new model (full)")
    add_regularization(new, new=True)
    add("--seed", type=seed, metavar="N", help="for the start of a new model")
    learning = parser.add_argument_group("how it learns")
    add = learning.add_argument
    add("--half-life", type=float, metavar="ROWS", help="after which older rows count half (all "
        "count)")  # fmt: skip
    add(
        "--save-every",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help="between two times the model is written (%(default)s)",
    )
    add_threads(learning)
    add_json(learning)
    add_quiet(learning, "no table at the end")


def _add_adapt(commands: Any) -> None:
    parser = _command(
        commands,
        "adapt",
        adapt,
        "take a model to the rows of a file, as far as they say",
        description="Write the model with the means, or other parts, of its components moved to "
        "the rows of DATA: those that hold n of them go the share n / (n + relevance) of the way.",
    )
    parser.add_argument("model", metavar="MODEL", help="which stays as it is")
    reading = add_data(parser, or_input=True)
    add_gaps(reading, of_model=True)
    add_weights(reading)
    add_batches(reading, "the most rows to read at a time")
    writing = parser.add_argument_group("what is written")
    add = writing.add_argument
    add("-o", "--output", metavar="NEW", required=True, help="write the adapted model to this file")
    add(
        "--relevance",
        type=relevance,
        default=16.0,
        metavar="ROWS",
        help="for how many rows each component stands (%(default)s)",
    )
    add(
        "--parts",
        type=parts,
        default=["means"],
        metavar="A,B",
        help=f"among {', '.join(PARTS)} (means)",
    )
    add_json(writing)
    add_quiet(writing, "no table at the end")
    add_threads(writing)


def _add_score(commands: Any) -> None:
    parser = _command(
        commands,
        "score",
        score,
        "write densities, labels and responsibilities of rows",
        description="Write a line of names, and a line for each row of DATA with its log density, "
        "its label and its responsibilities. With --gaps drop, a row with gaps has a line of empty "
        "fields; with --gaps em, the scores of what was observed of it.",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that fit, select or learn wrote")
    reading = add_data(parser, or_input=True)
    add_gaps(reading, of_model=True)
    writing = _add_rows(parser, reading)
    writing.add_argument(
        "--only",
        type=columns,
        metavar="A,B",
        help="among log_density, label, responsibilities, responsibility_0, ... alone, row (its "
        "number from 0), and novel (the first three)",
    )
    novel = parser.add_argument_group("what is novel")
    novel.add_argument(
        "--below",
        type=below,
        metavar="LIMIT",
        help="rows of a lower log density, such as -12.5, are novel; with a share, such as 0.1%%, "
        "the log density that so many of the model's own rows have, or of the recent rows of its "
        "stream; adds a column novel of 0 and 1",
    )
    novel.add_argument(
        "--novel-only", action="store_true", help="write novel rows alone, and the number of each"
    )


def _add_impute(commands: Any) -> None:
    parser = _command(
        commands,
        "impute",
        impute,
        "write rows with their gaps filled in",
        description="Write the columns of the model, and what is missing of them as the mixture "
        "expects it; with --seed, as drawn from it.",
    )
    parser.set_defaults(gaps="em")
    parser.add_argument("model", metavar="MODEL", help="a file that fit, select or learn wrote")
    writing = _add_rows(parser, add_data(parser, or_input=True))
    text = "draw what is missing, for multiple imputation"
    writing.add_argument("--seed", type=seed, metavar="N", help=text)


def _add_rows(parser: argparse.ArgumentParser, reading: Any) -> Any:
    """Add options of a command that reads rows and writes a line for each; returns the latter."""
    add_batches(reading, "read files in batches of this size, not whole")
    writing = add_row_output(parser)
    writing.add_argument(
        "--keep",
        type=columns,
        metavar="A,B",
        help="columns of DATA to write first, as they stand there; by name, or by number from 0",
    )
    add_quiet(writing, "no progress")
    add_threads(writing)
    return writing


def _add_sample(commands: Any) -> None:
    parser = _command(commands, "sample", sample, "write random rows, their label last")
    parser.add_argument("model", metavar="MODEL", help="a file that fit, select or learn wrote")
    parser.add_argument("-n", type=positive, required=True, metavar="N", help="how many rows")
    parser.add_argument("--seed", type=seed, metavar="N", help="to repeat a sample")
    add_quiet(add_row_output(parser), "no progress, of which there is none, as elsewhere")


def _add_info(commands: Any) -> None:
    parser = _command(commands, "info", info, "describe a model")
    parser.add_argument("model", metavar="MODEL", help="a file that fit, select or learn wrote")
    add_json(parser)


def _add_completion(commands: Any) -> None:
    run = partial(print_script, commands.choices)
    text = "print a script that completes commands and options in a shell"
    parser = _command(commands, "completion", run, text)
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
