"""The fits of a grid as text: a criterion by number of components and covariance type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def grid_of(table: Sequence[Any]) -> tuple[list[int], list[str], dict[tuple[int, str], Any]]:
    """The numbers of components, the covariance types, and the fits by both."""
    fits = {(one.n_components, one.covariance_type): one for one in table}
    numbers = list(dict.fromkeys(number for number, _ in fits))
    return numbers, list(dict.fromkeys(kind for _, kind in fits)), fits


def selection_text(table: Sequence[Any], criterion: str) -> str:
    """What a choice says: what its marks mean, and the table of the criterion.

    Parameters
    ----------
    table : sequence of Candidate
    criterion : {"bic", "icl", "aic"}

    Returns
    -------
    str
    """
    collapsed = any(not one.failure and not one.sound for one in table)
    note = "; ! a component has collapsed, or nearly" if collapsed else ""
    head = f"{criterion.upper()}, lower is better; * the best of the fits{note}"
    return f"{head}\n\n{criterion_table(table, criterion)}"


def criterion_table(table: Sequence[Any], criterion: str) -> str:
    """A criterion, a line per number of components and a column per covariance type.

    Parameters
    ----------
    table : sequence of Candidate
        The table of `fastgmm.select`.
    criterion : {"bic", "icl", "aic"}

    Returns
    -------
    str
        Several lines; the best value has a star, one where a component has collapsed, or nearly, an
        exclamation mark, and what could not be fitted is a dash.
    """
    numbers, kinds, fits = grid_of(table)
    best = min(table, key=lambda one: one.rank(criterion))

    def cell(one: Any) -> str:
        if one is None or one.failure:
            return f"{'-':>15} "
        mark = "*" if one is best else " " if one.sound else "!"
        return f"{getattr(one, criterion):>15.2f}{mark}"

    lines = ["components" + "".join(f"{kind:>15} " for kind in kinds)]
    for number in numbers:
        cells = (cell(fits.get((number, kind))) for kind in kinds)
        lines.append(f"{number:>10}" + "".join(cells))
    return "\n".join(line.rstrip() for line in lines)
