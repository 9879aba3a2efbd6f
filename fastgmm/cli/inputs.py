"""The rows of a command: whole files and streams, with the columns that a model knows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.cli.report import counted
from fastgmm.sources import Batches, Table, batches, column_names, read_table


def weighted_table(arguments: argparse.Namespace) -> tuple[Table, Any]:
    """Read the file of a fit.

    Parameters
    ----------
    arguments : Namespace
        Those of `fastgmm fit` or `fastgmm select`.

    Returns
    -------
    table : Table
        The rows, without the column of the weights.
    weights : ndarray or None
        The weights of the rows, where a column of them was chosen.
    """
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


def open_source(arguments: argparse.Namespace, *, weights: str | None = None) -> Batches:
    """The batches of a file, or of standard input for ``-``."""
    source = sys.stdin.buffer if arguments.data == "-" else arguments.data
    return batches(
        source,
        columns=arguments.columns,
        weights=weights,
        batch_rows=arguments.batch_rows,
        dtype=arguments.dtype,
        header=arguments.header,
        gaps=arguments.gaps,
        format=arguments.format,
    )


def table_for(model: GaussianMixture, arguments: argparse.Namespace) -> Table:
    """Read the columns that a model was fitted on, found by name where both have names.

    Parameters
    ----------
    model : GaussianMixture
        Fitted.
    arguments : Namespace
        Those of `fastgmm score`, with a file that `read_table` reads.

    Returns
    -------
    Table
        Under the model's names.

    Raises
    ------
    ValueError
        If there are more or fewer columns than the model has.
    """
    names = _names_of(model)
    columns = arguments.columns
    if columns is None and names is not None:
        found = column_names(arguments.data, header=arguments.header)
        columns = None if found is None else list(names)
    table = read_table(
        arguments.data, columns=columns, header=arguments.header, dtype=arguments.dtype
    )
    n_features, n_expected = table.rows.shape[1], model.n_features_in_
    if n_features != n_expected:
        raise ValueError(
            f"{arguments.data} has {counted(n_features, 'column')} and the model was fitted on "
            f"{n_expected}; choose them with --columns."
        )
    # The columns are chosen by now, and from here on they go by their order.
    return Table(table.rows, names)


def tables_for(model: GaussianMixture, source: Batches) -> Iterator[tuple[Table, Any]]:
    """Give the batches of a source as tables of the columns that a model knows.

    Parameters
    ----------
    model : GaussianMixture
        The columns are found by name where both have names. A model that is not fitted yet takes
        those of the source.
    source : Batches
        The rows.

    Yields
    ------
    table : Table
        Under the model's names.
    weights : ndarray or None
        The weights of the rows, where the source has them.

    Raises
    ------
    ValueError
        If the source lacks one of the model's columns.
    """
    fitted = model.is_fitted
    names = _names_of(model) if fitted else None
    for item in source:
        rows, weights = item if isinstance(item, tuple) else (item, None)
        if not fitted:
            yield Table(rows, source.columns), weights
        elif names is None or source.columns is None:
            yield Table(rows, names), weights
        else:
            chosen = _chosen(names, source.columns)
            yield Table(np.ascontiguousarray(rows[:, chosen]), names), weights


def _names_of(model: GaussianMixture) -> tuple[str, ...] | None:
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else tuple(names)


def _chosen(names: tuple[str, ...], columns: tuple[str, ...]) -> list[int]:
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(
            f"there is no column {missing[0]!r} among {', '.join(columns)}: the model "
            "was fitted on it; choose columns with --columns."
        )
    return [columns.index(name) for name in names]
