"""The kernels again in plain NumPy, slow and obvious: what the tests compare every build with.

The same names and arguments as the compiled modules, so that either can stand in for the other.
Everything is computed in float64, with rows x components in memory, straight from the definitions.
"""

import math
from typing import Any

import numpy as np

from fastgmm.kernels.reference_comparison import Comparing
from fastgmm.kernels.reference_search import RelativeFrame, begun_search, foretold

__all__ = ["PackedMixture", "Stretch", "all_finite", "bounds_stride", "exp", "log"]


class PackedMixture:
    """Parameters of a mixture; the compiled class of this name says what the arguments are."""

    def __init__(
        self,
        covariance_type: str,
        log_weights: np.ndarray,
        means: np.ndarray,
        inverse_factors: np.ndarray,
        log_determinants: np.ndarray,
    ) -> None:
        self.covariance_type = covariance_type
        self.n_components, self.n_features = means.shape
        self.log_weights = log_weights
        self.means = means
        self.inverse_factors = inverse_factors
        self.log_determinants = log_determinants

    def _inverse_factor(self, k: int) -> np.ndarray:
        """L^-1 of component k as a (D, D) matrix, whatever the covariance type."""
        if self.covariance_type == "full":
            return self.inverse_factors[k, :, :]
        if self.covariance_type == "tied":
            return self.inverse_factors
        if self.covariance_type == "diag":
            return np.diag(self.inverse_factors[k])
        return np.diag(np.full(self.n_features, self.inverse_factors[k]))

    def _log_normal(self, rows: np.ndarray) -> np.ndarray:
        """Log N(x_i | mean_k, covariance_k) for every row i and component k."""
        density = np.empty((len(rows), self.n_components))
        for k in range(self.n_components):
            for i, row in enumerate(rows.astype(np.float64)):
                whitened = self._inverse_factor(k) @ (row - self.means[k])
                density[i, k] = (
                    -0.5 * (whitened @ whitened)
                    - self.log_determinants[k]
                    - 0.5 * self.n_features * math.log(2.0 * math.pi)
                )
        return density

    def _posterior(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density of each row, and its responsibilities."""
        weighted = self._log_normal(rows) + self.log_weights
        largest = weighted.max(axis=1, keepdims=True)
        log_density = largest[:, 0] + np.log(np.exp(weighted - largest).sum(axis=1))
        return log_density, np.exp(weighted - log_density[:, None])

    def takes(self, rows: np.ndarray) -> bool:
        """Whether the methods take this array as it is."""
        plain = rows.ndim == 2 and rows.flags.c_contiguous and rows.flags.aligned
        return bool(plain and rows.shape[1] == len(self.means[0]) and np.isfinite(rows).all())

    def log_density(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Out (n,) = log sum_k weight_k N(x | mean_k, covariance_k)."""
        out[...] = self._posterior(rows)[0]

    def log_density_of_one(self, row: np.ndarray) -> float | None:
        """The log density of one row (D,), nats; None of what is no finite row."""
        out = np.full(1, np.nan, row.dtype)
        if np.isfinite(row).all():
            self.log_density(row[np.newaxis], out)
        return float(out[0])

    def component_log_density(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Out (n, K) = log N(x | mean_k, covariance_k)."""
        out[...] = self._log_normal(rows)

    def responsibilities(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Out (n, K) = posterior probabilities of the components."""
        out[...] = self._posterior(rows)[1]

    def labels(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Out (n,) = the most probable component."""
        out[...] = (self._log_normal(rows) + self.log_weights).argmax(axis=1)

    def expectation(
        self,
        rows: np.ndarray,
        sample_weight: np.ndarray | None,
        responsibilities: np.ndarray | None,
        thresholds: np.ndarray,
        component_weight: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
        bounds: tuple[np.ndarray, np.ndarray] | None = None,
        counts: np.ndarray | None = None,
        log_density: np.ndarray | None = None,
    ) -> float:
        """Add the weighted sums of one batch, leave bounds alone, and return the log-likelihood."""
        weight = np.ones(len(rows)) if sample_weight is None else sample_weight
        if responsibilities is None:
            of_rows, r = self._posterior(rows)
            log_likelihood = float(weight @ of_rows)
            if log_density is not None:
                log_density[:] = of_rows
        else:
            r, log_likelihood = responsibilities.astype(np.float64), 0.0
        r = r * weight[:, None]
        r = np.where(r > thresholds, r, 0.0)
        if counts is not None:
            counts[:] = np.count_nonzero(r), r.size
        for k in range(self.n_components):
            difference = rows.astype(np.float64) - self.means[k]
            scatter = (r[:, k, None] * difference).T @ difference
            component_weight[k] += r[:, k].sum()
            first[k] += r[:, k] @ difference
            if self.covariance_type == "full":
                second[k] += scatter
            elif self.covariance_type == "tied":
                second += scatter
            elif self.covariance_type == "diag":
                second[k] += np.diagonal(scatter)
            else:
                second[k] += np.trace(scatter)
        return log_likelihood


def exp(numbers: np.ndarray, out: np.ndarray) -> None:
    """Out = e^numbers."""
    np.exp(numbers, out=out)


def log(numbers: np.ndarray, out: np.ndarray) -> None:
    """Out = ln numbers."""
    np.log(numbers, out=out)


def bounds_stride(n_rows: int) -> int:
    """Numbers per component that the bounds of so many rows take."""
    return n_rows


def all_finite(rows: np.ndarray) -> bool:
    """Whether no number is NaN or infinite."""
    return bool(np.isfinite(rows).all())


def estimate(
    form: str,
    tied: bool,
    first: np.ndarray,
    second: np.ndarray,
    mean_weight: np.ndarray,
    divisor: np.ndarray,
    ridge: np.ndarray,
    covariances: np.ndarray,
) -> None:
    """Covariances of sums about a reference, with the ridge on their diagonals."""
    steps = first / mean_weight[:, None]
    products = mean_weight[:, None, None] * steps[:, :, None] * steps[:, None, :]
    if form != "matrix":
        products = np.diagonal(products, axis1=1, axis2=2)
    if form == "scalar":
        products = products.sum(axis=1)
    if tied:
        products = products.sum(axis=0)
    by = divisor.reshape(-1, *(1,) * (products.ndim - 1)) if not tied else divisor
    estimated = (second - products) / by
    if form == "matrix":
        covariances[...] = (estimated + np.swapaxes(estimated, -1, -2)) / 2
        covariances += np.eye(first.shape[1]) * ridge
    else:
        covariances[...] = np.maximum(estimated, 0.0) + (
            ridge if form == "diagonal" else ridge.mean()
        )


def factorize(
    form: str,
    n_covariances: int,
    n_features: int,
    covariances: np.ndarray,
    factors: np.ndarray,
    inverses: np.ndarray,
    tolerance: float,
) -> int:
    """L and L^-1 of each covariance; index of the first that is not positive definite, or -1."""
    one = {"matrix": (n_features, n_features), "diagonal": (n_features,), "scalar": ()}[form]
    shape = (n_covariances, *one)
    given, into, inverted = (a.reshape(shape) for a in (covariances, factors, inverses))
    for k, covariance in enumerate(given):
        if form != "matrix":
            if not ((covariance > 0.0) & np.isfinite(covariance)).all():
                return k
            into[k] = np.sqrt(covariance)
            inverted[k] = 1.0 / into[k]
            continue
        try:
            into[k] = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return k
        pivots = np.diagonal(into[k]) ** 2
        if (pivots <= tolerance * n_features * np.diagonal(covariance)).any():
            return k
        inverted[k] = np.tril(np.linalg.inv(into[k]))
    return -1


def log_determinants(form: str, n_features: int, factors: np.ndarray, out: np.ndarray) -> None:
    """Out (...) = log det L of each factor."""
    if form == "matrix":
        out[...] = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    elif form == "diagonal":
        out[...] = np.log(factors).sum(axis=-1)
    else:
        out[...] = n_features * np.log(factors)


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
    ) -> None:
        self.covariance_type, self.form, self.tied = kind
        self.n_components, self.rows, self.sample_weight = n_components, rows, sample_weight
        self.ridge, self.limits, self.rules, self.pace = ridge, limits, rules, pace
        self.grid, sizes = grid, (n_components, rows.shape[1])
        self._frame = RelativeFrame(self.form, self.tied, *sizes, ridge, pace)
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
        held = np.maximum(weight, np.finfo(np.float64).tiny)
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
            packed = PackedMixture(
                self.covariance_type, np.log(weights), means, inverses, np.full(k, logs)
            )
        one = (d, d) if self.form == "matrix" else (d,) if self.covariance_type == "diag" else ()
        second = np.zeros(one if self.covariance_type == "tied" else (k, *one))
        component_weight, first = np.zeros(k), np.zeros((k, d))
        total, lightest, share = self.limits[:3]
        thresholds = share * np.minimum(lightest, weights * total)
        log_likelihood = packed.expectation(
            self.rows, self.sample_weight, None, thresholds, component_weight, first, second
        )
        if self.tied and self.covariance_type != "tied":
            second = np.asarray(second.sum(axis=0))
        return log_likelihood / total, (component_weight, first, second, means)

    def _m_step(
        self, weight: np.ndarray, first: np.ndarray, second: np.ndarray, means: np.ndarray
    ) -> tuple[np.ndarray, ...] | None:
        if (weight < np.where(self._held, 0.0, self.limits[3])).any():
            return None
        d, held = means.shape[1], np.maximum(weight, np.finfo(np.float64).tiny)
        covariances, factors, inverses = (np.empty_like(second) for _ in range(3))
        sums = first, second, held, self._divisor(held)
        estimate(self.form, self.tied, *sums, self.ridge, covariances)
        n = 1 if self.tied else len(weight)
        if factorize(self.form, n, d, covariances, factors, inverses, self.limits[5]) >= 0:
            return None
        means = means + first / held[:, None]
        return weight / weight.sum(), means, covariances, factors, inverses


_NDIM = {"matrix": 2, "diagonal": 1, "scalar": 0}
"""A covariance of each form has an array of so many axes."""
