"""Rows drawn from a mixture."""

from typing import TYPE_CHECKING

import numpy as np

from fastgmm.mixture.mixture import Mixture

if TYPE_CHECKING:
    from numpy.random import Generator


def draw(mixture: Mixture, n_samples: int, generator: "Generator") -> tuple[np.ndarray, np.ndarray]:
    """(n, D): float64 rows, component by component; (n,): the component of each row."""
    counts = generator.multinomial(n_samples, mixture.weights / mixture.weights.sum())
    labels = np.repeat(np.arange(mixture.n_components), counts)
    rows = generator.standard_normal((n_samples, mixture.n_features))
    end = np.cumsum(counts)
    model = mixture.covariance_model
    factors = model.per_component(mixture.factors, mixture.n_components)
    for k in np.flatnonzero(counts):
        part = rows[end[k] - counts[k] : end[k]]
        part[...] = model.form.times_rows(factors[k], part) + mixture.means[k]
    return rows, labels
