"""The picture of uncertainty: which rows might as well be of another component.

Nothing is imported from matplotlib before something is drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgmm.plot.curves import new_curve_axes
from fastgmm.plot.ellipses import as_ellipses
from fastgmm.plot.files import import_matplotlib
from fastgmm.plot.parts import (
    DARK,
    OF_NOISE,
    PALETTE,
    add_legend,
    component_colours,
    draw_pair,
    mark_beyond,
    number_means,
)
from fastgmm.plot.shown import Shown, as_shown
from fastgmm.tables.columns import Column
from fastgmm.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL, LARGE = 5.0, 110.0
"""The areas of a row that is certain, and of one that is as uncertain as can be, in points."""
FEW, LEAST_SCALE = 500, 0.15
"""Of more rows all are smaller, but none by more than this."""
MARKED = 0.05
"""This share of the rows, the most uncertain ones, has a dark edge."""
LEAST_MARKED = 0.01
"""Rows of less uncertainty are certain, be they among those or not."""


def plot_uncertainty(
    model: Any,
    X: ArrayLike,
    *,
    features: Column | Sequence[Column] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw rows the larger the more uncertain their component is.

    The uncertainty of a row is what the probability of its component lacks to 1: at most 1 - 1 / K.
    One feature: the uncertainty over it. Two: the rows with their component's colour, and the most
    uncertain 5 % with a dark edge.

    Parameters
    ----------
    model : GaussianMixture
        Fitted; any class with scikit-learn's fitted attributes and methods will do.
    X : array-like of shape (n_samples, n_features)
        Rows with all columns of the model: all of them tell the component.
    features : str, int or sequence of two, optional
        The features to draw, by name or by number; all by default.
    ax : Axes, optional
        Where to draw; a new pyplot figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the model is not fitted, there are not one or two features to draw, or the rows do not
        fit.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fastgmm import GaussianMixture
    >>> model = GaussianMixture.from_parameters([0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]])
    >>> axes = plot_uncertainty(model, [[1.8], [3.5], [5.5]], ax=Figure().add_subplot())
    >>> axes.get_title()
    'uncertainty: 0.16 on average, 0.45 at most'
    """
    import_matplotlib()
    shown = as_shown(model, X, features)
    if X is None or shown.points is None:
        raise ValueError("The uncertainty is one of rows: pass X too.")
    if len(shown.names) > 2:
        raise ValueError(
            f"Uncertainty is drawn along one feature or over two, not {len(shown.names)}; choose "
            "them with features=[...]."
        )
    ax = new_curve_axes() if ax is None else ax
    uncertain, rings = uncertainty(model, shown.whole), as_ellipses((2.0,))
    limits = shown.limits(rings.deviations[-1])
    if len(shown.names) == 1:
        _along(ax, shown, uncertain, limits)
    else:
        draw_pair(ax, replace(shown, points=None), (0, 1), limits, rings)
        _scatter(ax, shown, shown.points[:, 1], uncertain)
        if len(shown.weights) > len(PALETTE):
            number_means(ax, shown, limits)
    ax.set_title(
        f"uncertainty: {uncertain.mean():.2f} on average, {uncertain.max():.2f} at most",
        fontsize="medium",
    )
    engine = ax.figure.figure.get_layout_engine()
    beside = type(engine).__name__ == "ConstrainedLayoutEngine"
    lines = len(shown.names) == 2
    add_legend(ax, shown, rings, "beside" if beside else "inside", lines=lines)
    return ax


def uncertainty(model: Any, rows: Any) -> FloatArray:
    """(n,): what the probability of the most probable component, or of noise, lacks to 1."""
    with warnings.catch_warnings():
        # Rows of a frame have lost their names by now, which is no concern of the user.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        largest = np.asarray(model.predict_proba(rows), dtype=np.float64).max(axis=1)
        if getattr(model, "noise", None) is not None:
            largest = np.maximum(largest, model.noise_proba(rows))
    return np.asarray(1.0 - largest)


def _along(ax: Axes, shown: Shown, uncertain: FloatArray, limits: NDArray[Any]) -> None:
    """Draw the uncertainty over one feature."""
    _scatter(ax, shown, uncertain, uncertain)
    most = 1.0 - 1.0 / max(len(shown.weights), 2)
    ax.set_xlim(*limits[0])
    ax.set_ylim(-0.03 * most, max(1.05 * float(uncertain.max()), 0.2 * most))
    mark_beyond(ax, shown.beyond(limits))
    ax.set_xlabel(shown.names[0])
    ax.set_ylabel("uncertainty")
    ax.spines[["top", "right"]].set_visible(False)


def _scatter(ax: Axes, shown: Shown, heights: FloatArray, uncertain: FloatArray) -> None:
    """Draw the points at these heights, the uncertain ones large and over the others."""
    assert shown.points is not None
    assert shown.labels is not None
    most = 1.0 - 1.0 / max(len(shown.weights), 2)
    order = np.argsort(uncertain, kind="stable")
    scale = max(min(1.0, np.sqrt(FEW / len(order))), LEAST_SCALE)
    marked = uncertain[order] >= max(float(np.quantile(uncertain, 1.0 - MARKED)), LEAST_MARKED)
    # The label of noise is -1.
    colours = np.array([*component_colours(len(shown.weights)), OF_NOISE])[shown.labels[order]]
    ax.scatter(
        shown.points[order, 0],
        heights[order],
        c=colours,
        s=scale * (SMALL + (LARGE - SMALL) * np.minimum(uncertain[order] / most, 1.0)),
        alpha=0.65,
        linewidths=np.where(marked, scale, 0.0).tolist(),
        edgecolors=DARK,
        rasterized=True,  # As circles, 20,000 points make a PDF slow to open.
        zorder=2,
    )
