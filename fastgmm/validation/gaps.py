"""What gaps leave unknown: columns, and pairs of them, that were never observed."""

import numpy as np

from fastgmm.errors import warn_user

MOST_NAMED = 10
"""A sentence names at most this many columns or pairs."""


def check_observed(together: np.ndarray, names: np.ndarray | None, correlated: bool) -> None:
    """Refuse a column of which nothing was observed, and warn of pairs never observed together.

    Parameters
    ----------
    together : ndarray of shape (D, D)
        In how many rows both columns were observed.
    names : ndarray of shape (D,), optional
        The names of the columns.
    correlated : bool
        Whether the mixture has covariances between columns.

    Raises
    ------
    ValueError
        When a column has no value.

    Warns
    -----
    UserWarning
        When the rows say nothing of the covariance of two columns.
    """
    empty = np.flatnonzero(np.diagonal(together) == 0)
    if len(empty):
        listed = _listed([_name(j, names) for j in empty.tolist()])
        several = "s" if len(empty) > 1 else ""
        raise ValueError(
            f"Input X has no value in column{several} {listed}: leave {'them' if several else 'it'}"
            " out."
        )
    if not correlated:
        return
    ones, others = np.nonzero(np.triu(together == 0, 1))
    if len(ones):
        pairs = zip(ones.tolist(), others.tolist(), strict=True)
        listed = _listed([f"{_name(i, names)} and {_name(j, names)}" for i, j in pairs])
        warn_user(
            f"No row has values of both columns {listed}: the rows say nothing of their covariance "
            "within components, and what the fit gives for it comes from the start. Use "
            "covariance_type='diag', or leave one of them out."
        )


def _name(column: int, names: np.ndarray | None) -> str:
    return str(column) if names is None else repr(str(names[column]))


def _listed(words: list[str]) -> str:
    return ", ".join(words[:MOST_NAMED]) + (", ..." if len(words) > MOST_NAMED else "")
