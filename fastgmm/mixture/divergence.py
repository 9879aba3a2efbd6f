"""The Kullback-Leibler divergence of two mixtures, by samples, and a bound without any."""

from typing import TYPE_CHECKING

import numpy as np

from fastgmm.covariance.diagonal import DIAGONAL
from fastgmm.covariance.forms import Form
from fastgmm.covariance.matrix import MATRIX
from fastgmm.mixture.density import log_density, log_sum
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.sampling import draw
from fastgmm.typing import FloatArray

if TYPE_CHECKING:
    from numpy.random import Generator

MOST_UPDATES = 300
"""The bound holds after every update, and so many bring it near its limit."""
CHANGE = 1e-10
"""The updates end with one that changes the bound by less than this times itself and 1 nat."""


def sampled_divergence(
    mixture: Mixture,
    other: Mixture,
    n_samples: int,
    generator: "Generator",
    n_threads: int | None = None,
) -> tuple[float, float]:
    """The mean of log p(x) - log q(x) over samples x of p, and its standard error, in nats."""
    rows, _ = draw(mixture, n_samples, generator)
    ratio = log_density(mixture, rows, np.empty(n_samples), n_threads)
    ratio -= log_density(other, rows, np.empty(n_samples), n_threads)
    return float(ratio.mean()), float(ratio.std(ddof=1) / np.sqrt(n_samples))


def divergence_bound(mixture: Mixture, other: Mixture) -> float:
    """The variational upper bound of Hershey and Olsen (2007), in nats.

    The weights are split among all pairs of components: ``sum_b f_ab = w_a`` and
    ``sum_a g_ab = v_b``.  As the divergence is convex,

        D(p || q) <= sum_ab f_ab [log(f_ab / g_ab) + D(p_a || q_b)],

    and f and g in turn are made the best for the other.
    """
    mine, theirs = mixture.weights > 0.0, other.weights > 0.0
    apart = pair_divergences(mixture, other)[mine][:, theirs]
    if not np.isfinite(apart).all():
        return np.inf
    w, v = np.log(mixture.weights[mine])[:, None], np.log(other.weights[theirs])
    log_f, bound = w + v, np.inf
    for _ in range(MOST_UPDATES):
        costs = v + log_f - log_sum(log_f, axis=0) - apart
        total = log_sum(costs, axis=1)
        log_f = w + costs - total
        # With the best f each bracket is log w_a - log total_a, whatever b is.
        before, bound = bound, float((np.exp(w) * (w - total)).sum())
        if not before - bound > CHANGE * (1.0 + bound):
            break
    return max(0.0, bound)


def pair_divergences(mixture: Mixture, other: Mixture) -> FloatArray:
    """(K, L): D(p_a || q_b) of each pair of components, a Gaussian each, in nats.

    With R = L_b^-1 L_a of their factors and z = L_b^-1 (mean_a - mean_b), it is
    ``(|R|^2 - D - 2 log det R + |z|^2) / 2``.
    """
    mixture, other = mixture.dense, other.dense
    forms = mixture.covariance_model.form, other.covariance_model.form
    form: Form = MATRIX if MATRIX in forms else DIAGONAL
    factors = _written(form, mixture, mixture.factors)
    apart = np.empty((mixture.n_components, other.n_components))
    with np.errstate(over="ignore"):
        for b, inverse in enumerate(_written(form, other, other.inverse_factors)):
            ratios = inverse @ factors if form is MATRIX else inverse * factors
            squares = form.diagonals(ratios, mixture.n_features) ** 2
            off = (np.tril(ratios, -1) ** 2).sum(axis=(1, 2)) if form is MATRIX else 0.0
            steps = form.times_rows(inverse, mixture.means - other.means[b])
            # s - 1 - log s of each square loses nothing where the two are nearly equal.
            own = (squares - 1.0 - np.log(squares)).sum(axis=1)
            apart[:, b] = 0.5 * (own + off + (steps**2).sum(axis=1))
    return apart


def _written(form: Form, mixture: Mixture, array: FloatArray) -> FloatArray:
    """(K, ...): factors, or their inverses, of each component in a form."""
    model, (k, d) = mixture.covariance_model, mixture.means.shape
    return model.per_component(form.written(model.form, array, d), k)
