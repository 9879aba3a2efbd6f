"""How large the ellipses of a picture are: in deviations, or by the share that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgmm.limits.scalars import as_float, is_iterable, shown
from fastgmm.values import dataclass

LARGEST = 1e6
"""No picture shows ellipses of more deviations than this."""


@dataclass(frozen=True)
class Ellipses:
    """The ellipses around each mean, from the smallest to the largest.

    Attributes
    ----------
    deviations : tuple of float
        Their sizes, in standard deviations.
    label : str
        What a legend calls them.
    """

    deviations: tuple[float, ...]
    label: str


def as_ellipses(
    deviations: Sequence[float], levels: float | Sequence[float] | None = None
) -> Ellipses:
    """Check the sizes that a user gave.

    Parameters
    ----------
    deviations : sequence of float
        Sizes in standard deviations.
    levels : float or sequence of float, optional
        In place of these: the shares of a component's rows, as it is seen in two features, that
        lie within.

    Returns
    -------
    Ellipses

    Raises
    ------
    ValueError
        If a size is not positive, a level not between 0 and 1, or there is none.

    Examples
    --------
    >>> as_ellipses((2, 1)).deviations
    (1.0, 2.0)
    >>> as_ellipses((), 0.95)
    Ellipses(deviations=(2.447746830680816,), label='95 % of a component')
    """
    if levels is None:
        sizes = _numbers(deviations)
        if not sizes or not all(0.0 < size < np.inf for size in sizes):
            raise ValueError(f"deviations must be positive numbers, got {shown(deviations)}.")
        if sizes[-1] > LARGEST:
            raise ValueError(f"deviations must be at most {LARGEST:g}, got {sizes[-1]:g}.")
        return Ellipses(tuple(sizes), ", ".join(f"{size:g}" for size in sizes) + " deviations")
    shares = _numbers(levels)
    if not shares or not all(0.0 < share < 1.0 for share in shares):
        raise ValueError(
            f"levels must be numbers between 0 and 1, such as 0.9, got {shown(levels)}."
        )
    # The squared distance of two features is chi-squared of two degrees: P(d > r) = exp(-r^2 / 2).
    sizes = [float(np.sqrt(-2.0 * np.log1p(-share))) for share in shares]
    label = ", ".join(f"{100 * share:g}" for share in shares) + " % of a component"
    return Ellipses(tuple(sizes), label)


def _numbers(values: Any) -> list[float]:
    """Some numbers, or one, in order; what is none is NaN."""
    if isinstance(values, np.ndarray):
        values = values.reshape(-1).tolist()
    return sorted(map(as_float, values if is_iterable(values) else [values]))
