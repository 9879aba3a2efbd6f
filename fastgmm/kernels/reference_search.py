"""The relative frame, L-BFGS in it and the rules of the end, in plain NumPy.

What each does, and the order of arguments and numbers, is said at the kernels of these names.
"""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

Arrays = tuple[Any, ...]
"""The arrays of a mixture or of sums, as the kernels take them."""
MEMORY = 10
"""A search remembers so many pairs."""


class RelativeFrame:
    """Coordinates about mixtures of one shape; the compiled class says what the arguments are."""

    def __init__(
        self,
        form: str,
        tied: bool,
        n_components: int,
        n_features: int,
        ridge: Any,
        pace: Any,
        background: bool = False,
    ) -> None:
        self.n_weights = n_components + background
        self.form, self.tied = form, tied
        self.k, self.d, self.ridge, self.pace = n_components, n_features, ridge, pace
        self.lower = np.tril_indices(n_features)
        one = {"matrix": len(self.lower[0]), "diagonal": n_features, "scalar": 1}[form]
        self.n_coordinates = self.n_weights + n_components * n_features
        self.n_coordinates += one * (1 if tied else n_components)

    def _matrices(self, array: np.ndarray) -> np.ndarray:
        """(K, D, D): factors or covariances written out, one of each component."""
        if self.tied:
            array = np.broadcast_to(array, (self.k, *np.shape(array)))
        if self.form == "matrix":
            return array
        full = np.broadcast_to(
            array[..., None] if self.form == "scalar" else array, (self.k, self.d)
        )
        return full[:, :, None] * np.eye(self.d)

    def _scale(self, weights: np.ndarray) -> np.ndarray:
        roots = np.sqrt(weights)
        roots = np.where(roots > self.pace[9], roots, 0.0)
        of_means = roots[: self.k]
        of_spread = np.ones(1) if self.tied else of_means
        if self.form == "matrix":
            of_one = np.where(self.lower[0] == self.lower[1], np.sqrt(2.0), 1.0)
        else:
            n = self.d if self.form == "diagonal" else 1
            of_one = np.full(n, np.sqrt(2.0 * self.d / n))
        spread = of_spread[:, None] * of_one
        return np.concatenate([roots, np.repeat(of_means, self.d), spread.ravel()])

    def _vector(self, logits: Any, means: np.ndarray, spread: np.ndarray) -> np.ndarray:
        if self.form == "matrix":
            spread = spread[..., self.lower[0], self.lower[1]]
        return np.concatenate([logits, means.ravel(), np.ravel(spread)])

    def gradient(self, base: Arrays, sums: Arrays, out: np.ndarray) -> None:
        """Out = the gradient at the base per unit of weight."""
        weights, means, _, _, inverses = base
        reference, component_weight, first, second, mean_weight, divisor, grid = sums
        shift = reference - means
        moved = first + mean_weight[:, None] * shift
        change = first[:, :, None] * shift[:, None, :] + shift[:, :, None] * moved[:, None, :]
        change = (change + np.swapaxes(change, 1, 2)) / 2
        each = self._matrices(inverses)
        if self.tied:
            change = change.sum(axis=0)
        n = np.asarray(divisor)
        if self.form == "matrix":
            whole = (
                second + change + n[..., None, None] * np.diag(np.broadcast_to(self.ridge, self.d))
            )
            spread = inverses @ whole @ np.swapaxes(inverses, -1, -2)
            spread = spread - n[..., None, None] * np.eye(self.d)
        else:
            diagonal = np.diagonal(change, axis1=-2, axis2=-1)
            diagonal = diagonal if self.form == "diagonal" else diagonal.sum(axis=-1)
            n = n[..., None] if self.form == "diagonal" else n
            ridge = self.ridge if self.form == "diagonal" else np.mean(self.ridge)
            spread = inverses**2 * (second + diagonal + n * ridge) - n
        total = component_weight.sum()
        vector = self._vector(
            component_weight - total * weights, np.einsum("kij,kj->ki", each, moved), spread
        )
        scale = self._scale(weights)
        vector *= np.where(scale > 0.0, 1.0 / np.where(scale > 0.0, scale, 1.0), 0.0) / total
        out[:] = _rounded(vector, grid)

    def coordinates(self, base: Arrays, other: Arrays, grid: float, out: np.ndarray) -> None:
        """Out = the coordinates of another mixture about the base."""
        weights, means, _, _, inverses = base
        held = (weights > 0) & (other[0] > 0)
        logits = np.log(np.where(held, other[0], 1.0) / np.where(held, weights, 1.0))
        whitened = np.einsum("kij,kj->ki", self._matrices(inverses), other[1] - means)
        if self.form == "matrix":
            spread = np.array(inverses @ other[3])
            i = np.arange(self.d)
            spread[..., i, i] = np.log(spread[..., i, i])
        else:
            spread = np.log(inverses * other[3])
        out[:] = _rounded(self._vector(logits, whitened, spread) * self._scale(weights), grid)

    def mixture_at(self, base: Arrays, step: np.ndarray, out: Arrays) -> bool:
        """Out = the mixture at coordinates about the base; False where it has no factors."""
        weights, means, _, factors, _ = base
        scale = self._scale(weights)
        scaled = np.where(scale > 0.0, step / np.where(scale > 0.0, scale, 1.0), 0.0)
        logits, off, spread = np.split(scaled, [self.n_weights, self.n_weights + self.k * self.d])
        with np.errstate(over="ignore", invalid="ignore"):
            new = weights * np.exp(logits - logits.max())
            out[0][...] = new / new.sum()
            each = self._matrices(factors)
            out[1][...] = means + np.einsum("kij,kj->ki", each, off.reshape(self.k, self.d))
            if self.form == "matrix":
                inside = np.zeros(np.shape(factors))
                inside[..., self.lower[0], self.lower[1]] = spread.reshape(*inside.shape[:-2], -1)
                i = np.arange(self.d)
                inside[..., i, i] = np.exp(inside[..., i, i])
                product = factors @ inside
                out[2][...] = product @ np.swapaxes(product, -1, -2)
            else:
                out[2][...] = (factors * np.exp(spread.reshape(np.shape(factors)))) ** 2
        return self._factored(out)

    def _factored(self, out: Arrays) -> bool:
        covariances, factors, inverses = out[2:]
        if not np.isfinite(covariances).all():
            return False
        if self.form != "matrix":
            factors[...] = np.sqrt(covariances)
            inverses[...] = 1.0 / factors
            return bool((covariances > 0.0).all())
        try:
            factors[...] = np.linalg.cholesky(covariances)
        except np.linalg.LinAlgError:
            return False
        inverses[...] = np.tril(np.linalg.inv(factors))
        return True

    def largest_move(self, weights: np.ndarray, step: np.ndarray) -> float:
        """The largest change of a coordinate in its own unit."""
        scale = self._scale(weights)
        return float(np.abs(step / np.where(scale > 0.0, scale, np.inf)).max())

    def objective(self, search: Any, inverses: np.ndarray, lower_bound: float) -> float:
        """The lower bound and the density of the ridge as a prior."""
        ridge = np.mean(self.ridge) if self.form == "scalar" else self.ridge
        traces = np.asarray(inverses**2 * ridge)
        axes = {"matrix": (-2, -1), "diagonal": (-1,), "scalar": ()}[self.form]
        penalty = -0.5 * float((search.held * traces.sum(axis=axes)).sum())
        return lower_bound + penalty / float(search.weight)

    def propose(
        self,
        search: Any,
        base: Arrays,
        sums: Arrays,
        lower_bound: float,
        em: Arrays,
        ahead: Arrays,
        room: Arrays,
    ) -> tuple[bool, bool, float, float, float]:
        """The next mixture to try, in `ahead`, and what the search learns, in `room`."""
        shrink, largest = self.pace[1], self.pace[3]
        _, _, gradient, em_step, tried, held = room
        held[...] = sums[5]
        search.held = held
        value = self.objective(search, base[4], lower_bound)
        self.gradient(base, sums, gradient)
        learned = search.has_tried and self._learned(search, gradient, room)
        steps, changes = list(search.steps), list(search.changes)
        if learned:
            steps, changes = [*steps, room[0]][-MEMORY:], [*changes, room[1]][-MEMORY:]
        self.coordinates(base, em, sums[6], em_step)
        if not steps:
            return False, learned, search.radius, value, np.inf
        tried[:] = direction(gradient, steps, changes)
        gap, length = 0.5 * float(gradient @ tried), float(np.linalg.norm(tried))
        share = min(1.0, search.radius / length, largest / self.largest_move(base[0], tried))
        tried *= share
        found = self.mixture_at(base, tried, ahead)
        radius = search.radius if found else min(search.radius, length) * shrink
        return found, learned, radius, value, gap

    def accepts(self, search: Any, inverses: np.ndarray, lower_bound: float) -> tuple[bool, float]:
        """Whether the step that was tried is good, and the trust radius after it."""
        _, shrink, grow, _, armijo, poor, good = self.pace[:7]
        slope = float(search.gradient @ search.step)
        length, radius = float(np.linalg.norm(search.step)), search.radius
        gain = self.objective(search, inverses, lower_bound) - search.value
        if not gain > poor * slope:
            radius = length * shrink
        elif gain > good * slope:
            radius = max(radius, length * grow)
        return bool(gain >= armijo * slope and slope > 0.0), radius

    def reject(self, search: Any, failed: Arrays, sums: Arrays, room: Arrays) -> bool:
        """Learn from a failed step; whether a pair was learned."""
        gradient = np.empty(self.n_coordinates)
        self.gradient(failed, sums, gradient)
        return self._learned(search, gradient, room)

    def _learned(self, search: Any, gradient: np.ndarray, room: Arrays) -> bool:
        room[0][:], room[1][:] = search.step, search.gradient - gradient
        least = self.pace[7] * np.linalg.norm(room[0]) * np.linalg.norm(room[1])
        return bool(room[0] @ room[1] > least)


def direction(
    gradient: np.ndarray, steps: list[np.ndarray], changes: list[np.ndarray]
) -> np.ndarray:
    """The L-BFGS direction: the matrix of Nocedal and Wright 2006, 7.16, times the gradient."""
    step, change = steps[-1], changes[-1]
    inverse = np.eye(len(step)) * (step @ change) / (change @ change)
    for step, change in zip(steps, changes, strict=True):
        left = np.eye(len(step)) - np.outer(step, change) / (step @ change)
        inverse = left @ inverse @ left.T + np.outer(step, step) / (step @ change)
    return np.asarray(inverse @ gradient)


def _rounded(vector: np.ndarray, grid: float) -> np.ndarray:
    return np.asarray(np.rint(vector / grid) * grid) if grid else vector


def foretold(rules: np.ndarray, trace: np.ndarray) -> tuple[float, float, float, bool]:
    """The distance to the limit, the noise, the passes left, and whether L-BFGS begins."""
    target, heeds_noise, rounding, rise = rules[4], rules[5], rules[6], rules[8]
    window, turns = int(rules[10]), rules[11]
    bounds = trace.tolist()
    gap = _gap(bounds, rounding, rise)
    noise = _noise(bounds, window, turns) if heeds_noise else 0.0
    passes = _passes(bounds, gap, target)
    when, first, largest, least_rate, most_rate, fewest = rules[13:19]
    slow = False
    if when > 0.0 and len(bounds) >= first and not (when == 1.0 and target == 0.0):
        gains = np.diff(bounds[-4:])
        slow = bool((gains[1:] > least_rate * gains[:-1]).all())
        slow &= bool((gains[1:] < most_rate * gains[:-1]).all())
        slow &= bool(gains[-1] <= largest and passes >= fewest)
    return gap, noise, passes, slow


def _gap(bounds: list[float], rounding: float, rise: float) -> float:
    last = bounds[-5:]
    changes = [after - before for before, after in pairwise(last)]
    if not changes:
        return np.inf
    if abs(changes[-1]) <= rounding * abs(bounds[-1]):
        return 0.0
    if len(changes) > 1 and 0.0 < -1e6 * changes[-1] < changes[-2] < np.inf:
        return -changes[-1]
    if len(changes) > 3 and not (min(changes[-3:]) > 0.0 or max(changes[-3:]) < 0.0):
        return sum(map(abs, changes))
    found = _aitken(last, rise)
    if len(changes) > 1 and abs(changes[-1]) * 200 < abs(changes[-2]):
        return found
    return max(found, _aitken(last[:-1], rise))


def _aitken(bounds: list[float], rise: float) -> float:
    if len(bounds) < 3:
        return np.inf
    sign = 1.0 if bounds[-1] > bounds[-2] else -1.0
    before, last = sign * (bounds[-2] - bounds[-3]), sign * (bounds[-1] - bounds[-2])
    if not 0.0 < last < before < np.inf:
        return np.inf
    rate = last / before
    first = sign * (bounds[-3] - bounds[-4]) if len(bounds) > 3 else 0.0
    if first > 0.0:
        rate += rise * max(0.0, rate - before / first)
    return last * rate / (1.0 - rate) if rate < 1.0 else np.inf


def _passes(bounds: list[float], gap: float, target: float) -> float:
    if gap <= target:
        return 0.0
    if not np.isfinite(gap):
        return np.inf
    rate = (bounds[-1] - bounds[-2]) / (bounds[-2] - bounds[-3])
    if not 0.0 < rate < 1.0:
        return np.inf
    return float(np.log(max(target, np.finfo(np.float64).tiny) / gap) / np.log(rate))


def _noise(bounds: list[float], n: int, turns: float) -> float:
    last = bounds[-n:]
    if len(bounds) < 2 * n or (best := max(last)) > max(bounds[-2 * n : -n]):
        return 0.0
    rises = np.diff(last) > 0
    n_turns = np.count_nonzero(rises[1:] != rises[:-1])
    if n_turns < turns or bounds[-1] < sorted(last)[-n // 4]:
        return 0.0
    return best - min(last)


def largest_inflation(
    n_covariances: int, n_features: int, covariances: np.ndarray, inverses: np.ndarray
) -> float:
    """The largest trace over covariances of the inverse times the diagonal."""
    shape = n_covariances, n_features, n_features
    variances = np.diagonal(covariances.reshape(shape), axis1=1, axis2=2)
    return float((inverses.reshape(shape) ** 2 * variances[:, None, :]).sum(axis=(1, 2)).max())


def begun_search(radius: float, weight: float) -> SimpleNamespace:
    """A search that knows nothing yet."""
    return SimpleNamespace(
        steps=[],
        changes=[],
        radius=radius,
        weight=weight,
        value=-np.inf,
        gap=np.inf,
        failures=0,
        falls=False,
        has_tried=False,
    )


def moments_of_rows(
    kind: tuple[str, bool],
    reference: np.ndarray,
    component_weight: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    mean: np.ndarray,
    variances: np.ndarray,
) -> None:
    """The mean and the variances of all rows, of the sums of an E-step."""
    (form, tied), d = kind, reference.shape[1]
    weight, total = component_weight[:, None], component_weight.sum()
    mean[:] = (weight * reference + first).sum(axis=0) / total
    off = reference - mean
    moved = (2.0 * off * first + weight * off**2).sum(axis=0)
    second = second if tied else second.sum(axis=0)
    if form == "scalar":
        variances[:] = (second / d + moved.mean()) / total
    else:
        variances[:] = ((np.diagonal(second) if form == "matrix" else second) + moved) / total
