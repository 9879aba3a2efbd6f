"""Pictures of a fitted mixture and of the way to it, drawn with matplotlib.

matplotlib is imported when something is drawn, never by ``import fastgmm``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgmm.errors import not_fitted_error
from fastgmm.plot.parts import (
    PALETTE,
    add_legend,
    draw_density,
    draw_pair,
    fit_labels,
    new_axes,
    number_means,
)
from fastgmm.plot.shown import Marginal, chosen_features, marginal
from fastgmm.tables.columns import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "plot_criterion",
    "plot_log_likelihood",
    "plot_mixture",
    "save_criterion",
    "save_mixture",
]


def plot_mixture(
    model: Any,
    X: ArrayLike | None = None,
    *,
    features: Column | Sequence[Column] | None = None,
    sample_weight: ArrayLike | None = None,
    ax: Axes | NDArray[Any] | None = None,
    deviations: Sequence[float] = (1.0, 2.0),
    legend: bool = True,
) -> Axes | NDArray[Any]:
    """Draw a fitted mixture, over data if there are any.

    One feature: a histogram, each weighted component and their sum. Two: points in the colour of
    their label, and ellipses around each mean. More: all pairs below the diagonal of a grid, with
    the single features on it.

    Parameters
    ----------
    model : GaussianMixture
        Fitted; any class with scikit-learn's fitted attributes will do.
    X : array-like of shape (n_samples, n_features), optional
        The rows to draw, with all columns that the model was fitted on. Of more than 20,000 rows
        a fixed sample is drawn as points; the histograms count all.
    features : sequence of str or int, optional
        The features to draw, by name or by number (counted from 0); all by default. The picture
        is the mixture's marginal distribution in them.
    sample_weight : array-like of shape (n_samples,), optional
        The weights that the model was fitted with, for the histograms.
    ax : Axes, or ndarray of Axes of shape (n_drawn, n_drawn) for three features or more, optional
        Where to draw; a new pyplot figure by default.
    deviations : sequence of float
        The sizes of the ellipses, in standard deviations.
    legend : bool
        Whether to name the components and their weights; beside the axes where the figure's
        layout is "constrained", inside them otherwise.

    Returns
    -------
    Axes or ndarray of Axes
        One Axes; for three features or more an array of shape (n_drawn, n_drawn), in which those
        above the diagonal are off.

    Raises
    ------
    ValueError
        If the model is not fitted, a feature is unknown, there are more than 10 features to draw,
        or ``X``, ``sample_weight``, ``deviations`` or ``ax`` do not fit.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fastgmm import GaussianMixture
    >>> model = GaussianMixture.from_parameters([0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]])
    >>> axes = plot_mixture(model, [[1.8], [2.2], [5.5]], ax=Figure().add_subplot())
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['0: 60.0 %', '1: 40.0 %', 'their sum']
    """
    _import_matplotlib()
    sizes = sorted(map(float, deviations))
    if not sizes or sizes[0] <= 0 or not np.isfinite(sizes).all():
        raise ValueError(f"deviations must be positive numbers, got {deviations!r}.")
    shown = marginal(model, X, features, sample_weight)
    n_drawn = len(shown.names)
    if ax is None:
        from matplotlib import pyplot

        ax = new_axes(pyplot.figure(layout="constrained"), n_drawn)
    axes = _as_grid(ax, n_drawn)
    first: Axes = axes[0, 0]
    if n_drawn > 2:
        _draw_grid(axes, shown, sizes)
        if legend:
            add_legend(axes[0, -1], shown, sizes, "corner")
        return axes
    limits = shown.limits(sizes[-1])
    if n_drawn == 1:
        draw_density(first, shown, 0, limits)
    else:
        draw_pair(first, shown, (0, 1), limits, sizes)
        if len(shown.weights) > len(PALETTE):  # beyond that, colours alone are hard to tell apart
            number_means(first, shown, limits)
    if legend:
        engine = _figure_of(first).get_layout_engine()
        beside = type(engine).__name__ == "ConstrainedLayoutEngine"
        add_legend(first, shown, sizes, "beside" if beside else "inside")
    return first


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
    _import_matplotlib()
    if not hasattr(model, "means_"):
        raise not_fitted_error(type(model).__name__)
    bounds = np.asarray(getattr(model, "lower_bounds_", ()), dtype=np.float64)
    if bounds.size == 0:
        raise ValueError("The model has no iterations to draw: its lower_bounds_ are empty.")
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(layout="constrained").add_subplot()
    marker = "o" if bounds.size <= 50 else ""
    ax.plot(np.arange(1, bounds.size + 1), bounds, color=PALETTE[0], marker=marker, markersize=4)
    ax.set_title("converged" if model.converged_ else "not converged", fontsize="medium")
    ax.set_xlabel("iteration")
    ax.set_ylabel("log-likelihood per row")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.spines[["top", "right"]].set_visible(False)
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
    _import_matplotlib()
    fitted = [one for one in table if np.isfinite(getattr(one, criterion))]
    if not fitted:
        raise ValueError("There is nothing to draw: no fit of the table has ended well.")
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(layout="constrained").add_subplot()
    markers = "osD^vP"
    for i, kind in enumerate(dict.fromkeys(one.covariance_type for one in fitted)):
        line = sorted(
            (one for one in fitted if one.covariance_type == kind),
            key=lambda one: one.n_components,
        )
        numbers = [one.n_components for one in line]
        values = [getattr(one, criterion) for one in line]
        colour, marker = PALETTE[i % len(PALETTE)], markers[i % len(markers)]
        ax.plot(
            numbers, values, label=kind, color=colour, marker=marker, markersize=4, linewidth=1.2
        )
        if collapsed := [i for i, one in enumerate(line) if one.n_collapsed]:
            ax.plot(
                [numbers[i] for i in collapsed],
                [values[i] for i in collapsed],
                linestyle="",
                color=colour,
                marker=marker,
                markersize=4,
                markerfacecolor="white",
            )
    if any(one.n_collapsed for one in fitted):
        ax.plot(
            [],
            [],
            linestyle="",
            color="gray",
            marker="o",
            markersize=4,
            markerfacecolor="white",
            label="a component has collapsed",
        )
    best = min(fitted, key=lambda one: one.rank(criterion))
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
    ax.set_xlabel("components")
    ax.set_ylabel(f"{criterion.upper()} (lower is better)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.ticklabel_format(axis="y", useOffset=False, style="plain")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small")
    return ax


def save_mixture(
    path: str | os.PathLike[str],
    model: Any,
    X: ArrayLike | None = None,
    *,
    features: Column | Sequence[Column] | None = None,
    sample_weight: ArrayLike | None = None,
) -> None:
    """Write the picture of `plot_mixture` to a file, without pyplot and without a display.

    Parameters
    ----------
    path : str or path
        A name that ends in a format which matplotlib writes, such as ``.png``, ``.pdf``, ``.svg``.
    model : GaussianMixture
        See `plot_mixture`, also for the other parameters.
    X : array-like of shape (n_samples, n_features), optional
        The rows to draw.
    features : sequence of str or int, optional
        The features to draw.
    sample_weight : array-like of shape (n_samples,), optional
        The weights of the rows.

    Raises
    ------
    ValueError
        As `plot_mixture`, and if matplotlib does not write the format.
    ImportError
        If matplotlib is not installed.
    """
    check_picture_name(path)
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    axes = new_axes(figure, len(chosen_features(model, X, features)[0]))
    plot_mixture(model, X, features=features, sample_weight=sample_weight, ax=axes)
    figure.savefig(path, dpi=150)


def save_criterion(path: str | os.PathLike[str], table: Sequence[Any], criterion: str) -> None:
    """Write the picture of `plot_criterion` to a file, without pyplot and without a display.

    Parameters
    ----------
    path : str or path
        A name that ends in a format which matplotlib writes, such as ``.png``, ``.pdf``, ``.svg``.
    table : sequence of Candidate
        The table of `fastgmm.select`.
    criterion : {"bic", "icl", "aic"}
    """
    check_picture_name(path)
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    plot_criterion(table, criterion, ax=figure.add_subplot())
    figure.savefig(path, dpi=150)


def check_picture_name(path: str | os.PathLike[str]) -> None:
    """Refuse a file name that `save_mixture` could not write, before any work is done.

    Parameters
    ----------
    path : str or path
        The name of the picture.

    Raises
    ------
    ValueError
        If matplotlib does not write the format.
    ImportError
        If matplotlib is not installed.
    """
    _import_matplotlib()
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in known:
        raise ValueError(f"The picture {path} must end in one of .{', .'.join(known)}.")


def _as_grid(ax: Any, n_drawn: int) -> NDArray[Any]:
    side = n_drawn if n_drawn > 2 else 1
    axes = np.asarray(ax, dtype=object)
    if axes.size != side * side or (side > 1 and axes.shape != (side, side)):
        wanted = "one Axes" if side == 1 else f"an array of Axes of shape {(side, side)}"
        raise ValueError(f"{n_drawn} features need {wanted} as ax; its shape is {axes.shape}.")
    return axes.reshape(side, side)


def _draw_grid(axes: NDArray[Any], shown: Marginal, sizes: Sequence[float]) -> None:
    side = len(axes)
    limits = shown.limits(sizes[-1])
    for row, column in np.ndindex(side, side):
        ax: Any = axes[row, column]
        if column > row:
            ax.set_axis_off()
            continue
        if column == row:
            draw_density(ax, shown, row, limits)
            ax.tick_params(left=False)
        else:
            draw_pair(ax, shown, (column, row), limits, sizes)
        ax.locator_params(nbins=5)
        if row < side - 1:
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
        if column > 0 or row == 0:
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
        fit_labels(ax)
    _figure_of(axes[0, 0]).align_labels()


def _figure_of(ax: Axes) -> Figure:
    figure: Any = ax.figure
    whole: Figure = figure.figure  # that of a subfigure is the whole, that of a figure itself
    return whole


def _import_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("Pictures need matplotlib: pip install 'fastgmm[plot]'.") from error
