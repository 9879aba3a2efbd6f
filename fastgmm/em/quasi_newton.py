"""The two halves of L-BFGS, for searches that are not compiled: what is remembered, and where to.

Compiled iterations have the same in `kernels/search.pxi`.
"""

import numpy as np

from fastgmm.em.acceleration import CURVATURE, pairs_kept
from fastgmm.typing import FloatArray

Vectors = list[FloatArray]
"""Steps, or changes of the gradient over them, the oldest first."""


def learned(
    steps: Vectors, changes: Vectors, step: FloatArray, change: FloatArray
) -> tuple[Vectors, Vectors]:
    """The pairs that are remembered, with one more where it tells of curvature."""
    sizes = float(np.linalg.norm(step) * np.linalg.norm(change))
    if not float(step @ change) > CURVATURE * sizes > 0.0:
        return steps, changes
    kept = pairs_kept(len(step))
    return [*steps[1 - kept :], step], [*changes[1 - kept :], change]


def direction(gradient: FloatArray, steps: Vectors, changes: Vectors) -> FloatArray:
    """The gradient times the inverse curvature (Nocedal and Wright 2006, algorithm 7.4)."""
    found, shares = gradient, []
    pairs = list(zip(steps, changes, strict=True))
    for step, change in reversed(pairs):
        shares.append(float(step @ found) / float(step @ change))
        found = found - shares[-1] * change
    if pairs:
        step, change = pairs[-1]
        found = found * (float(step @ change) / float(change @ change))
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        found = found + step * (share - float(change @ found) / float(step @ change))
    return found
