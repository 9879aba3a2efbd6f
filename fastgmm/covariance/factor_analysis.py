"""The model of low rank: how factors and noise are estimated from sums."""

from functools import partial

import numpy as np

from fastgmm.covariance.estimate import Augmented
from fastgmm.covariance.low_rank import LowRankForm
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.model import CovarianceModel
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

LEAST_SHARE = 1e-10
"""Noise variances are at least this share of the variance of their feature: what is less is the
rounding of a difference of sums."""
TINY = float(np.finfo(np.float64).tiny)
"""The smallest normal float64: the factors of a component that holds nothing have less extent."""


@dataclass(frozen=True, eq=False)
class FactorAnalysis(CovarianceModel):
    """The model of q factors per component.

    Its second moments are those of the complete data, rows and factors, so that statistics that
    were made under different mixtures may be added (Cappe and Moulines 2009).  They are
    (K, D + q, q + 1): sums of r d E[z]^T and of r d^2, and below sums of r E[z z^T] and r E[z],
    where d = x - reference and z are the factors of a row.

    Parameters
    ----------
    equal : bool
        Whether all features of a component have the same noise.
    """

    form: LowRankForm
    equal: bool = False

    @property
    def n_factors(self) -> int:
        """The number of factors, q."""
        return self.form.n_factors

    def about_kept_means(self, second: FloatArray, kept: np.ndarray) -> FloatArray:
        """Second moments by which the factors of components whose means are kept have no mean."""
        second = second.copy()
        second[kept, -self.n_factors :, -1] = 0.0
        return second

    def from_kernels(
        self,
        sums: FloatArray,
        component_weight: FloatArray,
        first_moment: FloatArray,
        inverse_factors: FloatArray,
    ) -> FloatArray:
        """The second moments, from sums of r d y^T and r d^2 with y = T d.

        E[z] is R^-T y, and the covariance of z given x is M^-1 = R^-T R^-1.
        """
        form, second = self.form, np.zeros_like(sums)
        inverse_root = form.root(inverse_factors)
        projections = form.loadings(inverse_factors) @ inverse_root  # T^T R^-1: D x q
        with_factors = form.loadings(sums) @ inverse_root
        form.loadings(second)[...], form.noise(second)[...] = with_factors, form.noise(sums)
        spread = np.swapaxes(inverse_root, -1, -2) @ inverse_root
        among = np.swapaxes(projections, -1, -2) @ with_factors
        among = (among + np.swapaxes(among, -1, -2)) / 2 + component_weight[:, None, None] * spread
        form.root(second)[...] = among
        second[:, -self.n_factors :, -1] = np.einsum("kdq,kd->kq", projections, first_moment)
        return second

    def shifted(
        self, second: FloatArray, first: FloatArray, shift: FloatArray, moved: FloatArray
    ) -> FloatArray:
        """The second moments where `shift` (K, D) is added to each d; `moved` are the new first."""
        changed = np.array(second)
        of_factors = second[:, None, -self.n_factors :, -1]
        self.form.loadings(changed)[...] += shift[:, :, None] * of_factors
        self.form.noise(changed)[...] += shift * (first + moved)
        return changed

    def implied_moments(
        self, covariances: FloatArray, ridge: FloatArray, weight: FloatArray, n_features: int
    ) -> FloatArray:
        """The second moments about the means under which these covariances are estimated again.

        The factors have a covariance of one.
        """
        form = self.form
        second = form.joined(form.loadings(covariances), form.diagonals(covariances, n_features))
        form.root(second)[...] = np.eye(self.n_factors)
        return second * weight[:, None, None]


def low_rank(name: str, n_factors: int, equal: bool) -> FactorAnalysis:
    """The model of so many factors per component, with equal noise of all features or not."""
    form = LowRankForm(n_factors)

    def n_parameters(n_components: int, n_features: int) -> int:
        one = form.n_parameters(n_features)
        return n_components * (one - n_features + 1 if equal else one)

    return FactorAnalysis(
        name, form, False, form, partial(_estimate, form, equal), n_parameters, equal=equal
    )


def _estimate(
    form: LowRankForm,
    equal: bool,
    sums: Augmented,
    ridge: FloatArray,
    previous: FloatArray | None = None,
) -> FloatArray:
    """The covariances of the M-step with expanded parameters (Liu, Rubin and Wu 1998).

    The factors get a mean and a covariance V of their own, which the loadings then take in:
    with W W^T the scatter of the factors, Lam = S W^-T / sqrt(n), so that Lam Lam^T + Psi has
    the variances of the rows.  The ridge is a floor of the noise, not an addition to it.
    """
    q, weight = form.n_factors, sums.covariance_weight
    second, first = sums.second_moment, sums.first_moment
    of_factors = second[:, -q:, -1]
    center = of_factors / sums.mean_weight[:, None]
    with_factors = form.loadings(second) - first[:, :, None] * center[:, None, :]
    among = form.root(second) - of_factors[:, :, None] * center[:, None, :]
    # A component that holds nothing has factors of no extent.
    held = np.diagonal(among, axis1=1, axis2=2).min(axis=1) > TINY
    among = np.where(held[:, None, None], among, np.eye(q))
    root_weight = np.sqrt(weight)[:, None, None]
    inverse_roots = MATRIX.factor(np.ascontiguousarray(among))[1]
    loadings = with_factors @ np.swapaxes(inverse_roots, 1, 2) / root_weight
    step = first / sums.mean_weight[:, None]
    variances = np.maximum(form.noise(second) / weight[:, None] - step**2, 0.0)
    noise = np.maximum(variances - (loadings**2).sum(axis=-1), LEAST_SHARE * variances)
    if equal:
        noise = np.broadcast_to(noise.mean(axis=1, keepdims=True), noise.shape)
    return form.joined(loadings, np.maximum(noise, ridge))
