"""The picture of responsibilities: which component explains what, along a grid.

Nothing is imported from matplotlib before something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastgmm.plot.curves import new_curve_axes
from fastgmm.plot.ellipses import as_ellipses
from fastgmm.plot.files import import_matplotlib
from fastgmm.plot.parts import PALETTE, add_legend, component_colours, number_means
from fastgmm.plot.shown import Shown, as_shown
from fastgmm.tables.columns import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = (600, 240)
"""A grid of one feature, or of two in each direction, has so many points."""


def plot_responsibilities(
    model: Any,
    X: ArrayLike | None = None,
    *,
    features: Column | Sequence[Column] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the responsibilities of the components along one feature, or over two.

    One feature: shares that are stacked, the first component lowest. Two: the colour of each
    component, mixed where several explain a point, and lines where the largest changes.

    Parameters
    ----------
    model : GaussianMixture
        Fitted; any class with scikit-learn's fitted attributes will do.
    X : array-like of shape (n_samples, n_features), optional
        Rows, which set the ends of the axes.
    features : str, int or sequence of two, optional
        The features, by name or by number; all by default. Of a mixture of more features this is
        its marginal distribution in them.
    ax : Axes, optional
        Where to draw; a new pyplot figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the model is not fitted, or there are not one or two features to draw.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fastgmm import GaussianMixture
    >>> model = GaussianMixture.from_parameters([0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]])
    >>> plot_responsibilities(model, ax=Figure().add_subplot()).get_ylabel()
    'responsibility'
    """
    import_matplotlib()
    shown = as_shown(model, X, features)
    if len(shown.names) > 2:
        raise ValueError(
            f"Responsibilities are drawn along one feature or over two, not {len(shown.names)}; "
            "choose them with features=[...]."
        )
    ax = new_curve_axes() if ax is None else ax
    rings = as_ellipses((2.0,))
    limits = shown.limits(3.0)
    if len(shown.names) == 1:
        _stack(ax, shown, limits)
    else:
        _map(ax, shown, limits)
        if len(shown.weights) > len(PALETTE):
            number_means(ax, shown, limits)
    ax.set_xlim(*limits[0])
    ax.set_xlabel(shown.names[0])
    engine = ax.figure.figure.get_layout_engine()
    beside = type(engine).__name__ == "ConstrainedLayoutEngine"
    add_legend(ax, shown, rings, "beside" if beside else "inside", lines=False)
    return ax


def responsibilities(shown: Shown, points: NDArray[Any]) -> NDArray[Any]:
    """(n, K): those of points with the features that are shown; rows sum to 1.

    Far from all components, where each density is 0 in float64, they are those of the nearest.
    """
    logs = np.empty((len(points), len(shown.weights)))
    with np.errstate(divide="ignore"):
        weights = np.log(shown.weights)
    for k, (mean, covariance) in enumerate(zip(shown.means, shown.covariances, strict=True)):
        factor = np.linalg.cholesky(covariance)
        away = np.linalg.solve(factor, (points - mean).T)
        logs[:, k] = weights[k] - np.log(np.diagonal(factor)).sum() - 0.5 * (away**2).sum(axis=0)
    logs -= logs.max(axis=1, keepdims=True)
    shares = np.exp(logs)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _stack(ax: Axes, shown: Shown, limits: NDArray[Any]) -> None:
    x = np.linspace(limits[0, 0], limits[0, 1], STEPS[0])
    shares = responsibilities(shown, x[:, np.newaxis])
    colours = component_colours(len(shown.weights))
    ax.stackplot(x, shares.T, colors=colours, alpha=0.85, edgecolor="white", linewidth=0.4)
    ax.set_ylim(0, 1)
    ax.set_ylabel("responsibility")
    ax.spines[["top", "right"]].set_visible(False)


def _map(ax: Axes, shown: Shown, limits: NDArray[Any]) -> None:
    xs, ys = (np.linspace(low, high, STEPS[1]) for low, high in limits)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    shares = responsibilities(shown, grid)
    # Colours on white, so that lines and numbers are read over them.
    colours = 0.25 + 0.75 * np.array(component_colours(len(shown.weights)))
    image = np.clip(shares @ colours, 0.0, 1.0).reshape(STEPS[1], STEPS[1], 3)
    ax.imshow(
        image, origin="lower", aspect="auto", interpolation="bilinear",
        extent=(*limits[0], *limits[1]), alpha=0.85,
    )  # fmt: skip
    largest = shares.argmax(axis=1).reshape(STEPS[1], STEPS[1])
    for k in np.unique(largest):
        inside = (largest == k).astype(float)
        if inside.min() < 1.0:
            ax.contour(xs, ys, inside, levels=[0.5], colors="white", linewidths=1.0)
    ax.plot(*shown.means.T, linestyle="", marker="X", color="black", markeredgecolor="white",
            markersize=8 if len(shown.means) <= 20 else 5)  # fmt: skip
    ax.set_ylim(*limits[1])
    ax.set_ylabel(shown.names[1])
