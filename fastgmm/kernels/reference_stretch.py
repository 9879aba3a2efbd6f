"""Iterations of a run of EM again in plain NumPy: what the tests compare every build with."""

from typing import Any

import numpy as np

from fastgmm.kernels.reference import PackedMixture, estimate, factorize, log_determinants
from fastgmm.kernels.reference_comparison import Comparing
from fastgmm.kernels.reference_search import RelativeFrame, begun_search, foretold

__all__ = ["Stretch"]


class Stretch(Comparing):
    """A part of a run of EM over the same rows; the compiled class says what the arguments are."""

    def __init__(
        self,
        kind: tuple[str, str, bool],
        n_components: int,
        rows: np.ndarray,
        sample_weight: np.ndarray | None,
        ridge: np.ndarray,
        limits: np.ndarray,
        rules: np.ndarray,
        pace: np.ndarray,
        grid: float,
        at_once: int,
        log_volume: float = np.nan,
    ) -> None:
        self.log_volume, background = log_volume, not np.isnan(log_volume)
        self.covariance_type, self.form, self.tied = kind
        self.n_components, self.rows, self.sample_weight = n_components, rows, sample_weight
        self.ridge, self.limits, self.rules, self.pace = ridge, limits, rules, pace
        self.grid, sizes = grid, (n_components, rows.shape[1])
        self._frame = RelativeFrame(self.form, self.tied, *sizes, ridge, pace, background)
        self._held = np.zeros(n_components, dtype=bool)

    def hold(self, held: np.ndarray) -> None:
        """Take it for known which components have collapsed."""
        self._held = held.astype(bool)

    def begin(self, mixture: Any, ahead: Any, search: Any, trace: Any) -> None:
        """Take a run as it is before an iteration."""
        self._mixture, self._ahead, self._search = mixture, ahead, search
        self._trace, self.n_passes, self.converged = list(trace), 0, False
        self.gap, self.noise = np.inf, 0.0

    def run(self, n: int) -> tuple[list[float], bool]:
        """Do up to n iterations; their bounds, and whether an event ended them."""
        before, going = len(self._trace), True
        while going and len(self._trace) < before + n and not (self.converged or self.noise > 0.0):
            going = self._iterate()
        return self._trace[before:], not going

    def mixture(self, ahead: bool, out: tuple[np.ndarray, ...]) -> bool:
        """Copy the mixture, or the one ahead of it; False if there is none."""
        found = self._ahead if ahead else self._mixture
        for array, of_mixture in zip(out, found or (), strict=False):
            array[...] = of_mixture
        return found is not None

    def _iterate(self) -> bool:
        """One iteration; False where the loop has to decide."""
        search, candidate, n_passes = self._search, self._ahead or self._mixture, 1
        bound, sums = self._e_step(*candidate)
        if self._ahead and np.isfinite(bound) and not self._accepted(bound):
            room = self._room()
            self._learn(self._frame.reject(search, candidate, self._evidence(sums), room), room)
            search.step, candidate, n_passes = search.em_step, self._mixture, 2
            search.failures += 1
            bound, sums = self._e_step(*candidate)
            search.falls |= self._falls(bound)
        following = self._m_step(*sums)
        if not np.isfinite(bound) or following is None:
            return False
        self._trace.append(bound)
        self.n_passes += n_passes
        told = foretold(self.rules, np.array(self._trace[-24:]))
        if self._in_noise(told[1]):
            self._mixture, self._ahead, self._search = candidate, None, None
            return True
        self._go_on(candidate, following, self._evidence(sums), told)
        return True

    def _accepted(self, bound: float) -> bool:
        search = self._search
        good, search.radius = self._frame.accepts(search, self._ahead[4], bound)
        if not good or (self._falls(bound) and not search.falls):
            return False
        search.failures = 0
        return True

    def _falls(self, bound: float) -> bool:
        return bool(self._trace[-1] - bound > self.rules[19] * abs(self._trace[-1]))

    def _in_noise(self, noise: float) -> bool:
        """Whether the noise of the bounds ends the run."""
        if noise == 0.0 or (self._search is not None and self._search.failures < self.pace[8]):
            return False
        rounding = self.rules[12] * self.rules[6] * abs(self._trace[-1])
        self.noise, self.converged = noise, bool(noise < max(self.rules[3], rounding))
        self.gap = 0.0 if noise <= rounding else noise
        return True

    def _go_on(self, base: Any, following: Any, sums: Any, told: Any) -> None:
        """Choose what the next iteration begins with, and see whether the run ends."""
        bound, self.gap = self._trace[-1], told[0]
        if self._search is None and told[3]:
            self._search = begun_search(self.pace[0], self.limits[0])
        self._mixture, self._ahead, search = following, None, self._search
        if search is not None and search.failures < self.pace[8]:
            room, ahead = self._room(), tuple(np.empty_like(array) for array in following)
            found, learned, search.radius, search.value, search.gap = self._frame.propose(
                search, base, sums, bound, following, ahead, room
            )
            self._learn(learned, room)
            search.gradient, search.em_step = room[2:4]
            search.step, search.has_tried = room[4] if found else room[3], True
            self._ahead = ahead if found else None
            if search.steps:
                n = int(self.rules[9])
                recent = abs(bound - self._trace[-1 - n]) if len(self._trace) > n else np.inf
                self.gap = max(search.gap, recent)
        self.converged = self._met()

    def _met(self) -> bool:
        (tol, gap_tol, both), bound = self.rules[:3], self._trace[-1]
        change = abs(bound - self._trace[-2]) if len(self._trace) > 1 else np.inf
        if gap_tol >= 0.0:
            return bool(self.gap < gap_tol)
        if not both:
            return bool(change < tol)
        small = change < tol or change <= self.rules[6] * abs(bound)
        return bool(self.gap < self.rules[7] * tol and small)

    def _room(self) -> tuple[np.ndarray, ...]:
        held = np.empty(() if self.tied else self.n_components)
        return *(np.empty(self._frame.n_coordinates) for _ in range(5)), held

    def _learn(self, learned: bool, room: Any) -> None:
        if learned:
            self._search.steps = [*self._search.steps, room[0]][-10:]
            self._search.changes = [*self._search.changes, room[1]][-10:]

    def _evidence(self, sums: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
        weight, first, second, means = sums
        held = np.maximum(weight[: len(means)], np.finfo(np.float64).tiny)
        return means, weight, first, second, held, self._divisor(held), self.grid

    def _divisor(self, held: np.ndarray) -> np.ndarray:
        divisor = np.asarray(held.sum()) if self.tied else held
        return divisor * self.rows.shape[1] if self.form == "scalar" else divisor

    def _e_step(self, *mixture: np.ndarray) -> tuple[float, tuple[np.ndarray, ...]]:
        weights, means, _, factors, inverses = mixture
        k, d = means.shape
        logs = np.empty(np.shape(factors)[: np.ndim(factors) - _NDIM[self.form]])
        log_determinants(self.form, d, factors, logs)
        if self.tied and self.covariance_type != "tied":
            inverses = np.broadcast_to(inverses, (k, *np.shape(inverses)))
        with np.errstate(divide="ignore"):
            log_weights = np.log(weights)
            background = -np.inf if len(weights) == k else log_weights[k] - self.log_volume
            of_packed = log_weights[:k], means, inverses, np.full(k, logs), background
            packed = PackedMixture(self.covariance_type, *of_packed)
        one = (d, d) if self.form == "matrix" else (d,) if self.covariance_type == "diag" else ()
        second = np.zeros(one if self.covariance_type == "tied" else (k, *one))
        component_weight, first = np.zeros(k), np.zeros((k, d))
        total, lightest, share = self.limits[:3]
        thresholds = share * np.minimum(lightest, weights[:k] * total)
        log_likelihood = packed.expectation(
            self.rows, self.sample_weight, None, thresholds, component_weight, first, second
        )
        if self.tied and self.covariance_type != "tied":
            second = np.asarray(second.sum(axis=0))
        if len(weights) > k:
            left = max(0.0, total - component_weight.sum())
            component_weight = np.append(component_weight, left)
        return log_likelihood / total, (component_weight, first, second, means)

    def _m_step(
        self, weight: np.ndarray, first: np.ndarray, second: np.ndarray, means: np.ndarray
    ) -> tuple[np.ndarray, ...] | None:
        k, d = means.shape
        if (weight[:k] < np.where(self._held, 0.0, self.limits[3])).any():
            return None
        held = np.maximum(weight[:k], np.finfo(np.float64).tiny)
        covariances, factors, inverses = (np.empty_like(second) for _ in range(3))
        sums = first, second, held, self._divisor(held)
        estimate(self.form, self.tied, *sums, self.ridge, covariances)
        n = 1 if self.tied else k
        if factorize(self.form, n, d, covariances, factors, inverses, self.limits[5]) >= 0:
            return None
        means = means + first / held[:, None]
        return weight / weight.sum(), means, covariances, factors, inverses


_NDIM = {"matrix": 2, "diagonal": 1, "scalar": 0}
"""A covariance of each form has an array of so many axes."""
