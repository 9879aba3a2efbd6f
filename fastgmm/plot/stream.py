"""The picture of a stream: how well a model foretold its rows, over the rows seen.

Nothing is imported from matplotlib before something is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastgmm.limits.scalars import shown
from fastgmm.plot.curves import finish_curve, new_curve_axes
from fastgmm.plot.files import import_matplotlib
from fastgmm.plot.parts import DARK, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_stream(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the log density of the batches of a stream, each as it was before it was learned from.

    A fall means that the rows have become other ones than before: the stream drifts. The dashed
    line is the mean of the last 8192 rows.

    Parameters
    ----------
    model : GaussianMixture or BayesianGaussianMixture
        After `partial_fit`; its ``stream_`` is drawn.
    ax : Axes, optional
        Where to draw; a new pyplot figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If no batch has been scored yet.
    AttributeError
        If the model has seen no stream.
    TypeError
        If it is no mixture.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from fastgmm import GaussianMixture
    >>> rows = np.random.default_rng(0).normal(size=(2000, 1))
    >>> model = GaussianMixture(random_state=0)
    >>> for batch in np.array_split(rows, 20):
    ...     model = model.partial_fit(batch)
    >>> plot_stream(model, ax=Figure().add_subplot()).get_xlabel()
    'rows learned from before'
    """
    import_matplotlib()
    if not hasattr(type(model), "stream_"):
        raise TypeError(f"model must be a mixture that has seen a stream, got {shown(model)}.")
    stream = model.stream_
    if not len(stream.seen):
        raise ValueError(
            f"There is nothing to draw yet: {stream.n_samples} rows have come, and none has been "
            "scored before it was learned from; give more to partial_fit."
        )
    ax = new_curve_axes() if ax is None else ax
    if np.isfinite(stream.mean):
        label = f"mean of the last rows: {stream.mean:.3g} ± {stream.deviation:.2g} row by row"
        ax.axhline(stream.mean, color=DARK, linestyle="--", linewidth=1, label=label)
    marker = "o" if len(stream.seen) <= 60 else ""
    ax.plot(stream.seen, stream.log_density, color=PALETTE[0], marker=marker, markersize=3,
            linewidth=1.2, label="batches")  # fmt: skip
    finish_curve(ax, "rows learned from before", "log density per row")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::-1], labels[::-1], frameon=False, fontsize="small")
    skipped = f", {stream.n_skipped} set aside" if stream.n_skipped else ""
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_title(f"{stream.n_samples:,} rows seen{skipped}", fontsize="medium")
    return ax
