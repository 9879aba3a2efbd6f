"""The components of a mixture as text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fastgmm.summaries.facts import Facts
from fastgmm.typing import FloatArray

LONGEST_NAME = 28
"""A longer name of a column is cut: it must leave room for the numbers."""

HEAD = ["component", "weight", ""]
"""These words stand before the names of the columns: the third line holds headings only."""


def summary_text(facts: Facts, width: int) -> str:
    """A summary in lines that are no longer than this, where they can be.

    Parameters
    ----------
    facts : Facts
    width : int

    Returns
    -------
    str
        A line about the fit, the table of the components, and what is known of the fit.
    """
    blocks = [facts.head, component_table(facts, width)]
    if facts.noise is not None:
        weight, volume = facts.noise
        blocks.append(f"noise: weight {weight:.4f}, uniform over a volume of {volume:.6g}")
    if facts.numbers:
        blocks.append(pairs_text(facts.numbers))
    return "\n\n".join(blocks)


def pairs_text(pairs: Mapping[str, str]) -> str:
    """Names and values, the values under each other."""
    width = max(map(len, pairs))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in pairs.items())


def component_table(facts: Facts, width: int) -> str:
    """The weight of each component and its mean and deviation in every column.

    Parameters
    ----------
    facts : Facts
    width : int
        The longest line; components that do not fit side by side follow underneath.

    Returns
    -------
    str
        Several lines, the columns of the data downwards and the components to the right.
    """
    means, deviations = facts.means, facts.deviations
    digits = [decimals(means[:, j], deviations[:, j]) for j in range(means.shape[1])]
    blocks = [_component_block(k, facts, digits) for k in range(len(means))]
    labels = [*HEAD, *(cut(name) for name in facts.names)]
    label_width = max(map(len, labels))
    groups: list[list[list[str]]] = []
    room = 0
    for block in blocks:
        needed = len(block[0]) + 4
        if not groups or needed > room:
            groups.append([])
            room = width - label_width
        groups[-1].append(block)
        room -= needed
    return "\n\n".join(
        "\n".join(
            "    ".join([label.ljust(label_width), *cells]).rstrip()
            for label, *cells in zip(labels, *group, strict=True)
        )
        for group in groups
    )


def _component_block(component: int, facts: Facts, digits: list[int | None]) -> list[str]:
    """The lines of one component, all equally long."""
    left, right = ["mean"], ["deviation"]
    for feature, n in enumerate(digits):
        left.append(fixed(facts.means[component, feature], n))
        right.append(fixed(facts.deviations[component, feature], n))
    left_width, right_width = max(map(len, left)), max(map(len, right))
    pairs = zip(left, right, strict=True)
    lines = [f"{mean:>{left_width}}  {deviation:>{right_width}}" for mean, deviation in pairs]
    head = (str(component), share(float(facts.weights[component])))
    return [text.rjust(left_width + 2 + right_width) for text in head] + lines


def share(weight: float) -> str:
    """A weight with four decimals, where they show it."""
    return f"{weight:.4f}" if weight >= 0.001 else f"{weight:.1e}"


def decimals(means: FloatArray, deviations: FloatArray) -> int | None:
    """How many decimals show four digits of the smallest deviation; None: too many."""
    smallest, largest = float(deviations.min()), float(max(abs(means).max(), deviations.max()))
    digits = max(0, 3 - math.floor(math.log10(smallest))) if smallest > 0 else 7
    return digits if digits <= 6 and largest < 1e10 else None


def fixed(value: float, digits: int | None) -> str:
    """A number with so many decimals."""
    return f"{value:.5e}" if digits is None else f"{value:.{digits}f}"


def cut(name: str, longest: int = LONGEST_NAME) -> str:
    """A name on one line, of so many letters at the most."""
    name = " ".join(name.split())
    return name if len(name) <= longest else name[: longest - 3] + "..."
