"""The command ``fastgmm``: fit a mixture to a file, score rows, draw samples, describe a model.

Results go to standard output, all else to standard error. The exit code is 0 when all went well,
1 when the data, the model or the fit is at fault (one sentence says how), 2 for a wrong command
line and 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastgmm.estimator import GaussianMixture, load
from fastgmm.report import component_table
from fastgmm.sources import column_names, read_table
from fastgmm.sources.files import ENDINGS
from fastgmm.sources.formats import FORMATS
from fastgmm.stream_commands import fit_stream, learn, score_stream, wants_stream, write_scores
from fastgmm.table import Table
from fastgmm.terminal import (
    Progress,
    abandon_output,
    open_results,
    print_pairs,
    say,
    sentence,
    warnings_in_one_line,
)
from fastgmm.typing import COVARIANCE_TYPES, INIT_PARAMS
from fastgmm.version import __version__

# Numbers that become text at a time: bounds the memory of a score, whatever the file's length.
NUMBERS_AT_ONCE = 2**18

# A picture of more columns than this is hard to read, so the rest are left out of --plot.
COLUMNS_IN_PICTURE = 6


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
    _add_learn(commands)
    _add_score(commands)
    _add_sample(commands)
    _add_info(commands)
    return parser


def _add_fit(commands: Any) -> None:
    parser = commands.add_parser("fit", help="fit a mixture to the rows of a file")
    parser.set_defaults(run=_fit)
    _add_data(parser)
    add = parser.add_argument
    add("-k", "--components", type=_positive, required=True, metavar="K", help="how many")
    add("--covariance-type", choices=COVARIANCE_TYPES, default="full", help="(%(default)s)")
    add("--init", choices=INIT_PARAMS, default="ward", help="how to start (%(default)s)")
    add("--n-init", type=_positive, default=1, metavar="N", help="starts; the best is kept")
    add("--tol", type=float, default=1e-3, help="least change of an iteration (%(default)s)")
    add("--max-iter", type=_positive, default=100, metavar="N", help="iterations (%(default)s)")
    add("--reg-covar", type=float, default=1e-6, help="added to variances (%(default)s)")
    add("--seed", type=_seed, help="for the start, to repeat a fit")
    _add_threads(parser)
    add("--weights", metavar="COLUMN", help="the column with each row's weight")
    add("-o", "--output", metavar="MODEL", help="write the model to this file")
    add("--plot", metavar="PICTURE", help="draw the model over the data (.png, .pdf, .svg)")
    add("--stream", action="store_true", help="read DATA in batches, anew for each iteration")
    add("--checkpoint", metavar="FILE", help="written after each iteration, to go on from")
    _add_batches(parser)
    add("-q", "--quiet", action="store_true", help="no progress on standard error")


def _add_learn(commands: Any) -> None:
    parser = commands.add_parser("learn", help="update a model from a stream of rows")
    parser.set_defaults(run=learn)
    add = parser.add_argument
    add("model", metavar="MODEL", help="written back in one step; made if it is not there")
    _add_data(parser, or_input=True)
    add("-k", "--components", type=_positive, metavar="K", help="of a new model")
    add("--covariance-type", choices=COVARIANCE_TYPES, default="full", help="(%(default)s)")
    add("--reg-covar", type=float, default=1e-6, help="added to variances (%(default)s)")
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


def _columns(text: str) -> list[str]:
    # As in the file, a name that holds a comma stands in quotation marks.
    return [name.strip() for name in next(csv.reader([text]))]


def _fit(arguments: argparse.Namespace) -> None:
    _check_places(arguments)
    model = GaussianMixture(
        arguments.components,
        covariance_type=arguments.covariance_type,
        tol=arguments.tol,
        reg_covar=arguments.reg_covar,
        max_iter=arguments.max_iter,
        n_init=arguments.n_init,
        init_params=arguments.init,
        random_state=arguments.seed,
        n_threads=arguments.threads,
    )
    if wants_stream(arguments):
        if arguments.plot is not None:
            raise ValueError("--plot wants all rows in memory: leave --stream or --plot out.")
        fit_stream(arguments, model)
        return
    table, weights = _weighted_rows(arguments)
    with Progress(arguments.max_iter, arguments.n_init, quiet=arguments.quiet) as progress:
        model.fit(table, sample_weight=weights, callback=progress)
    if arguments.output is not None:
        model.save(arguments.output)
    if arguments.plot is not None:
        _draw(arguments.plot, model, table, weights)
    # Last: whoever reads this may close the pipe, and by then the files are written.
    _print_fit(model, table, weights)


def _check_places(arguments: argparse.Namespace) -> None:
    """Find out before the fit, not after it, that its results cannot be written."""
    for path in (arguments.output, arguments.plot):
        if path is None:
            continue
        if not Path(path).parent.is_dir():
            raise FileNotFoundError(f"There is no folder {Path(path).parent} to write {path} to.")
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder, not a name for a file.")
    if arguments.plot is not None:
        from fastgmm.plot import check_picture_name

        check_picture_name(arguments.plot)


def _weighted_rows(arguments: argparse.Namespace) -> tuple[Table, Any]:
    columns = arguments.columns
    if columns is not None and arguments.weights is not None:
        columns = [*columns, arguments.weights]
    table = read_table(
        arguments.data, columns=columns, header=arguments.header, dtype=arguments.dtype
    )
    if arguments.weights is None:
        return table, None
    # A chosen weight stands last, so that no other column can have its number.
    weights = arguments.weights if columns is None else table.rows.shape[1] - 1
    return table.without(weights)


def _draw(path: str, model: Any, table: Table, weights: Any) -> None:
    from fastgmm.plot import save_mixture

    n_features = table.rows.shape[1]
    features = list(range(min(n_features, COLUMNS_IN_PICTURE)))
    if len(features) < n_features:
        say(f"note: {path} shows the first {len(features)} of {n_features} columns.")
    save_mixture(path, model, table, features=features, sample_weight=weights)


def _print_fit(model: Any, table: Table, weights: Any) -> None:
    statistics = model.e_step(table, sample_weight=weights)
    n_parameters = model._parameters.n_parameters
    deviance = -2 * statistics.log_likelihood
    print(
        f"{_count(len(model.weights_), 'component')}, {model.covariance_type} covariance, fitted "
        f"to {_count(len(table), 'row')} of {_count(table.rows.shape[1], 'column')}\n"
    )
    _print_components(model)
    print()
    print_pairs(
        {
            "log-likelihood per row": f"{statistics.log_likelihood / statistics.weight:.6f}",
            "BIC": f"{deviance + n_parameters * np.log(statistics.weight):.3f}",
            "AIC": f"{deviance + 2 * n_parameters:.3f}",
            "iterations": str(model.n_iter_),
            "converged": "yes" if model.converged_ else "no",
        }
    )


def _print_components(model: Any) -> None:
    width = shutil.get_terminal_size((100, 24)).columns
    print(component_table(model, _names(model), width))


def _names(model: Any) -> list[str]:
    """Return the names of the columns; without a header they are called x0, x1, ..."""
    names = getattr(model, "feature_names_in_", None)
    return [f"x{i}" for i in range(np.shape(model.means_)[1])] if names is None else list(names)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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
            f"{arguments.data} has {_count(n_features, 'column')} and the model was fitted on "
            f"{n_expected}; choose them with --columns."
        )
    # The choice is made; from here on the columns go by their order.
    return Table(table.rows, None if names is None else tuple(names))


def _sample(arguments: argparse.Namespace) -> None:
    model = load(arguments.model)
    rows, labels = model.sample(arguments.n, random_state=arguments.seed)
    names = _names(model)
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
            "columns": f"{np.shape(model.means_)[1]} ({', '.join(_names(model))})",
            "precision": str(model.means_.dtype),
            "iterations": "none" if not n_iter else str(n_iter),
            "lower bound": f"{model.lower_bound_:.6f}" if n_iter else "none",
            "converged": "yes" if getattr(model, "converged_", False) else "no",
            "read by": f"fastgmm {__version__}",
        }
    )
    print()
    _print_components(model)
