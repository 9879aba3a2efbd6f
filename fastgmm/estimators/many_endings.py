"""What users are told when the fits of many groups have ended: once of all, with the first named.

Arrays of all groups say which of them may be wrong; these alone are looked at as a single fit is.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.em.collapse import FLOOR_SHARE, Repair, at_floor
from fastgmm.em.regularization import Regularization
from fastgmm.em.soundness import SWAMPED, Swamped, swamped, too_few_rows
from fastgmm.errors import (
    CollapseWarning,
    convergence_warning_class,
    convergence_warning_text,
    warn_user,
)
from fastgmm.estimators.endings import collapse_text
from fastgmm.estimators.stack import Stack
from fastgmm.typing import CovarianceType
from fastgmm.validation.gaps import warn_of_apart

SCREENED = 0.9
"""Rounding of a screen hides no group: it asks for this share of what is looked for."""


def warn_of_all(
    stack: Stack, params: Any, names: np.ndarray | None, labels: tuple[Hashable, ...]
) -> None:
    """Warn of all that is wrong with the results of many fits: of each kind once.

    `params` are the parameters of the constructor as attributes; `names` (D,) those of the columns.
    """
    kind, n = params.covariance_type, len(stack)
    apart = [i for i in sorted(stack.extras) if stack.apart(i)]
    if apart:
        warn_of_apart(stack.apart(apart[0]), names, _of_group(labels[apart[0]], len(apart), n))
    too_large = _too_large_ridges(stack, kind)
    if too_large:
        i, found = next(iter(too_large.items()))
        column = found.column if names is None else repr(str(names[found.column]))
        where = "in all rows" if found.component < 0 else f"within component {found.component}"
        warn_user(
            f"reg_covar is large beside the variances of {len(too_large)} of {n} groups: in group "
            f"{labels[i]!r} it adds {found.ridge:.3g} to each variance, and that of "
            f"{'the columns' if found.column < 0 else f'column {column}'} {where} is "
            f"{found.variance:.3g}. Pass reg_covar='auto', which follows the units of the columns, "
            "or a smaller number."
        )
    collapsed = _collapsed(stack, kind, too_large)
    if collapsed:
        i = collapsed[0]
        mixture, n_rows = stack.mixture(i, kind), float(stack.numbers.n_rows[i])
        repairs = _repairs(stack, i, too_large)
        text = collapse_text(mixture, stack.regularization_of(i), repairs, n_rows, names)
        warn_user(
            f"{len(collapsed)} of {n} groups have components that have collapsed, or nearly. Of "
            f"group {labels[i]!r}: {text} Use fewer components, a larger reg_covar or a prior.",
            CollapseWarning,
        )
    numbers = stack.numbers
    unfinished = np.flatnonzero((numbers.weight > 0.0) & ~numbers.converged & ~numbers.stopped)
    if len(unfinished) and params.max_iter > 0:
        text = (
            f"These are {len(unfinished)} of {n} groups, as converged_ tells; the first is "
            f"{labels[unfinished[0]]!r}, after {numbers.n_iter[unfinished[0]]} iterations."
        )
        warn_user(convergence_warning_text(text), convergence_warning_class())


def _of_group(label: Hashable, n_others: int, n: int) -> str:
    """Which rows a warning is about, where it names one group of several."""
    return (
        f" of group {label!r} (nor of {n_others - 1} more of {n})"
        if n_others > 1
        else (f" of group {label!r}")
    )


def _too_large_ridges(stack: Stack, kind: CovarianceType) -> dict[int, Swamped]:
    """The groups in which the ridge is large beside the variance of a column, with the column."""
    numbers, form = stack.numbers, model_of(kind).form
    d = numbers.means.shape[2]
    diagonals = form.diagonals(numbers.covariances, d).reshape(len(stack), -1)
    ridges = np.array([_largest_ridge(stack.regularization_of(i)) for i in range(len(stack))])
    least = np.minimum(numbers.row_variances.min(axis=1), diagonals.min(axis=1) - ridges)
    found = {}
    for i in np.flatnonzero(ridges > SCREENED * SWAMPED * least).tolist():
        whole = numbers.row_variances[i] if stack.has_trail(i) else None
        mixture, n_rows = stack.mixture(i, kind), float(numbers.n_rows[i])
        one = swamped(mixture, stack.regularization_of(i), n_rows, whole)
        if one is not None:
            found[i] = one
    return found


def _largest_ridge(regularization: Regularization) -> float:
    return 0.0 if regularization.prior is not None else float(regularization.reg_covar.max())


def _collapsed(stack: Stack, kind: CovarianceType, too_large: dict[int, Swamped]) -> list[int]:
    """The groups with components that a single fit would warn of."""
    suspects = {i for i in range(len(stack)) if stack.repairs_of(i)}
    suspects.update(np.flatnonzero(_few_rows(stack, kind)).tolist())
    suspects.update(np.flatnonzero(_near_floor(stack, kind)).tolist())
    found = []
    for i in sorted(suspects):
        repairs = _repairs(stack, i, too_large)
        if i in too_large and not repairs:
            continue  # what is held at the floor of such a ridge is none of the components' fault
        mixture, regularization = stack.mixture(i, kind), stack.regularization_of(i)
        few = too_few_rows(mixture, regularization, float(stack.numbers.n_rows[i]))
        if repairs or few.any() or at_floor(mixture, regularization).any():
            found.append(i)
    return found


def _repairs(stack: Stack, i: int, too_large: dict[int, Swamped]) -> tuple[Repair, ...]:
    """What a warning says of the repairs of one group."""
    repairs = stack.repairs_of(i)
    return tuple(one for one in repairs if one.action == "moved") if i in too_large else repairs


def _few_rows(stack: Stack, kind: CovarianceType) -> np.ndarray:
    """(G,): which groups have a component of about as few rows as span no volume."""
    numbers, model = stack.numbers, model_of(kind)
    if model.tied:
        return np.zeros(len(stack), dtype=bool)
    needed = model.rows_needed(numbers.means.shape[2])
    fewest: np.ndarray = numbers.weights.min(axis=1) * numbers.n_rows < needed
    return fewest


def _near_floor(stack: Stack, kind: CovarianceType) -> np.ndarray:
    """(G,): which groups may have a component whose variance is the ridge in some direction.

    The ridge over the least variance is at most the trace of precision times ridge.
    """
    form, inverses = model_of(kind).form, stack.numbers.inverse_factors
    common = form.ridge(stack.regularization.reg_covar)
    each = inverses if model_of(kind).tied else inverses.reshape(-1, *inverses.shape[2:])
    with np.errstate(invalid="ignore"):
        traces = np.asarray(form.ridge_traces(each, common)).reshape(len(stack), -1)
        for i, extra in stack.extras.items():
            if extra.regularization is not None:
                own = form.ridge(extra.regularization.reg_covar)
                one = inverses[i : i + 1] if model_of(kind).tied else inverses[i]
                traces[i] = form.ridge_traces(one, own)
        near: np.ndarray = traces.max(axis=1) > SCREENED * FLOOR_SHARE
    return near
