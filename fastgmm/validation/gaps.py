"""What gaps leave unknown: columns, and pairs of them, that were never observed."""

import numpy as np

from fastgmm.errors import warn_user

MOST_NAMED = 10
"""A sentence names at most this many columns or pairs."""
Pairs = tuple[tuple[int, int], ...]
"""Pairs of columns, by their numbers."""


def check_observed(together: np.ndarray, names: np.ndarray | None) -> None:
    """Refuse a column of which nothing was observed.

    Parameters
    ----------
    together : ndarray of shape (D, D)
        In how many rows both columns were observed.
    names : ndarray of shape (D,), optional
        The names of the columns.

    Raises
    ------
    ValueError
        When a column has no value.
    """
    empty = np.flatnonzero(np.diagonal(together) == 0)
    if len(empty):
        several = "s" if len(empty) > 1 else ""
        raise ValueError(
            f"Input X has no value in column{several} {listed_columns(empty.tolist(), names)}: "
            f"leave {'them' if several else 'it'} out."
        )


def never_together(together: np.ndarray) -> Pairs:
    """The pairs of columns of which no row has both values."""
    ones, others = np.nonzero(np.triu(together == 0, 1))
    return tuple(zip(ones.tolist(), others.tolist(), strict=True))


def warn_of_apart(apart: Pairs, names: np.ndarray | None, where: str = "") -> None:
    """Warn of pairs of columns of which no row has both values; `where` says which rows.

    Warns
    -----
    UserWarning
        When there is such a pair.
    """
    if apart:
        pairs = [f"{_name(i, names)} and {_name(j, names)}" for i, j in apart]
        warn_user(
            f"No row{where} has values of both columns {_listed(pairs)}: the rows say nothing of "
            "their covariance within components, and what the fit gives for it comes from the "
            "start. Use covariance_type='diag', or leave one of them out."
        )


def listed_columns(columns: list[int], names: np.ndarray | None) -> str:
    """Some columns, by name where they have names."""
    return _listed([_name(j, names) for j in columns])


def _name(column: int, names: np.ndarray | None) -> str:
    return str(column) if names is None else repr(str(names[column]))


def _listed(words: list[str]) -> str:
    return ", ".join(words[:MOST_NAMED]) + (", ..." if len(words) > MOST_NAMED else "")
