"""What is kept of a mixture: the frozen parts of some components, as a value."""

import numpy as np
from numpy.typing import NDArray

from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

Spreads = tuple[FloatArray, FloatArray, FloatArray]
"""Covariances, their factors and the inverses of these."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Which parts of which components are kept, and what they are.

    Parameters
    ----------
    of_weights, of_means, of_covariances : ndarray of bool, shape (K,)
        Which components keep their weight, mean and covariance.
    weights : ndarray of shape (K,), optional
        There where some are kept; those that are not kept have no meaning.
    means : ndarray of shape (K, D), optional
    spreads : tuple of ndarray, optional
    """

    of_weights: NDArray[np.bool_]
    of_means: NDArray[np.bool_]
    of_covariances: NDArray[np.bool_]
    weights: FloatArray | None = None
    means: FloatArray | None = None
    spreads: Spreads | None = None

    def shared(self, weights: FloatArray) -> FloatArray:
        """Weights (K,) with those that are kept; the others share what these leave."""
        if self.weights is None:
            return weights
        kept = self.of_weights
        if kept.all():
            return self.weights
        # One addend after the other: the same bits however many components there are.
        rest, total = max(1.0 - _sum(self.weights[kept]), 0.0), _sum(weights[~kept])
        shares = weights / total if total > 0.0 else np.full(len(weights), 1.0 / (~kept).sum())
        return np.where(kept, self.weights, rest * shares)

    def placed(self, means: FloatArray) -> FloatArray:
        """Means (K, D) with those that are kept."""
        return means if self.means is None else np.where(self.of_means[:, None], self.means, means)

    def joined(self, spreads: Spreads, tied: bool) -> Spreads:
        """Covariances and their factors with those that are kept."""
        if self.spreads is None:
            return spreads
        if tied or self.of_covariances.all():
            return self.spreads
        pairs = zip(self.spreads, spreads, strict=True)
        covariances, factors, inverses = (
            np.where(self.of_covariances.reshape(-1, *(1,) * (one.ndim - 1)), kept, one)
            for kept, one in pairs
        )
        return covariances, factors, inverses

    def within(self, mixture: Mixture, n_free: int | None) -> Mixture:
        """A mixture with the parts that are kept, to the last bit, and so many free parameters."""
        spreads = mixture.covariances, mixture.factors, mixture.inverse_factors
        return Mixture(
            mixture.covariance_type,
            self.shared(mixture.weights),
            self.placed(mixture.means),
            *self.joined(spreads, mixture.covariance_model.tied),
            mixture.dtype,
            n_free,
        )


def _sum(array: FloatArray) -> float:
    return float(np.add.accumulate(array)[-1])
