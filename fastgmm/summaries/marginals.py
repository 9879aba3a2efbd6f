"""Small pictures of a mixture in one column, as SVG that stands in a page."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastgmm.summaries.facts import Facts
from fastgmm.typing import FloatArray

WIDTH, HEIGHT, BINS = 96, 30, 48
"""A picture has this size in pixels, and a point for each bin of two pixels."""

REACH = 3.0
"""A picture shows so many deviations around the means."""

LEAST = 0.005
"""Lighter components do not widen a picture: one of them far away would squeeze all others."""


def marginal_svg(facts: Facts, column: int, colours: Sequence[tuple[int, str]]) -> str:
    """The density of a column: that of all in the colour of the text, some components beneath.

    Parameters
    ----------
    facts : Facts
    column : int
    colours : sequence of (int, str)
        The components that are drawn, and their colours.

    Returns
    -------
    str
        An element ``svg`` that needs no other, in a light page and in a dark one.
    """
    edges = _edges(facts, column)
    # A line through masses of bins shows the narrowest peak, and none sticks out for ever.
    masses = facts.weights[:, np.newaxis] * np.diff(
        _below(edges, facts.means[:, column, np.newaxis], facts.deviations[:, column, np.newaxis])
    )
    total = masses.sum(axis=0)
    top = float(total.max()) or 1.0
    shapes = [
        f'<path d="{_path(masses[k] / top)} L{WIDTH},{HEIGHT} L0,{HEIGHT} Z" fill="{colour}" '
        'fill-opacity="0.6" stroke="none"/>'
        for k, colour in colours
    ]
    line = f'<path d="{_path(total / top)}" fill="none" stroke="currentColor" stroke-width="1.2"/>'
    ends = f"from {edges[0]:.4g} to {edges[-1]:.4g}"
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="density {ends}"><title>{ends}</title>{"".join(shapes)}{line}</svg>'
    )


def _edges(facts: Facts, column: int) -> FloatArray:
    heavy = facts.weights >= min(LEAST, float(facts.weights.max()))
    means, reach = facts.means[heavy, column], REACH * facts.deviations[heavy, column]
    low, high = float((means - reach).min()), float((means + reach).max())
    if not low < high:
        low, high = low - 1.0, high + 1.0
    return np.linspace(low, high, BINS + 1)


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _below(x: FloatArray, means: FloatArray, deviations: FloatArray) -> FloatArray:
    """(K, n): the share of each component below x."""
    with np.errstate(over="ignore"):
        found: FloatArray = 0.5 * (1.0 + _erf((x - means) / (deviations * math.sqrt(2.0))))
    return found


def _path(heights: FloatArray) -> str:
    xs = (np.arange(BINS) + 0.5) * (WIDTH / BINS)
    ys = HEIGHT - 1 - (HEIGHT - 3) * heights
    points = " ".join(f"{x:.0f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    return f"M{points}"
