"""A posterior of mixtures, as a mixture whose constants are expectations; and its prior.

The posterior of each mean and precision is normal-Wishart, that of the weights Dirichlet, or one of
broken sticks, beta by beta (Bishop 2006, section 10.2; Blei and Jordan 2006).  Its conventions are
scikit-learn's.
"""

from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastgmm.archive import checks
from fastgmm.covariance.forms import Form
from fastgmm.lazy import lazy
from fastgmm.mixture.constants import Constants
from fastgmm.mixture.gamma import digamma, log_gamma
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray, WeightsPrior
from fastgmm.values import dataclass

LOG_2 = float(np.log(2.0))
"""The natural logarithm of 2."""
STICKS: WeightsPrior = "dirichlet_process"
"""The prior whose concentrations are two per component."""
TINY = float(np.finfo(np.float64).tiny)
"""Numbers that are to be positive are at least this."""


@dataclass(frozen=True, eq=False)
class NormalWishart:
    """A prior of weights, means and precisions.

    Parameters
    ----------
    weights : {"dirichlet_process", "dirichlet_distribution"}
    concentration : float
        That of the weights: of each of them, or of what is left of the stick.
    mean : ndarray of shape (D,)
    mean_precision : float
        The number of rows that the prior counts for in each mean.
    dof : float
        Degrees of freedom of the Wishart distribution, more than D - 1.
    covariance : ndarray of shape (D, D), (D,) or ()
        The inverse of its scale, in the form of the covariances.
    """

    weights: WeightsPrior
    concentration: float
    mean: FloatArray
    mean_precision: float
    dof: float
    covariance: FloatArray

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of a prior."""
        (d,) = checks.check_sizes("the prior's mean", self.mean, 1)
        checks.check_array("the prior's mean", self.mean, (d,))
        checks.check_number("the prior's concentration", self.concentration, TINY)
        checks.check_number("the prior's mean precision", self.mean_precision, TINY)
        checks.check_number("the prior's degrees of freedom", self.dof, TINY)
        if self.dof <= d - 1.0 or self.covariance.shape not in ((), (d,), (d, d)):
            raise ValueError(f"the prior must fit {d} features")
        checks.check_array("the prior's covariance", self.covariance, self.covariance.shape)


MOST_HELD = 1e300
"""Components that hold more than this, of a file, are none of a fit."""


@dataclass(frozen=True, eq=False)
class Posterior(Mixture):
    """A mixture of expected weights, means and precisions, with what is known around them.

    Parameters
    ----------
    held : ndarray of shape (K,)
        The weight of the rows that each component holds.
    prior : NormalWishart
    """

    held: FloatArray = field(kw_only=True)
    prior: NormalWishart = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        held = np.asarray(self.held, dtype=np.float64).view()
        held.flags.writeable = False
        object.__setattr__(self, "held", held)

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of a posterior."""
        super().check()
        k, d = self.means.shape
        checks.check_array("the rows that components hold", self.held, (k,), 0.0)
        # The weights are shares of this sum, which must not overflow.
        if not (self.held / MOST_HELD).sum() + self.prior.concentration / MOST_HELD < 1.0:
            raise ValueError(f"its components must hold rows of a weight below {MOST_HELD:g}")
        if self.prior.mean.shape != (d,) or self.prior.covariance.ndim != self.form.ndim:
            raise ValueError(f"the prior must fit {d} features")

    @classmethod
    def of(cls, mixture: Mixture, held: FloatArray, prior: NormalWishart) -> "Posterior":
        """The posterior with the means and covariances of a mixture, where components hold so much.

        The mixture's own weights take no part.
        """
        return cls(
            mixture.covariance_type,
            expected_weights(concentration_of(held, prior)),
            mixture.means,
            mixture.covariances,
            mixture.factors,
            mixture.inverse_factors,
            mixture.dtype,
            held=held,
            prior=prior,
        )

    def reordered(self, order: NDArray[np.intp]) -> "Posterior":
        """The same with the components in this order; of sticks the weights change."""
        return Posterior.of(super().reordered(order), self.held[order], self.prior)

    def without_empty(self, least: float) -> "Posterior":
        """The components that hold at least so much, and the largest; itself where these are all.

        What the others hold is lost, and their share of the weights goes to those that are left.
        """
        kept = self.held >= least
        kept[self.held.argmax()] = True
        if kept.all():
            return self
        chosen = np.flatnonzero(kept)
        return Posterior.of(super().reordered(chosen), self.held[chosen], self.prior)

    @lazy
    def concentration(self) -> FloatArray:
        """(K,) of the Dirichlet distribution; (2, K): both parameters of each stick's share."""
        return concentration_of(self.held, self.prior)

    @property
    def mean_precision(self) -> FloatArray:
        """(K,): the number of rows that each mean is known by."""
        return self.prior.mean_precision + self.held

    @property
    def dof(self) -> FloatArray:
        """(K,), or () if tied: degrees of freedom, of which the mean precision is so many scales.

        What all components share is known by a K-th of the rows, as in scikit-learn.
        """
        return np.asarray(self.prior.dof + (self.held.mean() if self.tied else self.held))

    @property
    def form(self) -> Form:
        """The form of the covariances."""
        return self.covariance_model.form

    @property
    def tied(self) -> bool:
        """Whether all components share one covariance."""
        return self.covariance_model.tied

    @lazy
    def constants(self) -> Constants:
        """What the kernels read: expected logarithms of weights and of determinants.

        The distance of a row to a mean has its expected value with D / mean_precision on top
        (Bishop 2006, 10.64 to 10.66).
        """
        d, dof = self.n_features, self.dof
        offset = digamma(_halves(dof, d)).sum(axis=-1) + d * (LOG_2 - np.log(dof))
        offset = 0.5 * (offset - d / self.mean_precision)
        log_determinants = self.form.log_determinants(self.factors, d) - offset
        return self.constants_with(expected_log_weights(self.concentration), log_determinants)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("concentration", None)
        return state


def concentration_of(held: FloatArray, prior: NormalWishart) -> FloatArray:
    """The concentrations of the weights' posterior, where components hold so many rows (K,)."""
    if prior.weights != STICKS:
        return prior.concentration + held
    after = np.concatenate([np.cumsum(held[::-1])[-2::-1], [0.0]])
    return np.stack([1.0 + held, prior.concentration + after])


def expected_weights(concentration: FloatArray) -> FloatArray:
    """(K,): the expected weights; those of sticks are divided by their sum, as the last is cut."""
    if concentration.ndim == 1:
        return np.asarray(concentration / concentration.sum())
    broken, left = concentration
    total = broken + left
    weights = broken / total * np.concatenate([[1.0], np.cumprod((left / total)[:-1])])
    return np.asarray(weights / weights.sum())


def expected_log_weights(concentration: FloatArray) -> FloatArray:
    """(K,): the expected logarithms of the weights."""
    if concentration.ndim == 1:
        return np.asarray(digamma(concentration) - digamma(concentration.sum()))
    broken, left = concentration
    of_total = digamma(broken + left)
    rest = np.cumsum(digamma(left) - of_total)
    return np.asarray(digamma(broken) - of_total + np.concatenate([[0.0], rest[:-1]]))


def log_normalizer(posterior: Posterior) -> float:
    """The part of the evidence that depends on the posterior's own numbers, in nats.

    It is minus the logarithms of the normalisers of its distributions; constants of the prior are
    left out.
    """
    concentration, d = posterior.concentration, posterior.n_features
    if concentration.ndim == 1:
        of_weights = log_gamma(concentration.sum()) - log_gamma(concentration).sum()
    else:
        broken, left = concentration
        of_weights = (log_gamma(broken + left) - log_gamma(broken) - log_gamma(left)).sum()
    dof = posterior.dof
    log_pivots = -posterior.form.log_determinants(posterior.factors, d) - 0.5 * d * np.log(dof)
    gammas = log_gamma(_halves(dof, d)).sum(axis=-1)
    wishart = -float(np.sum(dof * (log_pivots + 0.5 * d * LOG_2) + gammas))
    if posterior.tied:
        wishart *= posterior.n_components
    of_means = 0.5 * d * float(np.log(posterior.mean_precision).sum())
    return -float(of_weights) - wishart - of_means


def _halves(dof: FloatArray, n_features: int) -> FloatArray:
    """(..., D): half of the degrees of freedom that are left after 0, 1, ..., D - 1 of them."""
    return 0.5 * (dof[..., np.newaxis] - np.arange(n_features))
