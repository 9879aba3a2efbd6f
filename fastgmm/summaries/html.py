"""A fitted mixture, and a choice among many, as HTML for notebooks.

Colours are those of the page: text inherits its own, and all else is half transparent, so that a
light page and a dark one show the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from fastgmm.summaries.components import cut, decimals, fixed, share
from fastgmm.summaries.criteria import grid_of
from fastgmm.summaries.facts import Facts, counted
from fastgmm.summaries.marginals import marginal_svg

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""These are the colours of Okabe and Ito (2008), as in `plot/parts.py`, for the heaviest."""

MOST_COMPONENTS = 10
"""A table has so many components at the most, the heaviest."""
MOST_COLUMNS = 6
"""And so many columns: more do not fit beside each other."""
MOST_FITS = 30
"""The table of a grid has so many lines at the most."""

STYLE = """<style>
.fastgmm-summary {color: inherit; font-size: 13px; line-height: 1.4; overflow-x: auto;}
.fastgmm-summary table {border-collapse: collapse; font-size: inherit; margin: 6px 0; width: auto;}
.fastgmm-summary th, .fastgmm-summary td {padding: 2px 10px; text-align: right; color: inherit;
 background: transparent; border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.35);
 white-space: nowrap; font-variant-numeric: tabular-nums;}
.fastgmm-summary th {font-weight: 600;}
.fastgmm-summary .fastgmm-faint {opacity: 0.7;}
.fastgmm-summary .fastgmm-best {outline: 2px solid #009E73; font-weight: 600;}
.fastgmm-summary .fastgmm-swatch {display: inline-block; width: 10px; height: 10px;
 margin-right: 6px; border: 1px solid rgba(128, 128, 128, 0.6);}
</style>"""
"""The look of a summary; nothing else of a page has these classes."""


def summary_html(title: str, facts: Facts, parameters: str = "") -> str:
    """A table of the components, with a picture of each column above it.

    Parameters
    ----------
    title : str
        The name of the class.
    facts : Facts
    parameters : str, optional
        The call that makes such a model, shown when it is asked for.

    Returns
    -------
    str
    """
    order = np.argsort(-facts.weights, kind="stable")
    drawn = np.sort(order[:MOST_COMPONENTS])
    columns = range(min(facts.means.shape[1], MOST_COLUMNS))
    colours = dict(zip(np.sort(order[: len(COLOURS)]).tolist(), COLOURS, strict=False))
    head = ["component", "weight", *(escape(cut(facts.names[j], 16)) for j in columns)]
    pictures = ["", "", *(marginal_svg(facts, j, list(colours.items())) for j in columns)]
    digits = [decimals(facts.means[:, j], facts.deviations[:, j]) for j in columns]
    lines = [_line(head, "th"), _line(pictures, "td")]
    for k in drawn.tolist():
        swatch = f'<span class="fastgmm-swatch" style="background: {colours.get(k, "none")}">'
        cells = [f"{swatch}</span>{k}", share(float(facts.weights[k]))]
        for j, n in zip(columns, digits, strict=True):
            mean, deviation = facts.means[k, j], facts.deviations[k, j]
            cells.append(
                f"{fixed(mean, n)} <span class='fastgmm-faint'>± {fixed(deviation, n)}</span>"
            )
        lines.append(_line(cells, "td"))
    notes = [*_left_out(facts, len(drawn), len(columns))]
    if facts.noise is not None:
        notes.append(f"noise: weight {facts.noise[0]:.4f}")
    parts = [
        f"<b>{escape(title)}</b> <span>{escape(facts.status)}</span>",
        f"<table>{''.join(lines)}</table>",
        *(f"<div class='fastgmm-faint'>{escape(note)}</div>" for note in notes),
        _pairs(facts.numbers),
    ]
    if parameters:
        parts.append(
            f"<details><summary>parameters</summary><code>{escape(parameters)}</code></details>"
        )
    return _framed(parts)


def _left_out(facts: Facts, n_components: int, n_columns: int) -> list[str]:
    """What a table does not show."""
    notes = []
    if n_components < len(facts.weights):
        rest = np.sort(facts.weights)[: len(facts.weights) - n_components]
        more = counted(len(rest), "lighter component")
        notes.append(f"and {more}, which together weigh {share(float(rest.sum()))}")
    if n_columns < facts.means.shape[1]:
        more = counted(facts.means.shape[1] - n_columns, "more column")
        notes.append(f"and {more}: model.summary() has them all")
    return notes


def selection_html(table: Sequence[Any], criterion: str) -> str:
    """The table of a criterion, a line per number of components and a column per type.

    Parameters
    ----------
    table : sequence of Candidate
    criterion : {"bic", "icl", "aic"}

    Returns
    -------
    str
    """
    numbers, kinds, fits = grid_of(table)
    best = min(table, key=lambda one: one.rank(criterion))
    lines = [_line(["components", *map(escape, kinds)], "th")]
    for number in numbers[:MOST_FITS]:
        cells = [f"<b>{number}</b>"]
        for kind in kinds:
            one = fits.get((number, kind))
            cells.append(_criterion(one, criterion, one is best))
        lines.append(_line(cells, "td"))
    notes = []
    if len(numbers) > MOST_FITS:
        notes.append(f"and {counted(len(numbers) - MOST_FITS, 'more line')} in table")
    if any(not one.sound and not one.failure for one in table):
        notes.append("! a component has collapsed, or nearly: the number means nothing")
    if any(one.failure for one in table):
        notes.append("- could not be fitted: failure in table says why")
    title = f"the best of {counted(len(table), 'fit')} by {criterion.upper()} (lower is better)"
    return _framed(
        [
            f"<b>Selection</b> <span>{escape(title)}: {escape(best.covariance_type)}, "
            f"{counted(best.n_components, 'component')}</span>",
            f"<table>{''.join(lines)}</table>",
            *(f"<div class='fastgmm-faint'>{escape(note)}</div>" for note in notes),
        ]
    )


def _criterion(one: Any, criterion: str, is_best: bool) -> str:
    if one is None or one.failure:
        return "-"
    text = f"{getattr(one, criterion):.2f}"
    if is_best:
        return f"<span class='fastgmm-best'>&nbsp;{text}&nbsp;</span>"
    return text if one.sound else f"<span class='fastgmm-faint'>{text} !</span>"


def pairs_html(title: str, pairs: Mapping[str, str]) -> str:
    """Names and values under a title."""
    return _framed([f"<b>{escape(title)}</b>", _pairs(pairs)])


def _pairs(pairs: Mapping[str, str]) -> str:
    if not pairs:
        return ""
    lines = (f"<span>{escape(name)}: {escape(value)}</span>" for name, value in pairs.items())
    return f"<div>{' · '.join(lines)}</div>"


def _framed(parts: Sequence[str]) -> str:
    return f"{STYLE}<div class='fastgmm-summary'>{''.join(parts)}</div>"


def _line(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"
