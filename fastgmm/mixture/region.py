"""The region of highest density that holds a share of a mixture."""

from typing import TYPE_CHECKING

import numpy as np

from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.sampling import draw

if TYPE_CHECKING:
    from numpy.random import Generator


def density_threshold(
    mixture: Mixture,
    level: float,
    n_samples: int,
    generator: "Generator",
    n_threads: int | None = None,
) -> float:
    """The log density, in nats, that a share `level` of the mixture's own samples reaches.

    It is a quantile of the log densities of the samples (Hyndman 1996).
    """
    rows, _ = draw(mixture, n_samples, generator)
    density = log_density(mixture, rows, np.empty(n_samples), n_threads)
    return float(np.quantile(density, 1.0 - level))
