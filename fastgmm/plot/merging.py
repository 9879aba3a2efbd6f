"""The picture of merging: which components are nearly one, as a dendrogram.

Nothing is imported from matplotlib before something is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.errors import not_fitted_error
from fastgmm.mixture.merging import merge_steps
from fastgmm.mixture.mixture import Mixture
from fastgmm.plot.curves import finish_curve, new_curve_axes
from fastgmm.plot.files import import_matplotlib
from fastgmm.plot.parts import DARK
from fastgmm.plot.shown import full_covariances

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_WEIGHTS = 12
"""Of more components than this only the numbers stand below their branches."""


def plot_merging(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw in which order `merge_components` makes one of two components, and what that costs.

    Two branches meet at what all merges so far have lost: a bound of the Kullback-Leibler
    divergence from the model, in nats per row. Components that meet low are nearly one.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
        Fitted; any class with scikit-learn's fitted attributes will do. Covariances that components
        share are merged as if each had its own.
    ax : Axes, optional
        Where to draw; a new pyplot figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the model is not fitted, or has one component.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from fastgmm import GaussianMixture
    >>> model = GaussianMixture.from_parameters(
    ...     [0.3, 0.4, 0.3], [[0.0], [9.0], [0.5]], [[[1.0]]] * 3
    ... )
    >>> axes = plot_merging(model, ax=Figure().add_subplot())
    >>> [label.get_text().split()[0] for label in axes.get_xticklabels()]
    ['0', '2', '1']
    """
    import_matplotlib()
    if not hasattr(model, "means_"):
        raise not_fitted_error(type(model).__name__)
    weights = np.asarray(model.weights_, dtype=np.float64)
    if len(weights) < 2:
        raise ValueError("There is nothing to merge: the model has one component.")
    mixture = Mixture.from_covariances(
        weights / weights.sum(),
        np.asarray(model.means_, dtype=np.float64),
        full_covariances(model),
        "full",
        np.dtype(np.float64),
    )
    ax = new_curve_axes() if ax is None else ax
    order, lines = tree_of(mixture)
    for x, y in lines:
        ax.plot(x, y, color=DARK, linewidth=1.2, solid_capstyle="butt")
    few = len(weights) <= MOST_WEIGHTS
    texts = [f"{k}\n{100 * weights[k]:.1f} %" if few else str(k) for k in order]
    finish_curve(ax, "component and its weight" if few else "component", "lost, nats per row")
    size = float(np.clip(260 / len(weights), 4.5, 9.0))
    ax.set_xticks(np.arange(len(order)), texts, fontsize=size, rotation=0 if few else 90)
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.7, len(order) - 0.3)
    ax.set_ylim(bottom=0)
    return ax


def tree_of(mixture: Mixture) -> tuple[list[int], list[tuple[NDArray[Any], NDArray[Any]]]]:
    """The components from left to right, and the lines of the branches above them."""
    leaves = [[k] for k in range(mixture.n_components)]
    merges: list[tuple[list[int], list[int], float]] = []
    lost = 0.0
    for i, j, cost in merge_steps(mixture):
        lost += max(cost, 0.0)
        merges.append((leaves[i], leaves[j], lost))
        leaves[i] = leaves[i] + leaves[j]
        del leaves[j]
    order = leaves[0]
    # Each branch stands at a place and a height; that of several components is known by its first.
    at = {k: (float(x), 0.0) for x, k in enumerate(order)}
    lines = []
    for left, right, height in merges:
        (x0, y0), (x1, y1) = at[left[0]], at[right[0]]
        lines.append((np.array([x0, x0, x1, x1]), np.array([y0, height, height, y1])))
        at[left[0]] = ((x0 + x1) / 2, height)
    return order, lines
