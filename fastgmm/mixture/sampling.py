"""Rows drawn from a mixture."""

from typing import TYPE_CHECKING

import numpy as np

from fastgmm.mixture.mixture import Mixture

if TYPE_CHECKING:
    from numpy.random import Generator


def draw(mixture: Mixture, n_samples: int, generator: "Generator") -> tuple[np.ndarray, np.ndarray]:
    """(n, D): float64 rows, component by component; (n,): which it is of each row, -1 of noise."""
    weights = mixture.all_weights
    counts = generator.multinomial(n_samples, weights / weights.sum())
    labels = np.repeat(np.arange(len(weights)), counts.astype(np.intp))
    rows = generator.standard_normal((n_samples, mixture.n_features))
    end = np.cumsum(counts)
    model = mixture.covariance_model
    factors = model.per_component(mixture.factors, mixture.n_components)
    for k in np.flatnonzero(counts[: mixture.n_components]):
        part = rows[end[k] - counts[k] : end[k]]
        part[...] = model.form.times_rows(factors[k], part) + mixture.means[k]
    if mixture.noise is not None:
        n = int(counts[-1])
        rows[n_samples - n :] = mixture.noise.draw(n, generator)
        labels[n_samples - n :] = -1
    return rows, labels
