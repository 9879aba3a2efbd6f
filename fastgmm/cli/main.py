"""The command ``fastgmm``: fit mixtures to a file, score rows, draw samples, describe a model.

Results go to standard output, all else to standard error. The exit code is 0 when all went well,
1 when the data, the model or the fit is at fault (one sentence says how), 2 for a wrong command
line and 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastgmm.cli.fit import fit, select_model
from fastgmm.cli.report import column_names_of, counted, print_components
from fastgmm.cli.stream import learn, score_stream, write_scores
from fastgmm.cli.terminal import (
    abandon_output,
    open_results,
    print_pairs,
    say,
    sentence,
    warnings_in_one_line,
)
from fastgmm.estimators.gaussian_mixture import load
from fastgmm.estimators.selection import CRITERIA, MAX_ITER, N_INIT
from fastgmm.sources import column_names, read_table
from fastgmm.sources.files import ENDINGS
from fastgmm.sources.formats import FORMATS
from fastgmm.tables.table import Table
from fastgmm.typing import COVARIANCE_TYPES, INIT_PARAMS
from fastgmm.version import __version__

# Numbers that become text at a time: bounds the memory of a score, whatever the file's length.
NUMBERS_AT_ONCE = 2**18


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``fastgmm``; those of this process by default.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    SystemExit
        With code 2 for a wrong command line, and with 0 after ``--help`` and ``--version``.
    """
    arguments = _parser().parse_args(argv)
    try:
        with warnings_in_one_line():
            arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        abandon_output()
    except KeyboardInterrupt:
        say("interrupted.")
        return 130
    except MemoryError:
        say("error: there is not enough memory for these rows.")
        return 1
    except (ValueError, OSError, ImportError) as error:
        say(f"error: {sentence(error)}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastgmm", description="Fit and use Gaussian mixture models."
    )
    parser.add_argument("--version", action="version", version=f"fastgmm {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fit(commands)
    _add_select(commands)
    _add_learn(commands)
    _add_score(commands)
    _add_sample(commands)
    _add_info(commands)
    return parser


def _add_fit(commands: Any) -> None:
    parser = commands.add_parser("fit", help="fit a mixture to the rows of a file")
    parser.set_defaults(run=fit)
    _add_data(parser)
    add = parser.add_argument
    add("-k", "--components", type=_positive, required=True, metavar="K", help="how many")
    add("--covariance-type", choices=COVARIANCE_TYPES, default="full", help="(%(default)s)")
    _add_starts(parser, n_init=1)
    add("--tol", type=float, default=1e-3, help="least change of an iteration (%(default)s)")
    add(
        "--gap-tol",
        type=_number_or("auto", "none"),
        default="auto",
        metavar="NATS",
        help="predicted distance to the limit at the end, or none (%(default)s)",
    )
    add("--max-iter", type=_positive, default=100, metavar="N", help="iterations (%(default)s)")
    add(
        "--acceleration",
        choices=["auto", "lbfgs", "none"],
        default="auto",
        help="of slow fits (%(default)s)",
    )
    _add_regularization(parser)
    _add_threads(parser)
    add("-o", "--output", metavar="MODEL", help="write the model to this file")
    add("--plot", metavar="PICTURE", help="draw the model over the data (.png, .pdf, .svg)")
    add("--stream", action="store_true", help="read DATA in batches, anew for each iteration")
    add("--checkpoint", metavar="FILE", help="written after each iteration, to go on from")
    _add_batches(parser)
    add("-q", "--quiet", action="store_true", help="no progress on standard error")


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
        type=_numbers,
        default="1-9",
        metavar="A-B",
        help="numbers and ranges, such as 1-4,8 (%(default)s)",
    )
    add(
        "--covariance-types",
        type=_types,
        default=list(COVARIANCE_TYPES),
        metavar="A,B",
        help=f"among {', '.join(COVARIANCE_TYPES)} (all)",
    )
    add("--criterion", choices=CRITERIA, default="bic", help="lower is better (%(default)s)")
    _add_starts(parser, n_init=N_INIT)
    add("--max-iter", type=_positive, default=MAX_ITER, metavar="N", help="(%(default)s)")
    _add_regularization(parser)
    _add_threads(parser)
    add("-o", "--output", metavar="MODEL", help="write the best model to this file")
    add("--table", metavar="CSV", help="write what every fit has reached to this file")
    add("--plot", metavar="PICTURE", help="draw the criterion (.png, .pdf, .svg)")
    add("-q", "--quiet", action="store_true", help="no progress on standard error")


def _add_starts(parser: argparse.ArgumentParser, *, n_init: int) -> None:
    add = parser.add_argument
    add("--init", choices=INIT_PARAMS, default="ward", help="how to start (%(default)s)")
    add(
        "--n-init",
        type=_positive,
        default=n_init,
        metavar="N",
        help="starts; the best is kept (%(default)s)",
    )
    add("--seed", type=_seed, help="for the start, to repeat a fit")
    add("--weights", metavar="COLUMN", help="the column with each row's weight")


def _add_regularization(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reg-covar",
        type=_number_or("auto"),
        default=1e-6,
        metavar="VARIANCE",
        help="added to variances; auto: in proportion to each column's (%(default)s)",
    )
    parser.add_argument(
        "--on-collapse",
        choices=["repair", "warn", "raise"],
        default="repair",
        help="what to do with components that collapse (%(default)s)",
    )


def _add_learn(commands: Any) -> None:
    parser = commands.add_parser("learn", help="update a model from a stream of rows")
    parser.set_defaults(run=learn)
    add = parser.add_argument
    add("model", metavar="MODEL", help="written back in one step; made if it is not there")
    _add_data(parser, or_input=True)
    add("-k", "--components", type=_positive, metavar="K", help="of a new model")
    add("--covariance-type", choices=COVARIANCE_TYPES, default="full", help="(%(default)s)")
    _add_regularization(parser)
    add("--seed", type=_seed, help="for the start of a new model")
    add("--half-life", type=float, metavar="ROWS", help="after which older rows count half")
    add("--weights", metavar="COLUMN", help="the column with each row's weight")
    add("--save-every", type=float, default=60.0, metavar="SECONDS", help="(%(default)s)")
    _add_batches(parser)
    _add_threads(parser)


def _add_batches(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--batch-rows", type=_positive, default=65536, metavar="N", help="(%(default)s)")
    add("--gaps", choices=["error", "drop"], default="error", help="rows with gaps (%(default)s)")
    add("--format", choices=FORMATS, help="of standard input or a pipe (found out by default)")


def _add_score(commands: Any) -> None:
    parser = commands.add_parser("score", help="write densities and responsibilities as CSV")
    parser.set_defaults(run=_score)
    parser.add_argument("model", metavar="MODEL")
    _add_data(parser, or_input=True)
    _add_batches(parser)
    _add_threads(parser)
    parser.add_argument("-o", "--output", metavar="CSV", help="instead of standard output")


def _add_sample(commands: Any) -> None:
    parser = commands.add_parser("sample", help="write random rows as CSV, their label last")
    parser.set_defaults(run=_sample)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("-n", type=_positive, required=True, metavar="N", help="how many rows")
    parser.add_argument("--seed", type=_seed, help="to repeat a sample")


def _add_info(commands: Any) -> None:
    parser = commands.add_parser("info", help="describe a model")
    parser.set_defaults(run=_info)
    parser.add_argument("model", metavar="MODEL")


def _add_data(parser: argparse.ArgumentParser, *, or_input: bool = False) -> None:
    add = parser.add_argument
    kinds = ".csv, .tsv, .npy, .parquet, .arrow or .arrows"
    if or_input:
        text = f"{kinds}; - is standard input (CSV or an Arrow stream)"
        add("data", metavar="DATA", nargs="?", default="-", help=text)
    else:
        add("data", metavar="DATA", help=kinds)
    add("--columns", type=_columns, metavar="A,B", help="by name, or by number from 0 (all)")
    add(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line of a CSV holds names (found out by default)",
    )
    add("--dtype", choices=["float32", "float64"], default="float64", help="(%(default)s)")


def _add_threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=_positive, metavar="N", help="(one per processor)")


def _positive(text: str) -> int:
    return _whole(text, 1, sys.maxsize)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**32 - 1)


def _whole(text: str, least: int, most: int) -> int:
    with contextlib.suppress(ValueError):
        if least <= int(text) <= most:
            return int(text)
    limit = "" if most == sys.maxsize else f" and at most {most}"
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}{limit}")


def _number_or(*words: str) -> Any:
    """Make a reader of a number or one of these words; "none" is None."""

    def read(text: str) -> Any:
        if text in words:
            return None if text == "none" else text
        try:
            return float(text)
        except ValueError:
            wanted = " or ".join(["a number", *map(repr, words)])
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None

    return read


def _numbers(text: str) -> list[int]:
    """Read "2", "1-9" or "1,2,4-6"."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        least = _positive(first)
        most = _positive(last) if last else least
        if most < least:
            raise argparse.ArgumentTypeError(f"{part!r} is an empty range: write {most}-{least}")
        numbers += range(least, most + 1)
    return list(dict.fromkeys(numbers))


def _types(text: str) -> list[str]:
    kinds = [kind.strip() for kind in text.split(",")]
    for kind in kinds:
        if kind not in COVARIANCE_TYPES:
            known = ", ".join(COVARIANCE_TYPES)
            raise argparse.ArgumentTypeError(f"{kind!r} is not one of {known}")
    return list(dict.fromkeys(kinds))


def _columns(text: str) -> list[str]:
    # As in the file, a name that holds a comma stands in quotation marks.
    return [name.strip() for name in next(csv.reader([text]))]


def _score(arguments: argparse.Namespace) -> None:
    if Path(arguments.data).suffix.lower() not in ENDINGS:
        score_stream(arguments)
        return
    model = load(arguments.model).set_params(n_threads=arguments.threads)
    table = _rows_for(model, arguments)
    n_components = len(model.weights_)
    names = [f"responsibility_{k}" for k in range(n_components)]
    step = max(1, NUMBERS_AT_ONCE // (n_components + 2))
    with open_results(arguments.output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["log_density", "label", *names])
        for start in range(0, len(table), step):
            write_scores(writer, model, table[start : start + step])


def _rows_for(model: Any, arguments: argparse.Namespace) -> Table:
    """Read the columns that the model was fitted on, found by name where both have names."""
    names = getattr(model, "feature_names_in_", None)
    columns = arguments.columns
    if columns is None and names is not None:
        found = column_names(arguments.data, header=arguments.header)
        columns = None if found is None else list(names)
    table = read_table(
        arguments.data, columns=columns, header=arguments.header, dtype=arguments.dtype
    )
    n_features, n_expected = table.rows.shape[1], np.shape(model.means_)[1]
    if n_features != n_expected:
        raise ValueError(
            f"{arguments.data} has {counted(n_features, 'column')} and the model was fitted on "
            f"{n_expected}; choose them with --columns."
        )
    # The choice is made; from here on the columns go by their order.
    return Table(table.rows, None if names is None else tuple(names))


def _sample(arguments: argparse.Namespace) -> None:
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


def _info(arguments: argparse.Namespace) -> None:
    model = load(arguments.model)
    n_iter = getattr(model, "n_iter_", None)
    print_pairs(
        {
            "covariance type": model.covariance_type,
            "components": str(len(model.weights_)),
            "columns": f"{np.shape(model.means_)[1]} ({', '.join(column_names_of(model))})",
            "precision": str(model.means_.dtype),
            "iterations": "none" if not n_iter else str(n_iter),
            "lower bound": f"{model.lower_bound_:.6f}" if n_iter else "none",
            "converged": "yes" if getattr(model, "converged_", False) else "no",
            "read by": f"fastgmm {__version__}",
        }
    )
    print()
    print_components(model)
