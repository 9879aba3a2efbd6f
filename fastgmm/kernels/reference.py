"""The kernels again in plain NumPy, slow and obvious: what the tests compare every build with.

The same names and arguments as the compiled modules, so that either can stand in for the other.
Everything is computed in float64, with rows x components in memory, straight from the definitions.
"""

import math

import numpy as np

__all__ = ["PackedMixture", "all_finite", "bounds_stride", "exp", "log"]


class PackedMixture:
    """Parameters of a mixture; the compiled class of this name says what the arguments are."""

    def __init__(
        self,
        covariance_type: str,
        log_weights: np.ndarray,
        means: np.ndarray,
        inverse_factors: np.ndarray,
        log_determinants: np.ndarray,
        background: float = -np.inf,
    ) -> None:
        self.background = background
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
        if self.covariance_type == "low_rank":
            projections, deviations = self._projections(k)
            precision = np.diag(deviations**2) - projections @ projections.T
            return np.linalg.cholesky(precision).T
        return np.diag(np.full(self.n_features, self.inverse_factors[k]))

    def _projections(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """T^T (D, q) and the roots of 1 / Psi (D,) of component k."""
        upper = self.inverse_factors[k, : self.n_features]
        return upper[:, :-1], upper[:, -1]

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

    def _posterior(
        self, rows: np.ndarray, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log density of each row, and its responsibilities, among the components allowed."""
        weighted = self._log_normal(rows) + self.log_weights
        if allowed is not None:
            for k in range(self.n_components):
                bits = allowed[:, k // 64] >> np.uint64(k % 64) & np.uint64(1)
                weighted[bits == 0, k] = -np.inf
        every = np.column_stack([weighted, np.full(len(rows), self.background)])
        largest = every.max(axis=1, keepdims=True)
        log_density = largest[:, 0] + np.log(np.exp(every - largest).sum(axis=1))
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
        """Out (n,) = the most probable component, -1 where the background is more so."""
        weighted = self._log_normal(rows) + self.log_weights
        out[...] = np.where(self.background > weighted.max(axis=1), -1, weighted.argmax(axis=1))

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
        allowed: np.ndarray | None = None,
    ) -> float:
        """Add the weighted sums of one batch, leave bounds alone, and return the log-likelihood."""
        weight = np.ones(len(rows)) if sample_weight is None else sample_weight
        if responsibilities is None:
            of_rows, r = self._posterior(rows, allowed)
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
            elif self.covariance_type == "low_rank":
                second[k][: self.n_features, :-1] += scatter @ self._projections(k)[0]
                second[k][: self.n_features, -1] += np.diagonal(scatter)
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
