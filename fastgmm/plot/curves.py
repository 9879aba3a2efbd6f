"""Curves: the log-likelihood over the iterations of a fit, a criterion over the components.

Nothing is imported from matplotlib before something is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.errors import not_fitted_error
from fastgmm.limits.scalars import is_iterable, shown
from fastgmm.mixture.criteria import check_criterion
from fastgmm.plot.files import import_matplotlib, picture_file
from fastgmm.plot.parts import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vP"
"""Lines of a criterion are told apart by these too, for those who print without colours."""

HOLLOW: dict[str, Any] = {"linestyle": "", "markersize": 4, "markerfacecolor": "white"}
"""A fit in which a component has collapsed is drawn as a hollow mark without a line."""


def plot_log_likelihood(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the log-likelihood per row over the EM iterations of the fit.

    Parameters
    ----------
    model : GaussianMixture
        Fitted; its ``lower_bounds_`` are drawn.
    ax : Axes, optional
        Where to draw; a new pyplot figure by default.

    Returns
    -------
    Axes
        The axes with the trace.

    Raises
    ------
    ValueError
        If the model is not fitted, or was not made by iterations.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fastgmm import GaussianMixture
    >>> model = GaussianMixture(2).fit([[0.0], [0.1], [0.3], [4.0], [4.4]])
    >>> plot_log_likelihood(model, ax=Figure().add_subplot()).get_xlabel()
    'iteration'
    """
    import_matplotlib()
    if not hasattr(model, "means_"):
        raise not_fitted_error(type(model).__name__)
    bounds = np.asarray(getattr(model, "lower_bounds_", ()), dtype=np.float64)
    if bounds.size == 0:
        raise ValueError("The model has no iterations to draw: its lower_bounds_ are empty.")
    ax = _new_axes() if ax is None else ax
    marker = "o" if bounds.size <= 50 else ""
    ax.plot(np.arange(1, bounds.size + 1), bounds, color=PALETTE[0], marker=marker, markersize=4)
    ax.set_title("converged" if model.converged_ else "not converged", fontsize="medium")
    _finish(ax, "iteration", "log-likelihood per row")
    return ax


def plot_criterion(table: Sequence[Any], criterion: str = "bic", *, ax: Axes | None = None) -> Axes:
    """Draw a criterion over the number of components, a line per covariance type.

    Parameters
    ----------
    table : sequence of Candidate
        The table of `fastgmm.select`.
    criterion : {"bic", "icl", "aic"}
        Lower is better; the best is ringed, and fits in which a component has collapsed are hollow.
    ax : Axes, optional
        Where to draw; a new pyplot figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If no fit of the table has ended well.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import fastgmm
    >>> X = [[0.0], [0.1], [0.3], [4.0], [4.4], [4.5]]
    >>> chosen = fastgmm.select(X, range(1, 3), "tied", random_state=0)
    >>> plot_criterion(chosen.table, ax=Figure().add_subplot()).get_ylabel()
    'BIC (lower is better)'
    """
    import_matplotlib()
    check_criterion(criterion)
    _check_table(table)
    fitted = [one for one in table if np.isfinite(getattr(one, criterion))]
    if not fitted:
        raise ValueError("There is nothing to draw: no fit of the table has ended well.")
    ax = _new_axes() if ax is None else ax
    for i, kind in enumerate(dict.fromkeys(one.covariance_type for one in fitted)):
        line = sorted(
            (one for one in fitted if one.covariance_type == kind),
            key=lambda one: one.n_components,
        )
        colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        _draw_line(ax, line, criterion, {"color": colour, "marker": marker})
    if not all(one.sound for one in fitted):
        ax.plot([], [], color="gray", marker="o", label="a component has collapsed", **HOLLOW)
    _ring(ax, min(fitted, key=lambda one: one.rank(criterion)), criterion)
    _finish(ax, "components", f"{criterion.upper()} (lower is better)")
    ax.ticklabel_format(axis="y", style="plain")
    ax.legend(frameon=False, fontsize="small")
    return ax


def _check_table(table: Any) -> None:
    """Refuse what is no table of `fastgmm.select`."""
    if not is_iterable(table) or not all(hasattr(one, "bic") for one in table):
        raise TypeError(f"table must be the table of fastgmm.select, got {shown(table)}.")


def save_criterion(path: str | os.PathLike[str], table: Sequence[Any], criterion: str) -> None:
    """Write the picture of `plot_criterion` to a file, without pyplot and without a display.

    Parameters
    ----------
    path : str or path
        A name that ends in a format which matplotlib writes, such as ``.png``, ``.pdf``, ``.svg``.
    table, criterion
        As for `plot_criterion`.

    Raises
    ------
    ValueError
        As `plot_criterion`, and if matplotlib does not write the format.
    ImportError
        If matplotlib is not installed.
    """
    with picture_file(path) as figure:
        plot_criterion(table, criterion, ax=figure.add_subplot())


def _draw_line(ax: Axes, line: Sequence[Any], criterion: str, style: dict[str, Any]) -> None:
    """Draw the fits of one covariance type, the hollow marks over the full ones."""
    numbers = [one.n_components for one in line]
    values = [getattr(one, criterion) for one in line]
    ax.plot(numbers, values, label=line[0].covariance_type, markersize=4, linewidth=1.2, **style)
    if collapsed := [i for i, one in enumerate(line) if not one.sound]:
        ax.plot([numbers[i] for i in collapsed], [values[i] for i in collapsed], **style, **HOLLOW)


def _ring(ax: Axes, best: Any, criterion: str) -> None:
    ax.plot(
        [best.n_components],
        [getattr(best, criterion)],
        linestyle="",
        marker="o",
        markersize=11,
        markerfacecolor="none",
        color="black",
        label=f"best: {best.covariance_type}, {best.n_components}",
    )


def _new_axes() -> Axes:
    from matplotlib import pyplot

    return pyplot.figure(layout="constrained").add_subplot()


def _finish(ax: Axes, below: str, beside: str) -> None:
    """Name the axes, of which the lower one counts in whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel(below)
    ax.set_ylabel(beside)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.spines[["top", "right"]].set_visible(False)
