"""The picture of a fitted mixture: its components in one, two or more features, over data.

Nothing is imported from matplotlib before something is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgmm.limits.scalars import as_flag
from fastgmm.plot.ellipses import Ellipses, as_ellipses
from fastgmm.plot.files import import_matplotlib, picture_file
from fastgmm.plot.parts import (
    PALETTE,
    add_legend,
    draw_density,
    draw_pair,
    fit_labels,
    new_axes,
    number_means,
)
from fastgmm.plot.shown import Shown, as_shown, chosen_features
from fastgmm.tables.columns import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_mixture(
    model: Any,
    X: ArrayLike | None = None,
    *,
    features: Column | Sequence[Column] | None = None,
    sample_weight: ArrayLike | None = None,
    ax: Axes | NDArray[Any] | None = None,
    deviations: Sequence[float] = (1.0, 2.0),
    levels: float | Sequence[float] | None = None,
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
    levels : float or sequence of float, optional
        The sizes of the ellipses in place of `deviations`: the shares of a component's rows that
        lie within, such as 0.5 and 0.9.  Those of 1 and 2 deviations hold 39 % and 86 %.
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
        or ``X``, ``sample_weight``, ``deviations``, ``levels`` or ``ax`` do not fit.
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
    import_matplotlib()
    rings = as_ellipses(deviations, levels)
    shown = as_shown(model, X, features, sample_weight)
    n_drawn = len(shown.names)
    if ax is None:
        from matplotlib import pyplot

        ax = new_axes(pyplot.figure(layout="constrained"), n_drawn)
    axes = _as_grid(ax, n_drawn)
    first: Axes = axes[0, 0]
    if n_drawn > 2:
        _draw_grid(axes, shown, rings)
        if as_flag(legend, "legend"):
            add_legend(axes[0, -1], shown, rings, "corner")
        return axes
    limits = shown.limits(rings.deviations[-1])
    if n_drawn == 1:
        draw_density(first, shown, 0, limits)
    else:
        draw_pair(first, shown, (0, 1), limits, rings)
        if len(shown.weights) > len(PALETTE):
            # So many colours are hard to tell apart.
            number_means(first, shown, limits)
    if as_flag(legend, "legend"):
        engine = _figure_of(first).get_layout_engine()
        beside = type(engine).__name__ == "ConstrainedLayoutEngine"
        add_legend(first, shown, rings, "beside" if beside else "inside")
    return first


def save_mixture(
    path: str | os.PathLike[str],
    model: Any,
    X: ArrayLike | None = None,
    *,
    features: Column | Sequence[Column] | None = None,
    sample_weight: ArrayLike | None = None,
    levels: float | Sequence[float] | None = None,
) -> None:
    """Write the picture of `plot_mixture` to a file, without pyplot and without a display.

    Parameters
    ----------
    path : str or path
        A name that ends in a format which matplotlib writes, such as ``.png``, ``.pdf``, ``.svg``.
    model, X, features, sample_weight, levels
        As for `plot_mixture`.

    Raises
    ------
    ValueError
        As `plot_mixture`, and if matplotlib does not write the format.
    ImportError
        If matplotlib is not installed.
    """
    with picture_file(path) as figure:
        axes = new_axes(figure, len(chosen_features(model, X, features)[0]))
        plot_mixture(
            model, X, features=features, sample_weight=sample_weight, ax=axes, levels=levels
        )


def _as_grid(ax: Any, n_drawn: int) -> NDArray[Any]:
    side = n_drawn if n_drawn > 2 else 1
    axes = np.asarray(ax, dtype=object)
    if axes.size != side * side or (side > 1 and axes.shape != (side, side)):
        wanted = "one Axes" if side == 1 else f"an array of Axes of shape {(side, side)}"
        raise ValueError(f"{n_drawn} features need {wanted} as ax; its shape is {axes.shape}.")
    return axes.reshape(side, side)


def _draw_grid(axes: NDArray[Any], shown: Shown, rings: Ellipses) -> None:
    side = len(axes)
    limits = shown.limits(rings.deviations[-1])
    for row, column in np.ndindex(side, side):
        ax: Any = axes[row, column]
        if column > row:
            ax.set_axis_off()
            continue
        if column == row:
            draw_density(ax, shown, row, limits)
            ax.tick_params(left=False)
        else:
            draw_pair(ax, shown, (column, row), limits, rings)
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
    # The figure of a subfigure is the whole one, and that of a whole one is itself.
    whole: Figure = figure.figure
    return whole
