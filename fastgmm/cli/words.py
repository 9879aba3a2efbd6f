"""What the library says, in the words of the command line."""

from __future__ import annotations

import ast
import csv
import io
import re

OPTIONS = {
    "n_components": "--components",
    "covariance_type": "--covariance-type",
    "n_factors": "--factors",
    "init_params": "--init",
    "n_init": "--n-init",
    "max_iter": "--max-iter",
    "gap_tol": "--gap-tol",
    "reg_covar": "--reg-covar",
    "on_collapse": "--on-collapse",
    "random_state": "--seed",
    "n_threads": "--threads",
    "half_life": "--half-life",
    "batch_rows": "--batch-rows",
    "bad_lines": "--bad-lines",
    "gap_marks": "--gap-marks",
    "sample_weight": "--weights",
    "n_samples": "the number of rows",
    "tol": "--tol",
}
"""These words of the library stand for an option wherever they stand."""
ARGUMENTS = OPTIONS | {
    name: f"--{name}"
    for name in (
        *("columns", "comment", "decimal", "delimiter", "dtype", "format", "gaps", "noise"),
        "weights",
    )
}
"""These do where a value follows: their names are words of English as well."""

TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
"""A text of Python."""
GIVEN = re.compile(
    rf"(?<![\w.\-/])(?P<name>header|{'|'.join(ARGUMENTS)})="
    rf"(?P<value>\[(?:{TEXT}|\d+|\.\.\.|, )*\]|{TEXT}|True|False|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)?"
)
"""An argument with its value, a list with dots at its end included, or without."""
PARAMETER = re.compile(r"The '(?P<name>\w+)' parameter of \w+")
"""scikit-learn's words for a parameter of the constructor."""
MEANT = re.compile(rf"(?<![\w.\-/'])'?(?P<name>{'|'.join(OPTIONS)})'?(?![\w/\-=(]|\.\w)")
"""The name of a parameter among other words."""


def in_options(text: str) -> str:
    """Say options where the library says arguments.

    Parameters
    ----------
    text : str
        A sentence.

    Returns
    -------
    str

    Examples
    --------
    >>> in_options("choose columns of numbers with columns=['a', 'b c', ...] or pass header=True.")
    "choose columns of numbers with --columns 'a,b c,...' or pass --header."
    >>> in_options("raise max_iter, or pass gaps='drop'.")
    'raise --max-iter, or pass --gaps drop.'
    """
    text = PARAMETER.sub(lambda found: ARGUMENTS.get(found["name"], found[0]), text)
    return MEANT.sub(lambda found: OPTIONS[found["name"]], GIVEN.sub(_option, text))


def _option(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    if name == "header":
        return "--no-header" if value == "False" else "--header"
    if value is None:
        return ARGUMENTS[name]
    return f"{ARGUMENTS[name]} {_quoted(_word(value))}"


def _word(value: str) -> str:
    """A value as it stands on a command line, those of a list between commas."""
    if value.startswith("["):
        parts = re.findall(rf"{TEXT}|\d+|\.\.\.", value)
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([_word(part) for part in parts])
        return line.getvalue()
    return str(ast.literal_eval(value)) if value[0] in "'\"" else value


def _quoted(word: str) -> str:
    """A word that a shell takes for one."""
    if word == "\t":
        return "tab"
    if re.fullmatch(r"[\w.,:/+\-]+", word):
        return word
    return '"' + word + '"' if "'" in word else "'" + word + "'"
