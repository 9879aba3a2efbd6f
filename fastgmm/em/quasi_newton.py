"""The two halves of L-BFGS, for searches that are not compiled: what is remembered, and where to.

Compiled iterations have the same in `kernels/search.pxi`.
"""

from collections.abc import Callable

from fastgmm.data.vectors import inner, length
from fastgmm.em.acceleration import ARMIJO, CURVATURE, GOOD, GROW, POOR, SHRINK, Search, pairs_kept
from fastgmm.typing import FloatArray

Vectors = list[FloatArray]
"""Steps, or changes of the gradient over them, the oldest first."""


def learned(
    steps: Vectors, changes: Vectors, step: FloatArray, change: FloatArray
) -> tuple[Vectors, Vectors]:
    """The pairs that are remembered, with one more where it tells of curvature."""
    sizes = length(step) * length(change)
    if not inner(step, change) > CURVATURE * sizes > 0.0:
        return steps, changes
    kept = pairs_kept(len(step))
    return [*steps[1 - kept :], step], [*changes[1 - kept :], change]


def learn(search: Search, gradient: FloatArray) -> None:
    """Let a search remember its last step, over which its gradient has become this one."""
    if search.gradient is not None and search.step is not None:
        pairs, change = (search.steps, search.changes), search.gradient - gradient
        search.steps, search.changes = learned(*pairs, search.step, change)


def judged(search: Search, gain: float) -> tuple[bool, float]:
    """Whether the step of a search has gained enough, and the trust radius after it."""
    assert search.gradient is not None
    assert search.step is not None
    slope, radius = inner(search.gradient, search.step), search.radius
    reach = length(search.step)
    if not gain > POOR * slope:
        radius = SHRINK * reach
    elif gain > GOOD * slope:
        radius = max(radius, GROW * reach)
    return gain >= ARMIJO * slope, radius


def direction(
    gradient: FloatArray,
    steps: Vectors,
    changes: Vectors,
    metric: Callable[[FloatArray], FloatArray] | None = None,
) -> FloatArray:
    """The gradient times the inverse curvature (Nocedal and Wright 2006, algorithm 7.4).

    `metric` times a gradient is the step where nothing has been learned: by default the gradient.
    """
    found, shares = gradient, []
    pairs = list(zip(steps, changes, strict=True))
    for step, change in reversed(pairs):
        shares.append(inner(step, found) / inner(step, change))
        found = found - shares[-1] * change
    if metric is not None:
        found = metric(found)
    if pairs:
        step, change = pairs[-1]
        scaled = change if metric is None else metric(change)
        found = found * (inner(step, change) / inner(change, scaled))
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        found = found + step * (share - inner(change, found) / inner(step, change))
    return found
