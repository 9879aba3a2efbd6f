"""What the kernels read of a mixture, and nothing else."""

from dataclasses import field
from typing import Any

import numpy as np

from fastgmm import kernels
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass


@dataclass(frozen=True, eq=False)
class Constants:
    """The numbers with which the kernels evaluate rows: those of a Gaussian, or others.

    The log density of component k at x is
    ``-|L_k^-1 (x - mean_k)|^2 / 2 - log_determinants[k] - D / 2 log(2 pi)``, and its share in the
    mixture has the log weight ``log_weights[k]``.  A row kind or a family hands the kernels other
    numbers than those of a normalised Gaussian: an inverse factor of zeros is a constant density, a
    log weight of -inf a component that cannot be the origin of a row.

    Parameters
    ----------
    kernel : {"full", "tied", "diag", "spherical"}
        The form of the inverse factors.
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
        Second moments are summed about them.
    inverse_factors : ndarray
        L^-1: (K, D, D), (D, D), (K, D) or (K,), by the kernel.
    log_determinants : ndarray of shape (K,)
        log det L of a Gaussian.  They stand for the log densities at the means, `offsets`, because
        the kernels add the constant of D themselves, and their rounding is part of every result.
    factors : ndarray, optional
        L, in the shape of the inverse factors.  Without them no bounds are carried from pass to
        pass.
    background : float
        The log of a density that every row has beside those of the components, in nats.
    """

    kernel: str
    log_weights: FloatArray
    means: FloatArray
    inverse_factors: FloatArray
    log_determinants: FloatArray
    factors: FloatArray | None = None
    background: float = -np.inf
    _packed: dict[np.dtype, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def offsets(self) -> FloatArray:
        """(K,): log densities of the components at their means, in nats."""
        n_features = self.means.shape[1]
        return np.asarray(-self.log_determinants - 0.5 * n_features * np.log(2.0 * np.pi))

    def of_components(self, chosen: np.ndarray) -> "Constants":
        """Those of some components, by their numbers: the others cannot be the origin of a row."""
        shared = self.kernel == "tied"
        return Constants(
            self.kernel,
            self.log_weights[chosen],
            self.means[chosen],
            self.inverse_factors if shared else self.inverse_factors[chosen],
            self.log_determinants[chosen],
        )

    def packed(self, dtype: np.dtype) -> Any:
        """The kernels' own form of these constants for rows of a dtype, made once."""
        try:
            return self._packed[dtype]
        except KeyError:
            made = kernels.packed_mixtures[dtype](
                self.kernel,
                self.log_weights,
                self.means,
                self.inverse_factors,
                self.log_determinants,
                self.background,
            )
            return self._packed.setdefault(dtype, made)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": {}}  # the packed form is made again
