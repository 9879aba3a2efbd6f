"""The columns of a source that its reader has chosen."""

from collections.abc import Sequence
from typing import NamedTuple

from fastgmm.sources.blocks import Source
from fastgmm.tables.columns import Column, advice, positions
from fastgmm.tables.kinds import type_sentence


class Choice(NamedTuple):
    """The columns that become rows, and the one that weighs them.

    Attributes
    ----------
    columns : list of int
        Their numbers, at least one.
    weights : int or None
        The number of the column of weights.
    names : tuple of str or None
        The names of `columns`.
    kept : list of int
        The numbers of the columns that are carried along as they stand.
    """

    columns: list[int]
    weights: int | None
    names: tuple[str, ...] | None
    kept: list[int] = []  # noqa: RUF012 -- never changed, and a list as `columns` is


def choose(
    source: Source,
    columns: Sequence[Column] | None,
    weights: Column | None,
    keep: Sequence[Column] = (),
) -> Choice:
    """Find the chosen columns of a source.

    Parameters
    ----------
    source : Source
    columns : sequence of str or int, optional
        As for `fastgmm.sources.batches`.
    weights : str or int, optional
        As for `fastgmm.sources.batches`.
    keep : sequence of str or int
        As for `fastgmm.sources.batches`.

    Returns
    -------
    Choice

    Raises
    ------
    ValueError
        If a column is unknown, ambiguous, chosen twice or not one of numbers, or none is left.
    """
    where, names, n_columns = source.where, source.names, source.n_columns
    weighing = None
    if weights is not None:
        (weighing,) = positions(where, names, n_columns, [weights])
    kept = positions(where, names, n_columns, keep) if keep else []
    if columns is None and source.default is not None:
        chosen = list(source.default)
    else:
        chosen = positions(where, names, n_columns, columns)
    if columns is None:
        chosen = [i for i in chosen if i != weighing and i not in kept]
    if weighing in chosen:
        raise ValueError(
            f"Column {weights!r} of {where} is chosen twice, for the rows and for their weights; "
            "leave it out of the columns."
        )
    if not chosen:
        besides = "" if weights is None else f" besides {weights!r}"
        besides = f" besides {', '.join(map(repr, keep))}" if keep else besides
        raise ValueError(f"{where} has no column{besides}; nothing would be left.")
    for i in chosen if weighing is None else [*chosen, weighing]:
        if source.kinds and source.kinds[i] is not None:
            raise ValueError(_type_sentence(source, i))
    chosen_names = None if names is None else tuple(names[i] for i in chosen)
    return Choice(chosen, weighing, chosen_names, kept)


def _type_sentence(source: Source, i: int) -> str:
    names, kind = source.names, source.kinds[i]
    assert kind is not None
    at = f"{source.where}, column {i if names is None else repr(names[i])}"
    labels = names or tuple(map(str, range(source.n_columns)))
    default = range(source.n_columns) if source.default is None else source.default
    fitting = [labels[j] for j in default if source.kinds[j] is None]
    return f"{at}: {type_sentence(kind, advice(fitting))}"
