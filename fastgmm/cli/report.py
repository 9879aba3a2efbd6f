"""Fitted mixtures as text: the table of components, and that of a criterion."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence

import numpy as np

from fastgmm import Candidate
from fastgmm.cli.models import Model
from fastgmm.typing import LOW_RANK_TYPES, Criterion, FloatArray

LONGEST_NAME = 28
"""A longer name of a column is cut: it must leave room for the numbers."""

HEAD = ["component", "weight", ""]
"""These words stand before the names of the columns: the third line holds headings only."""


def component_table(model: Model, names: Sequence[str], width: int) -> str:
    """Write the weight of each component and its mean and deviation in every column.

    Parameters
    ----------
    model : GaussianMixture
        Fitted.
    names : sequence of str
        The names of its columns.
    width : int
        The longest line; components that do not fit side by side follow underneath.

    Returns
    -------
    str
        Several lines, the columns of the data downwards and the components to the right.

    Examples
    --------
    >>> from fastgmm import GaussianMixture
    >>> model = GaussianMixture.from_parameters([0.6, 0.4], [[2.0], [5.0]], [[[1.0]], [[2.0]]])
    >>> print(component_table(model, ["x"], width=80))
    component                0                    1
    weight              0.6000               0.4000
                 mean  deviation      mean  deviation
    x           2.000      1.000     5.000      1.414
    """
    means = np.asarray(model.means_, dtype=np.float64)
    deviations = standard_deviations(model)
    blocks = [
        _component_block(k, float(model.weights_[k]), means, deviations) for k in range(len(means))
    ]
    labels = [*HEAD, *(_cut(name) for name in names)]
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


def standard_deviations(model: Model) -> FloatArray:
    """The deviation of each component in each column.

    Parameters
    ----------
    model : GaussianMixture
        Fitted, of any covariance type.

    Returns
    -------
    ndarray of shape (n_components, n_features), float64
    """
    variances = np.asarray(model.covariances_, dtype=np.float64)
    if model.covariance_type in ("full", "tied", *LOW_RANK_TYPES):
        variances = np.diagonal(variances, axis1=-2, axis2=-1)
    elif model.covariance_type == "spherical":
        variances = variances[:, np.newaxis]
    # What all components or all columns share is repeated.
    return np.broadcast_to(np.sqrt(variances), np.shape(model.means_))


def _component_block(
    component: int, weight: float, means: FloatArray, deviations: FloatArray
) -> list[str]:
    """The lines of one component, all equally long."""
    left, right = ["mean"], ["deviation"]
    for feature in range(means.shape[1]):
        digits = _decimals(means[:, feature], deviations[:, feature])
        left.append(_fixed(means[component, feature], digits))
        right.append(_fixed(deviations[component, feature], digits))
    left_width, right_width = max(map(len, left)), max(map(len, right))
    pairs = zip(left, right, strict=True)
    lines = [f"{mean:>{left_width}}  {deviation:>{right_width}}" for mean, deviation in pairs]
    share = f"{weight:.4f}" if weight >= 0.001 else f"{weight:.1e}"
    return [text.rjust(left_width + 2 + right_width) for text in (str(component), share)] + lines


def _decimals(means: FloatArray, deviations: FloatArray) -> int | None:
    """How many decimals show four digits of the smallest deviation; None: too many."""
    smallest, largest = float(deviations.min()), float(max(abs(means).max(), deviations.max()))
    digits = max(0, 3 - math.floor(math.log10(smallest))) if smallest > 0 else 7
    return digits if digits <= 6 and largest < 1e10 else None


def _fixed(value: float, digits: int | None) -> str:
    return f"{value:.5e}" if digits is None else f"{value:.{digits}f}"


def _cut(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."


def print_components(model: Model) -> None:
    """Print `component_table`, as wide as the terminal."""
    print(
        component_table(model, column_names_of(model), shutil.get_terminal_size((100, 24)).columns)
    )


def column_names_of(model: Model) -> list[str]:
    """The names of the columns; without a header they are called x0, x1, ..."""
    names = getattr(model, "feature_names_in_", None)
    return [f"x{i}" for i in range(np.shape(model.means_)[1])] if names is None else list(names)


def counted(number: int, what: str) -> str:
    """A number and a noun: "1 row", "2 rows"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def criterion_table(table: Sequence[Candidate], criterion: Criterion) -> str:
    """Write a criterion, a line per number of components and a column per covariance type.

    Parameters
    ----------
    table : sequence of Candidate
        The table of `fastgmm.select`.
    criterion : {"bic", "icl", "aic"}

    Returns
    -------
    str
        Several lines; the best value has a star, one where a component has collapsed, or nearly, an
        exclamation mark, and what could not be fitted is a dash.

    Examples
    --------
    >>> import fastgmm
    >>> X = [[0.0], [0.1], [0.3], [4.0], [4.4], [4.5]]
    >>> print(criterion_table(fastgmm.select(X, [1, 2], "tied", random_state=0).table, "bic"))
    components           tied
             1          29.46
             2          11.69*
    """
    fits = {(one.n_components, one.covariance_type): one for one in table}
    kinds = list(dict.fromkeys(one.covariance_type for one in table))
    best = min(table, key=lambda one: one.rank(criterion))

    def cell(one: Candidate | None) -> str:
        if one is None or one.failure:
            return f"{'-':>15} "
        mark = "*" if one is best else " " if one.sound else "!"
        return f"{getattr(one, criterion):>15.2f}{mark}"

    lines = ["components" + "".join(f"{kind:>15} " for kind in kinds)]
    for number in dict.fromkeys(one.n_components for one in table):
        cells = (cell(fits.get((number, kind))) for kind in kinds)
        lines.append(f"{number:>10}" + "".join(cells))
    return "\n".join(line.rstrip() for line in lines)
