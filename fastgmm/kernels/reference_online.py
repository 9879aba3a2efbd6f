"""The kernels of streams again in plain NumPy, slow and obvious: see `reference`."""

import math

import numpy as np

from fastgmm.kernels.reference import PackedMixture, estimate, factorize, log_determinants

__all__ = ["OnlineSums", "take_rows"]


class OnlineSums:
    """The sums of a stream and their mixture; the compiled class says what the parts are.

    Compiled sums are a buffer of numbers, and these have `numbers`.
    """

    def __init__(
        self,
        form: str,
        tied: bool,
        n_components: int,
        n_features: int,
        numbers: np.ndarray | None = None,
    ) -> None:
        self.form, self.tied = form, tied
        k, d = n_components, n_features
        one = {"matrix": (d, d), "diagonal": (d,), "scalar": ()}[form]
        spread = one if tied else (k, *one)
        self._shapes = (
            *((k,), (k, d), (k, d), spread),
            *((k,), (k,), (k,), (k, d), spread, spread, spread),
        )
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        self.numbers = np.empty(ends[-1])
        if numbers is not None:
            self.numbers[:] = numbers
        parts = np.split(self.numbers, ends[:-1])
        self.parts = [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        self.outcome, self.log_likelihood, self.entropy = 0, 0.0, 0.0
        self.least, self.top, self.expected = 0.0, 0.0, 0.0

    def stepped(
        self,
        packed: PackedMixture,
        ridge: np.ndarray,
        rows: np.ndarray,
        sample_weight: np.ndarray | None,
        limits: tuple[float, ...],
        log_density: np.ndarray,
    ) -> "OnlineSums":
        """The sums after a batch."""
        weight, reference, first, second, weights, log_weights, logs = self.parts[:7]
        total, lightest, negligible, share, depth, least_weight, tolerance, largest = limits
        k, d = reference.shape
        made = OnlineSums(self.form, self.tied, k, d)
        spread = self._shapes[3]
        if self.tied and packed.covariance_type != "tied":
            spread = (k, *spread)  # the kernels sum component by component
        of_batch = np.zeros(k), np.zeros((k, d)), np.zeros(spread)
        thresholds = negligible * np.minimum(lightest, weights * total)
        made.log_likelihood = packed.expectation(
            rows, sample_weight, None, thresholds, *of_batch, log_density=log_density
        )
        if of_batch[2].shape != self._shapes[3]:
            of_batch = *of_batch[:2], np.asarray(of_batch[2].sum(axis=0))
        own, part = log_weights - logs, of_batch[0] / total
        made.least = float(log_density.min())
        made.top = float(own.max()) - 0.5 * d * math.log(2.0 * math.pi)
        expected = np.maximum(own - 0.5 * d * (1.0 + math.log(2.0 * math.pi)), -1e6)
        made.expected = float(of_batch[0] @ expected)
        odds = np.maximum(part, 1e-300) / np.maximum(weights, 1e-6)
        made.entropy = float(part @ np.log(odds))
        if not made.least >= made.top - depth:
            made.outcome = 1
            return made
        made.outcome = 2
        if not math.isfinite(made.log_likelihood) or (weight < least_weight).any():
            return made
        about = packed.means.astype(rows.dtype).astype(np.float64)
        shift = reference - about
        moved = first + weight[:, None] * shift
        change = self._products(first, shift) + self._products(shift, moved)
        rest, gain = 1.0 - share, share / total
        made.parts[0][...] = rest * weight + gain * of_batch[0]
        made.parts[1][...] = about
        made.parts[2][...] = rest * moved + gain * of_batch[1]
        made.parts[3][...] = rest * (second + change) + gain * of_batch[2]
        if made._maximize(ridge, tolerance, largest):
            made.outcome = 0
        return made

    def _products(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        products = left[:, :, None] * right[:, None, :]
        if self.form == "matrix":
            products = (products + np.swapaxes(products, 1, 2)) / 2
        else:
            products = np.einsum("kii->ki", products)
            products = products.sum(axis=1) if self.form == "scalar" else products
        return np.asarray(products.sum(axis=0)) if self.tied else products

    def _maximize(self, ridge: np.ndarray, tolerance: float, largest: float) -> bool:
        weight, reference, first, second = self.parts[:4]
        k, d = reference.shape
        divisor = np.asarray(weight.sum()) if self.tied else weight
        divisor = divisor * d if self.form == "scalar" else divisor
        weights, log_weights, logs, means, covariances, factors, inverses = self.parts[4:]
        weights[...] = weight / weight.sum()
        log_weights[...] = np.log(weights)
        means[...] = reference + first / weight[:, None]
        estimate(self.form, self.tied, first, second, weight, divisor, ridge, covariances)
        n = 1 if self.tied else k
        if factorize(self.form, n, d, covariances, factors, inverses, tolerance) >= 0:
            return False
        of_factors = np.empty(
            np.shape(factors)[
                : np.ndim(factors) - {"matrix": 2, "diagonal": 1, "scalar": 0}[self.form]
            ]
        )
        log_determinants(self.form, d, factors, of_factors)
        logs[...] = of_factors
        return bool(max(np.abs(covariances).max(), np.square(inverses).max()) <= largest)


def take_rows(rows: np.ndarray, room: np.ndarray, begin: int, end: int) -> int:
    """Copy a few good rows to the room; returns their number, or 0."""
    if rows.ndim != 2 or rows.shape[1] != room.shape[1] or rows.dtype != room.dtype:
        return 0
    n = len(rows)
    if not 0 < n <= 1024 or begin + n >= end or begin + n > len(room):
        return 0
    if not rows.flags.c_contiguous or not np.isfinite(rows).all():
        return 0
    room[begin : begin + n] = rows
    return n
