"""Mixtures of factor analysers, and rows of them, for several test modules."""

import numpy as np
from numpy.typing import NDArray

from fastgmm.covariance.low_rank import LowRankForm
from fastgmm.covariance.types import with_factors
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.sampling import draw


def factor_mixture(
    k: int, d: int, q: int, rng: np.random.Generator, separation: float = 3.0, equal: bool = False
) -> Mixture:
    """Return a mixture of K components with q factors in D features."""
    noise = 0.2 + rng.random((k, 1) if equal else (k, d))
    covariances = LowRankForm(q).joined(rng.normal(size=(k, d, q)), np.broadcast_to(noise, (k, d)))
    means = separation * rng.normal(size=(k, d)) / np.sqrt(d)
    kind = with_factors("low_rank_spherical" if equal else "low_rank", q)
    return Mixture.from_covariances(rng.dirichlet(np.full(k, 5.0)), means, covariances, kind)


def rows_of(mixture: Mixture, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return n rows of a mixture, in an order that is drawn."""
    return rng.permutation(draw(mixture, n, rng)[0])
