"""The options of each command, and what reads their words."""

from __future__ import annotations

import argparse
import inspect
from typing import Any

from fastgmm import select
from fastgmm.cli.adapt import adapt
from fastgmm.cli.covariance_types import ONE, SOME, types
from fastgmm.cli.fit import fit, select_model
from fastgmm.cli.models import add_noise_option, add_posterior_options
from fastgmm.cli.readers import (
    columns,
    decimals,
    delimiter,
    mark,
    number_or,
    numbers,
    positive,
    seed,
)
from fastgmm.cli.score import score
from fastgmm.cli.stream import learn
from fastgmm.cli.use import impute, info, sample
from fastgmm.sources import FORMATS
from fastgmm.typing import COVARIANCE_TYPES, CRITERIA, INIT_PARAMS, ON_COLLAPSE, PARTS

NOTHING = ["-"]
"""Standard input is read where no data are named."""
GAPS_HELP = (
    "rows with a value missing: refuse them, leave them out and say which, or take what was "
    "observed of them (em)"
)


def add_commands(commands: Any) -> None:
    """Add every command with its options.

    Parameters
    ----------
    commands : object
        What `argparse.ArgumentParser.add_subparsers` returns.
    """
    _add_fit(commands)
    _add_select(commands)
    _add_learn(commands)
    _add_adapt(commands)
    _add_score(commands)
    _add_impute(commands)
    _add_sample(commands)
    _add_info(commands)


def _add_fit(commands: Any) -> None:
    parser = commands.add_parser("fit", help="fit a mixture to the rows of a file")
    parser.set_defaults(run=fit)
    _add_data(parser)
    add = parser.add_argument
    add("-k", "--components", type=positive, required=True, metavar="K", help="how many")
    add("--covariance-type", **ONE, default="full", help=f"{SOME} (%(default)s)")
    add("--factors", type=positive, metavar="Q", help="of low rank: the number of factors")
    _add_starts(parser, n_init=1)
    add(
        "--labels",
        metavar="COLUMN",
        help="the column with each row's component, from 0, or -1 where it is not known",
    )
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
    _add_regularization(parser)
    add_posterior_options(parser)
    _add_threads(parser)
    add("-o", "--output", metavar="MODEL", help="write the model to this file")
    add("--plot", metavar="PICTURE", help="draw the model over the data (.png, .pdf, .svg)")
    add(
        "--stream",
        action="store_true",
        help="read DATA in batches, anew for each iteration; done unasked for files larger than a "
        "quarter of the memory",
    )
    add("--checkpoint", metavar="FILE", help="written after each iteration, to go on from")
    _add_batches(parser, "size of the batches of --stream and --checkpoint")
    add("-q", "--quiet", action="store_true", help="no progress on standard error")
    _add_json(parser)


def _add_select(commands: Any) -> None:
    parser = commands.add_parser(
        "select", help="fit many numbers of components and shapes, and keep the best"
    )
    parser.set_defaults(run=select_model)
    _add_data(parser)
    add = parser.add_argument
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
    defaults = inspect.signature(select).parameters
    _add_starts(parser, n_init=defaults["n_init"].default)
    add(
        "--max-iter",
        type=positive,
        default=defaults["max_iter"].default,
        metavar="N",
        help="(%(default)s)",
    )
    _add_regularization(parser)
    _add_threads(parser)
    add("-o", "--output", metavar="MODEL", help="write the best model to this file")
    add("--table", metavar="CSV", help="write what every fit has reached to this file")
    add("--plot", metavar="PICTURE", help="draw the criterion (.png, .pdf, .svg)")
    add("-q", "--quiet", action="store_true", help="no progress on standard error")
    _add_json(parser)


def _add_learn(commands: Any) -> None:
    parser = commands.add_parser("learn", help="update a model from a stream of rows")
    parser.set_defaults(run=learn)
    add = parser.add_argument
    add("model", metavar="MODEL", help="written back in one step; made if it is not there")
    _add_data(parser, or_input=True, of_model=True)
    add("-k", "--components", type=positive, metavar="K", help="of a new model")
    add("--covariance-type", **ONE, help="of a new model (full)")
    _add_regularization(parser, new=True)
    add("--seed", type=seed, help="for the start of a new model")
    add("--half-life", type=float, metavar="ROWS", help="after which older rows count half")
    add("--weights", metavar="COLUMN", help="the column with each row's weight")
    add("--save-every", type=float, default=60.0, metavar="SECONDS", help="(%(default)s)")
    _add_batches(parser, "the most rows to learn from at a time")
    _add_threads(parser)
    _add_json(parser)


def _add_adapt(commands: Any) -> None:
    parser = commands.add_parser(
        "adapt",
        help="take a model to the rows of a file, as far as they say",
        description="Write the model with the means, or other parts, of its components moved to "
        "the rows of DATA: those that hold n of them go the share n / (n + relevance) of the way.",
    )
    parser.set_defaults(run=adapt)
    add = parser.add_argument
    add("model", metavar="MODEL", help="which stays as it is")
    _add_data(parser, or_input=True, of_model=True)
    add("-o", "--output", metavar="NEW", required=True, help="write the adapted model to this file")
    add(
        "--relevance",
        type=float,
        default=16.0,
        metavar="ROWS",
        help="for how many rows each component stands (%(default)s)",
    )
    add(
        "--parts",
        type=columns,
        default=["means"],
        metavar="A,B",
        help=f"among {', '.join(PARTS)} (means)",
    )
    add("--weights", metavar="COLUMN", help="the column with each row's weight")
    _add_batches(parser, "the most rows to read at a time")
    _add_threads(parser)
    _add_json(parser)


def _add_score(commands: Any) -> None:
    parser = commands.add_parser(
        "score",
        help="write densities and responsibilities as CSV",
        description="Write a line of names, and a line for each row of DATA with its log density, "
        "its label and its responsibilities. With --gaps drop, a row with gaps has a line of empty "
        "fields; with --gaps em, the scores of what was observed of it.",
    )
    parser.set_defaults(run=score)
    parser.add_argument("model", metavar="MODEL")
    _add_data(parser, or_input=True, of_model=True)
    parser.add_argument(
        "--only",
        type=columns,
        metavar="A,B",
        help="among log_density, label, responsibilities, and responsibility_0, ... alone (the "
        "first three)",
    )
    _add_results(parser)


def _add_impute(commands: Any) -> None:
    parser = commands.add_parser(
        "impute",
        help="write rows with their gaps filled in as CSV",
        description="Write the columns of the model, and what is missing of them as the mixture "
        "expects it; with --seed, as drawn from it.",
    )
    parser.set_defaults(run=impute)
    parser.add_argument("model", metavar="MODEL")
    _add_data(parser, or_input=True, takes_gaps=True)
    parser.add_argument("--seed", type=seed, help="draw what is missing, for multiple imputation")
    _add_results(parser)


def _add_results(parser: argparse.ArgumentParser) -> None:
    """Add options of a command that writes a line per row."""
    _add_batches(parser, "read files in batches of this size, not whole")
    _add_threads(parser)
    _add_row_output(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def _add_row_output(parser: argparse.ArgumentParser) -> None:
    """Add where the results of rows go, and in which form."""
    add = parser.add_argument
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="instead of standard output: CSV (.gz, .bz2, .zst), .parquet or .npy",
    )
    add("--digits", type=decimals, metavar="N", help="decimals of the numbers (all)")
    _add_json(parser, "an object per row")


def _add_sample(commands: Any) -> None:
    parser = commands.add_parser("sample", help="write random rows as CSV, their label last")
    parser.set_defaults(run=sample)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("-n", type=positive, required=True, metavar="N", help="how many rows")
    parser.add_argument("--seed", type=seed, help="to repeat a sample")
    _add_row_output(parser)


def _add_info(commands: Any) -> None:
    parser = commands.add_parser("info", help="describe a model")
    parser.set_defaults(run=info)
    parser.add_argument("model", metavar="MODEL")
    _add_json(parser)


# ---------------------------------------------------------------- options of several commands


def _add_data(
    parser: argparse.ArgumentParser,
    *,
    or_input: bool = False,
    of_model: bool = False,
    takes_gaps: bool = False,
) -> None:
    kinds = (
        "files, folders or patterns of .csv, .tsv (.gz, .bz2, .zst), .npy, .npz, .parquet, "
        ".feather, .arrow or .arrows; - is standard input (CSV or an Arrow stream)"
    )
    if or_input:
        text = f"{kinds}, the default"
        parser.add_argument("data", metavar="DATA", nargs="*", default=NOTHING, help=text)
    else:
        parser.add_argument("data", metavar="DATA", nargs="+", help=kinds)
    add = parser.add_argument_group("how DATA is read").add_argument
    add("--columns", type=columns, metavar="A,B", help="by name, or by number from 0 (all)")
    if takes_gaps:
        parser.set_defaults(gaps="em")
    else:
        default = "em where the model was fitted so, else error" if of_model else "error"
        given = None if of_model else default
        text = f"{GAPS_HELP} ({default})"
        add("--gaps", choices=["error", "drop", "em"], default=given, help=text)
    add("--dtype", choices=["float32", "float64"], default="float64", help="(%(default)s)")
    add("--format", choices=FORMATS, help="what DATA holds (found out by name or first bytes)")
    add(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line of a CSV holds names (found out where no line is in doubt)",
    )
    add(
        "--delimiter",
        type=delimiter,
        metavar="MARK",
        help="between the fields of a CSV: a character, tab, space, or whitespace for any number "
        "of blanks (comma, or ; or tab where the first line has no comma)",
    )
    add("--decimal", choices=[".", ","], default=".", metavar="MARK", help=". or , (%(default)s)")
    add("--comment", type=mark, metavar="MARK", help="what begins a comment, such as '#' (none)")
    add(
        "--gap-marks",
        type=columns,
        default=[],
        metavar="A,B",
        help="what stands for a missing value besides nothing, NA, NaN, null, None, n.a., ?, - "
        "and .; as --gap-marks=-999",
    )


def _add_starts(parser: argparse.ArgumentParser, *, n_init: int) -> None:
    add = parser.add_argument
    add("--init", choices=INIT_PARAMS, default="ward", help="how to start (%(default)s)")
    add(
        "--n-init",
        type=positive,
        default=n_init,
        metavar="N",
        help="starts; the best is kept (%(default)s)",
    )
    add("--seed", type=seed, help="for the start, to repeat a fit")
    add("--weights", metavar="COLUMN", help="the column with each row's weight")


def _add_regularization(parser: argparse.ArgumentParser, *, new: bool = False) -> None:
    """Add options with the defaults of the class, which a new model takes by itself."""
    of_new = " of a new model" if new else ""
    parser.add_argument(
        "--reg-covar",
        type=number_or("auto"),
        default=None if new else 1e-6,
        metavar="VARIANCE",
        help=f"added to variances{of_new}; auto: in proportion to each column's (1e-06)",
    )
    parser.add_argument(
        "--on-collapse",
        choices=ON_COLLAPSE,
        default=None if new else "repair",
        help=f"what to do with components{of_new} that collapse (repair)",
    )
    add_noise_option(parser, of_new)


def _add_batches(parser: argparse.ArgumentParser, what: str) -> None:
    add = parser.add_argument
    add("--batch-rows", type=positive, metavar="N", help=f"{what} (65536)")


def _add_json(parser: argparse.ArgumentParser, what: str = "one object") -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} for machines")


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=positive, metavar="N", help="(one per processor)")
