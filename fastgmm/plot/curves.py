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

MARKERS = "osD^vPX"
"""Lines of a criterion are told apart by these too, for those who print without colours."""

MOST_TICKS = 12
"""An axis names so many numbers of components at the most."""

MOST_OVER_MEDIAN = 3.0
"""A fit is shown if it is no more than so many times as far from the best as the median is."""

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
    ax = new_curve_axes() if ax is None else ax
    marker = "o" if bounds.size <= 50 else ""
    ax.plot(np.arange(1, bounds.size + 1), bounds, color=PALETTE[0], marker=marker, markersize=4)
    ax.set_title("converged" if model.converged_ else "not converged", fontsize="medium")
    finish_curve(ax, "iteration", "log-likelihood per row")
    return ax


def plot_criterion(table: Sequence[Any], criterion: str = "bic", *, ax: Axes | None = None) -> Axes:
    """Draw a criterion over the number of components, a line per covariance type.

    Parameters
    ----------
    table : sequence of Candidate
        The table of `fastgmm.select`.
    criterion : {"bic", "icl", "aic"}
        Lower is better; the best is ringed, and fits in which a component has collapsed are hollow.
        Fits that are much worse than most lie above the picture, and how many is said there.
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
    ax = new_curve_axes() if ax is None else ax
    for i, kind in enumerate(dict.fromkeys(one.covariance_type for one in fitted)):
        line = sorted(
            (one for one in fitted if one.covariance_type == kind),
            key=lambda one: one.n_components,
        )
        colour, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
        _draw_line(ax, line, criterion, {"color": colour, "marker": marker})
    if not all(one.sound for one in fitted):
        ax.plot([], [], color="gray", marker="o", label="a component has collapsed", **HOLLOW)
    best = min(fitted, key=lambda one: one.rank(criterion))
    _ring(ax, best, criterion)
    finish_curve(ax, "components", f"{criterion.upper()} (lower is better)")
    ax.ticklabel_format(axis="y", style="plain")
    ax.set_xticks(_ticks([one.n_components for one in fitted], best.n_components))
    _show_the_good(ax, np.array([getattr(one, criterion) for one in fitted]))
    beside = type(_engine_of(ax)).__name__ == "ConstrainedLayoutEngine"
    place: dict[str, Any] = {"loc": "best"}
    if beside:  # Inside it may lie over a line.
        place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1), "borderaxespad": 0}
    ax.legend(frameon=False, fontsize="small", **place)
    return ax


def _check_table(table: Any) -> None:
    """Refuse what is no table of `fastgmm.select`."""
    if not is_iterable(table) or not all(hasattr(one, "bic") for one in table):
        raise TypeError(f"table must be the table of fastgmm.select, got {shown(table)}.")


def _engine_of(ax: Axes) -> Any:
    figure: Any = ax.figure
    return figure.figure.get_layout_engine()


def _ticks(numbers: Sequence[int], best: int) -> list[int]:
    """Some of these numbers, about ten: the first, the last and the best are among them."""
    known = sorted(set(numbers))
    if len(known) <= MOST_TICKS:
        return known
    step = -(-len(known) // MOST_TICKS)
    kept = {known[0], known[-1], best}
    # What would run into one of these is left out.
    least = 0.6 * step * (known[-1] - known[0]) / len(known)
    for number in known[::step]:
        if all(abs(number - other) >= least for other in kept):
            kept.add(number)
    return sorted(kept)


def _show_the_good(ax: Axes, values: np.ndarray) -> None:
    """Let bad fits lie above the picture, where they would squeeze the choice among good ones."""
    lowest, middle, highest = values.min(), float(np.median(values)), values.max()
    top = lowest + MOST_OVER_MEDIAN * (middle - lowest)
    if not lowest < middle or highest <= top:
        return
    ax.set_ylim(lowest - 0.06 * (top - lowest), top)
    n_above = int(np.count_nonzero(values > top))
    text = f"\u25b4 {n_above} {'fit lies' if n_above == 1 else 'fits lie'} above"
    ax.annotate(text, (0.5, 1.0), xycoords="axes fraction", xytext=(0, 3),
                textcoords="offset points", ha="center", va="bottom", fontsize="small",
                color="dimgray")  # fmt: skip


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
    ax.axvline(best.n_components, color="black", linewidth=0.8, linestyle=":", zorder=0)
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


def new_curve_axes() -> Axes:
    """Axes in a new figure of pyplot."""
    from matplotlib import pyplot

    return pyplot.figure(layout="constrained").add_subplot()


def finish_curve(ax: Axes, below: str, beside: str) -> None:
    """Name the axes, of which the lower one counts in whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel(below)
    ax.set_ylabel(beside)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.spines[["top", "right"]].set_visible(False)
