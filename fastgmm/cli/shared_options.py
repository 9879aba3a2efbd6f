"""Options of several commands, in the groups that their help has."""

from __future__ import annotations

import argparse
from typing import Any

from fastgmm.cli.models import add_noise_option
from fastgmm.cli.readers import (
    columns,
    decimals,
    delimiter,
    mark,
    number_or,
    positive,
    seed,
)
from fastgmm.sources import FORMATS
from fastgmm.typing import INIT_PARAMS, ON_COLLAPSE

NOTHING = ["-"]
"""Standard input is read where no data are named."""
KINDS = (
    "files, folders or patterns of .csv, .tsv (.gz, .bz2, .zst), .npy, .npz, .parquet, .feather, "
    ".arrow or .arrows; - is standard input (CSV or an Arrow stream)"
)
"""What DATA may be."""
GAPS_HELP = (
    "rows with a value missing: refuse them, leave them out and say which, or take what was "
    "observed of them (em)"
)
PICTURE = "(.png, .pdf, .svg, .jpg)"
"""Endings of pictures, for help."""

Group = Any
"""A group of options, or a parser, which has the same method."""


def add_data(parser: argparse.ArgumentParser, *, or_input: bool = False) -> Group:
    """Add DATA, and return the group of the options that say how it is read."""
    if or_input:
        text = f"{KINDS}, the default"
        parser.add_argument("data", metavar="DATA", nargs="*", default=NOTHING, help=text)
    else:
        parser.add_argument("data", metavar="DATA", nargs="+", help=KINDS)
    group = parser.add_argument_group("how DATA is read")
    add = group.add_argument
    add("--columns", type=columns, metavar="A,B", help="by name, or by number from 0 (all)")
    add("--header", action=argparse.BooleanOptionalAction, help="whether the first line of a CSV "
        "holds names (found out where no line is in doubt)")  # fmt: skip
    add(
        "--delimiter",
        type=delimiter,
        metavar="MARK",
        help="between the fields of a CSV: a character, tab, space, or whitespace for any number "
        "of blanks (comma, or ; or tab where the first line has no comma)",
    )
    add(
        "--decimal",
        choices=[".", ","],
        default=".",
        metavar="MARK",
        help="mark of decimals, . or , (%(default)s)",
    )
    add("--comment", type=mark, metavar="MARK", help="what begins a comment, such as '#' (none)")
    add(
        "--gap-marks",
        type=columns,
        default=[],
        metavar="A,B",
        help="what stands for a missing value besides nothing, NA, NaN, null, None, n.a., ?, - "
        "and .; as --gap-marks=-999",
    )
    add(
        "--bad-lines",
        choices=["error", "skip"],
        default="error",
        help="a line of a CSV that is no row, such as names in the middle: refuse it, or pass over "
        "it and say which (%(default)s)",
    )
    add("--format", choices=FORMATS, help="what DATA holds (found out by name or first bytes)")
    add(
        "--dtype",
        choices=["float32", "float64"],
        default="float64",
        help="precision of the rows (%(default)s)",
    )
    return group


def add_gaps(group: Group, *, of_model: bool = False) -> None:
    """Add what is done about rows with gaps; a model that is there says it by itself."""
    default = "em where the model was fitted so, else error" if of_model else "error"
    given = None if of_model else default
    choices = ["error", "drop", "em"]
    group.add_argument("--gaps", choices=choices, default=given, help=f"{GAPS_HELP} ({default})")


def add_weights(group: Group) -> None:
    """Add the column of weights."""
    group.add_argument("--weights", metavar="COLUMN", help="the column with each row's weight")


def add_batches(group: Group, what: str) -> None:
    """Add the size of batches."""
    text = f"{what} (65536)"
    group.add_argument("--batch-rows", type=positive, metavar="N", help=text)


def add_starts(group: Group, *, n_init: int) -> None:
    """Add how a fit begins."""
    add = group.add_argument
    add("--init", choices=INIT_PARAMS, default="ward", help="how to start (%(default)s)")
    add(
        "--n-init",
        type=positive,
        default=n_init,
        metavar="N",
        help="starts; the best is kept (%(default)s)",
    )
    add("--seed", type=seed, metavar="N", help="for the start, to repeat a fit")


def add_regularization(group: Group, *, new: bool = False) -> None:
    """Add options with the defaults of the class, which a new model takes by itself."""
    of_new = " of a new model" if new else ""
    group.add_argument(
        "--reg-covar",
        type=number_or("auto"),
        default=None if new else 1e-6,
        metavar="VARIANCE",
        help=f"added to variances{of_new}; auto: in proportion to each column's (1e-06)",
    )
    group.add_argument(
        "--on-collapse",
        choices=ON_COLLAPSE,
        default=None if new else "repair",
        help=f"what to do with components{of_new} that collapse (repair)",
    )
    add_noise_option(group, of_new)


def add_threads(group: Group) -> None:
    """Add the number of threads."""
    group.add_argument(
        "--threads", type=positive, metavar="N", help="how many work (one per processor)"
    )


def add_quiet(group: Group, what: str = "no progress, and no table at the end") -> None:
    """Add that nothing is shown which was not asked for."""
    group.add_argument("-q", "--quiet", action="store_true", help=what)


def add_strict(group: Group) -> None:
    """Add that a doubtful fit ends with an exit code."""
    group.add_argument(
        "--strict",
        action="store_true",
        help="end with code 3 where the model that was kept did not converge, or components have "
        "collapsed; all is written as ever",
    )


def add_json(group: Group, what: str = "one object") -> None:
    """Add that results are JSON."""
    group.add_argument("--json", action="store_true", help=f"print {what} for machines")


def add_row_output(parser: argparse.ArgumentParser) -> Group:
    """Add where the results of rows go, and in which form, and return their group."""
    group = parser.add_argument_group("what is written")
    add = group.add_argument
    add(
        "-o",
        "--output",
        metavar="FILE",
        help="instead of standard output: CSV (.gz, .bz2, .zst), .parquet or .npy",
    )
    add("--digits", type=decimals, metavar="N", help="decimals of the numbers (all)")
    add_json(group, "an object per row")
    return group
