"""The parts of a picture, each drawn on the axes it is given; no pyplot and no global state.

Nothing is imported from matplotlib before something is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastgmm.plot.ellipses import Ellipses
from fastgmm.plot.shown import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Colour: TypeAlias = tuple[float, float, float]
"""A colour is its red, green and blue, each from 0 to 1."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""These are the colours of Okabe and Ito (2008), which colour-blind readers tell apart, without
black and without the yellow that is lost on white."""

DARK, LIGHT = "#333333", "#D4D4D4"
"""The sum of the components is drawn in the first, the histogram under it in the second colour."""

OF_NOISE = (0.35, 0.35, 0.35)
"""Rows of no component have this colour."""

DASHES = (0, (4, 2))
"""The line of the sum is drawn for 4 times its width and left out for 2."""

DARKENING = 0.7
"""An ellipse has its component's colour times this: over a crowd of points of that colour it shows
only if it is darker than they are."""

LONGEST_LABEL = 24
"""A longer name of a feature does not fit beside a panel of a grid."""

STEPPED = 0.5
"""Values come in steps where there are fewer of them than this share of the rows."""

MOST_BINS = 80
"""A histogram has about so many bins at the most."""

MOST_NAMED = 16
"""A legend that names more components than this does not fit beside the picture."""


def component_colours(n_components: int) -> list[Colour]:
    """One colour per component.

    Parameters
    ----------
    n_components : int
        Any number; beyond six the colours are steps of lightness.

    Returns
    -------
    list of tuple
        Red, green and blue from 0 to 1.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if n_components <= len(PALETTE):
        return [to_rgb(colour) for colour in PALETTE[:n_components]]
    # The last tenth of viridis is lost on white.
    return [to_rgb(colormaps["viridis"](x)) for x in np.linspace(0.0, 0.9, n_components)]


def new_axes(figure: Figure, n_drawn: int) -> Any:
    """The axes for so many features: one, or from three on a square array of them."""
    if n_drawn <= 2:
        return figure.add_subplot()
    size = 1.5 + 1.9 * n_drawn
    figure.set_size_inches(size, size)
    return figure.subplots(n_drawn, n_drawn)


def draw_density(ax: Axes, shown: Shown, feature: int, limits: NDArray[Any]) -> None:
    """Draw the histogram of one feature, each weighted component, and their sum."""
    low, high = limits[feature]
    if shown.rows is not None:
        values = shown.rows[:, feature]
        weights = np.ones(len(values)) if shown.row_weights is None else shown.row_weights
        inside = (values >= low) & (values <= high)
        edges = bin_edges(values[inside])
        # Rows that are not shown count in the density, as they do in the mixture.
        heights = weights[inside] / (weights.sum() * (edges[1] - edges[0]))
        ax.hist(values[inside], edges.tolist(), weights=heights, color=LIGHT)
    means, spread = shown.means[:, feature, np.newaxis], shown.spread[:, feature, np.newaxis]
    # The steps are finer around the means, since a narrow component has its peak between even ones.
    near = (means + spread * np.linspace(-4, 4, 81)).ravel()
    x = np.unique(np.clip(np.concatenate([np.linspace(low, high, 400), near]), low, high))
    heights = shown.weights[:, np.newaxis] / (spread * np.sqrt(2 * np.pi))
    densities = heights * np.exp(-0.5 * ((x - means) / spread) ** 2)
    for density, colour in zip(densities, component_colours(len(means)), strict=True):
        ax.fill_between(x, density, color=colour, alpha=0.15, linewidth=0)
        ax.plot(x, density, color=colour, linewidth=1.8)
    ax.plot(x, densities.sum(axis=0), color=DARK, linewidth=1.2, linestyle=DASHES)
    ax.set_xlim(low, high)
    ax.set_ylim(bottom=0)
    mark_beyond(ax, shown.beyond(limits)[[feature]])
    ax.set_xlabel(shown.names[feature])
    ax.set_ylabel("density")
    ax.spines[["top", "right"]].set_visible(False)


def bin_edges(values: NDArray[Any]) -> NDArray[Any]:
    """The edges of a histogram's bins, all as wide.

    The number follows Rice's rule, as far as the eye can count.  Values that come in steps, as
    those of a thermometer do, have bins of a whole number of steps: others would hold now one step
    more and now one less, and a comb would hide the shape.

    Parameters
    ----------
    values : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n_bins + 1,)

    Examples
    --------
    >>> import numpy as np
    >>> bin_edges(np.repeat(np.arange(10.0), 50)).tolist()
    [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]
    """
    n_bins = int(np.clip(2 * len(values) ** (1 / 3), 8, MOST_BINS))
    edges = np.histogram_bin_edges(values, n_bins)
    gaps = np.diff(np.unique(values))
    if not len(gaps) or len(gaps) > STEPPED * len(values):
        return edges
    step = float(np.median(gaps))
    # Where steps differ, as those of rounded degrees in another unit do, a bin holds two at least.
    even = bool((np.abs(gaps / step - np.round(gaps / step)) < 0.01).all())
    steps = max(1 if even else 2, round((edges[1] - edges[0]) / step))
    first, width = values.min() - step / 2, steps * step
    # Far fewer rows than steps would make more bins than can be drawn.
    n = int(np.ceil((values.max() - first) / width - 1e-9))
    return first + width * np.arange(n + 1) if n <= 2 * MOST_BINS else edges


def mark_beyond(ax: Axes, counts: NDArray[Any]) -> None:
    """Say at the edges of a panel how many rows lie beyond: below and above, in each direction."""
    places = [
        (counts[0, 0], "\u25c2", (0.0, 0.5), (2, 0), ("left", "center")),
        (counts[0, 1], "\u25b8", (1.0, 0.5), (-2, 0), ("right", "center")),
    ]
    if len(counts) > 1:
        places += [
            (counts[1, 0], "\u25be", (0.5, 0.0), (0, 2), ("center", "bottom")),
            (counts[1, 1], "\u25b4", (0.5, 1.0), (0, -2), ("center", "top")),
        ]
    for count, mark, at, off, (horizontal, vertical) in places:
        if count:
            text = f"{mark} {count}" if horizontal != "right" else f"{count} {mark}"
            ax.annotate(
                text,
                at,
                xycoords="axes fraction",
                xytext=off,
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize="small",
                color=DARK,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
                zorder=6,
            )


def draw_pair(
    ax: Axes, shown: Shown, pair: tuple[int, int], limits: NDArray[Any], rings: Ellipses
) -> None:
    """Draw two features, the first to the right: the points, and the components over them."""
    colours = component_colours(len(shown.means))
    if shown.points is not None and shown.labels is not None:
        # Points are small and faint where many lie on a square inch, of which a lone panel has 18.
        box = ax.get_window_extent()
        crowd = len(shown.points) / max(box.width * box.height / _dpi(ax) ** 2, 0.1)
        ax.scatter(
            shown.points[:, pair[0]],
            shown.points[:, pair[1]],
            # The label of noise is -1.
            c=np.array([*colours, OF_NOISE])[shown.labels],
            s=float(np.clip(100 / np.sqrt(crowd), 1.2, 18)),
            alpha=float(np.clip(8 / np.sqrt(crowd), 0.2, 0.6)),
            linewidths=0,
            rasterized=True,  # As circles, 20,000 points make a PDF slow to open.
        )
    for component, colour in enumerate(colours):
        _draw_ellipses(ax, shown, component, pair, rings.deviations, colour)
    ax.set_xlim(*limits[pair[0]])
    ax.set_ylim(*limits[pair[1]])
    mark_beyond(ax, shown.beyond(limits)[list(pair)])
    ax.set_xlabel(shown.names[pair[0]])
    ax.set_ylabel(shown.names[pair[1]])
    ax.spines[["top", "right"]].set_visible(False)


def fit_labels(ax: Axes) -> None:
    """Write the names of the axes so small, or so short, that they stay beside their panel."""
    for axis in (ax.xaxis, ax.yaxis):
        name = axis.get_label_text()
        if len(name) > LONGEST_LABEL:
            name = name[: LONGEST_LABEL - 3] + "..."
        # A panel of a grid is as long as 16 letters of 10 points.
        axis.set_label_text(name, fontsize=10 * min(1.0, 16 / max(len(name), 1)))


def _dpi(ax: Axes) -> float:
    figure: Any = ax.figure
    return float(figure.dpi)


def _draw_ellipses(
    ax: Axes,
    shown: Shown,
    component: int,
    pair: tuple[int, int],
    sizes: Sequence[float],
    colour: Colour,
) -> None:
    from matplotlib.patches import Ellipse
    from matplotlib.patheffects import withStroke

    dark = tuple(DARKENING * level for level in colour)
    mean = shown.means[component, list(pair)]
    values, vectors = np.linalg.eigh(shown.covariances[component][np.ix_(pair, pair)])
    width, height = 2 * np.sqrt(np.maximum(values, 0))
    angle = float(np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0])))
    halo = [withStroke(linewidth=2.6, foreground="white", alpha=0.8)]
    for size in sizes:
        ellipse = Ellipse(tuple(mean), size * width, size * height, angle=angle, fill=False)
        ellipse.set(edgecolor=dark, linewidth=1.8 if size == sizes[0] else 1.2)
        ellipse.set(path_effects=halo, zorder=3)
        ax.add_patch(ellipse)
    # Many ellipses are small, and crosses must not hide them.
    size = 8 if len(shown.means) <= 20 else 5
    ax.plot(*mean, marker="X", color=dark, markeredgecolor="white", markersize=size, zorder=4)


def number_means(ax: Axes, shown: Shown, limits: NDArray[Any]) -> None:
    """Write each component's number beside its mean, where there is room for it."""
    from matplotlib.patheffects import withStroke

    places = (shown.means - limits[:, 0]) / (limits[:, 1] - limits[:, 0])
    for component, place in enumerate(places):
        gaps = np.abs(np.delete(places, component, axis=0) - place)
        if (gaps < [0.045, 0.045]).all(axis=1).any():
            continue
        ax.annotate(
            str(component),
            shown.means[component],
            xytext=(5, 5),
            textcoords="offset points",
            fontsize="small",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            zorder=5,
        )


def add_legend(ax: Axes, shown: Shown, rings: Ellipses, where: str, *, lines: bool = True) -> None:
    """Name the components and their weights.

    Parameters
    ----------
    ax : Axes
        The axes that carry the legend.
    shown : Shown
        What is drawn.
    rings : Ellipses
        The ellipses that are drawn.
    where : {"beside", "inside", "corner"}
        To the right of the axes, within them, or on axes that are free for it.
    lines : bool
        Whether the sum and the ellipses are drawn, and so named.
    """
    from matplotlib.lines import Line2D

    colours = component_colours(len(shown.weights))
    named = np.sort(np.argsort(-shown.weights, kind="stable")[:MOST_NAMED])
    handles = []
    for k in named:
        label = f"{k}: {100 * shown.weights[k]:.1f} %"
        handles.append(Line2D([], [], color=colours[k], linewidth=3, label=label))
    if len(named) < len(shown.weights):
        label = f"and {len(shown.weights) - len(named)} lighter"
        handles.append(Line2D([], [], linestyle="", label=label))
    if lines and len(shown.names) != 2:
        handles.append(Line2D([], [], color=DARK, linestyle=DASHES, label="their sum"))
    if lines and len(shown.names) != 1:
        handles.append(Line2D([], [], color=DARK, linewidth=1.2, label=rings.label))
    options: dict[str, Any] = {
        "inside": {"loc": "best", "framealpha": 0.85},
        "beside": {"loc": "upper left", "bbox_to_anchor": (1.02, 1), "frameon": False},
        "corner": {"loc": "upper right", "frameon": False},
    }[where]
    legend = ax.legend(
        handles=handles,
        title="component: weight",
        fontsize="small",
        title_fontsize="small",
        handlelength=1.5,
        borderaxespad=0.5 if where == "inside" else 0,
        alignment="left",
        **options,
    )
    legend.set_in_layout(where != "corner")
