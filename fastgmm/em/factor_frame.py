"""Coordinates about a mixture of factor analysers, for steps ahead of EM.

They are the changes of the log weights, of the means and of the loadings in deviations of their
features, and of the logarithms of the noise, each times the root of its component's weight: in this
order, one vector.  They depend on no units of the data.
"""

import numpy as np

from fastgmm.covariance.estimate import check_range
from fastgmm.covariance.factor_analysis import LEAST_SHARE, FactorAnalysis
from fastgmm.em.relative_frame import LEAST_SCALE
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import TINY, SufficientStatistics
from fastgmm.typing import FloatArray

AT_FLOOR = 1e-6
"""Noise that is above its floor by at most this share lies on it."""


class FactorFrame:
    """The coordinates about a mixture whose noise has a floor.

    Parameters
    ----------
    mixture : Mixture
        One of a model of low rank.
    floor : ndarray, () or (D,)
        No noise variance is less.
    """

    def __init__(self, mixture: Mixture, floor: FloatArray) -> None:
        model = mixture.covariance_model
        assert isinstance(model, FactorAnalysis)
        self._mixture, self._floor = mixture, floor
        self._form, self._equal = model.form, model.equal
        self._loadings = self._form.loadings(mixture.covariances)
        self._noise = self._form.noise(mixture.covariances)
        self._variances = self._form.diagonals(mixture.covariances, mixture.n_features)
        self._deviations = np.sqrt(self._variances)
        roots = np.sqrt(mixture.weights)
        # A component of next to no weight stays as it is.
        self._roots = np.where(roots > LEAST_SCALE, roots, 0.0)
        self._scales = np.divide(1.0, roots, out=np.zeros_like(roots), where=self._roots > 0.0)

    @property
    def n_coordinates(self) -> int:
        """The length of a vector."""
        k, d = self._mixture.n_components, self._mixture.n_features
        return k * (1 + d + d * self._form.n_factors + self._n_noise)

    @property
    def _n_noise(self) -> int:
        """How many variances of noise a component has."""
        return 1 if self._equal else self._mixture.n_features

    def parts(self, vector: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(K,), (K, D), (K, D, q) and (K, D), or (K, 1): those of a vector; views."""
        (k, d), q = self._mixture.means.shape, self._form.n_factors
        weights, means, loadings, noise = np.split(vector, np.cumsum([k, k * d, k * d * q]))
        of_means, of_loadings = means.reshape(k, d), loadings.reshape(k, d, q)
        return weights, of_means, of_loadings, noise.reshape(k, self._n_noise)

    def gradient(self, statistics: SufficientStatistics) -> FloatArray:
        """The gradient of the mean log-likelihood, of the statistics under the mixture.

        It is that of the complete data, rows and factors, as expected (Fisher's identity).
        """
        first, second = statistics.about(self._mixture.means)
        q, weight = self._form.n_factors, statistics.component_weight
        with_factors, among = self._form.loadings(second), self._form.root(second)
        explained = self._loadings @ among
        of_means = first - np.einsum("kdq,kq->kd", self._loadings, second[:, -q:, -1])
        residual = self._form.noise(second) + (
            self._loadings * (explained - 2.0 * with_factors)
        ).sum(axis=-1)
        of_noise = 0.5 * (residual / self._noise - weight[:, None])
        if self._equal:
            of_noise = of_noise.sum(axis=-1, keepdims=True)
        scales = self._scales[:, None] / statistics.weight
        in_units = scales * self._deviations / self._noise
        return _joined(
            self._scales * (weight / statistics.weight - self._mixture.weights),
            in_units * of_means,
            in_units[..., None] * (with_factors - explained),
            scales * of_noise,
        )

    def em_metric(self, vector: FloatArray) -> FloatArray:
        """EM's step, to first order, where the vector is the gradient.

        With expanded parameters the means have the metric Sigma.  Loadings have that of Psi, and
        besides those of the form Lam A, with A symmetric, which the covariance of the factors
        takes in.
        """
        weights, means, loadings, noise = self.parts(vector)
        alike = self._loadings / self._deviations[..., None]
        turned = np.swapaxes(alike, -1, -2)
        share, along = self._noise / self._variances, turned @ loadings
        expanded = 0.25 * alike @ (along + np.swapaxes(along, -1, -2))
        return _joined(
            weights,
            share * means + (alike @ (turned @ means[..., None]))[..., 0],
            share[..., None] * loadings + expanded,
            noise * (2.0 / (self._mixture.n_features if self._equal else 1.0)),
        )

    def moves(self, gradient: FloatArray) -> FloatArray:
        """Which coordinates move, as 1 and 0: noise at its floor stays where it would fall."""
        moves, floor = np.ones_like(gradient), self._least(self._loadings, self._noise)
        at_floor = (self._noise <= (1.0 + AT_FLOOR) * floor)[:, : self._n_noise]
        self.parts(moves)[-1][at_floor & (self.parts(gradient)[-1] < 0.0)] = 0.0
        return moves

    def coordinates(self, other: Mixture) -> FloatArray:
        """The coordinates of another mixture."""
        base, roots = self._mixture, self._roots
        ratios = np.maximum(other.weights, TINY) / np.maximum(base.weights, TINY)
        growth = np.log(self._form.noise(other.covariances) / self._noise)[:, : self._n_noise]
        turned = self._form.loadings(other.covariances) - self._loadings
        return _joined(
            roots * np.log(ratios),
            roots[:, None] * (other.means - base.means) / self._deviations,
            roots[:, None, None] * turned / self._deviations[..., None],
            roots[:, None] * growth,
        )

    def largest_move(self, step: FloatArray) -> float:
        """The largest change that a step makes of a logarithm, or of a mean in deviations."""
        return max(
            float(np.abs(part * self._scales.reshape(-1, *(1,) * (part.ndim - 1))).max())
            for part in self.parts(step)
        )

    def mixture_at(self, step: FloatArray) -> Mixture:
        """The mixture at these coordinates, its noise at the floor or above.

        Raises
        ------
        IllDefinedCovarianceError, DataRangeError
            When rounding leaves a covariance that is not positive definite, or no numbers.
        """
        base, scales = self._mixture, self._scales
        of_weights, of_means, of_loadings, of_noise = self.parts(step)
        weights = base.weights * np.exp(scales * of_weights)
        means = base.means + scales[:, None] * self._deviations * of_means
        in_units = scales[:, None, None] * self._deviations[..., None]
        loadings = self._loadings + in_units * of_loadings
        noise = self._noise * np.exp(scales[:, None] * of_noise)
        noise = np.maximum(noise, self._least(loadings, noise))
        covariances, kind = self._form.joined(loadings, noise), base.covariance_type
        weights = weights / np.add.accumulate(weights)[-1]
        made = Mixture.from_covariances(weights, means, covariances, kind, base.dtype)
        check_range(made.covariances, made.inverse_factors, base.dtype)
        return made

    def _least(self, loadings: FloatArray, noise: FloatArray) -> FloatArray:
        """(K, D): the floor of the noise, as the M-step has it."""
        shares = LEAST_SHARE * ((loadings**2).sum(axis=-1) + noise)
        if self._equal:
            shares = shares.mean(axis=1, keepdims=True)
        least = np.maximum(shares, self._floor)
        if self._equal:
            least = least.max(axis=1, keepdims=True)
        return np.broadcast_to(least, noise.shape)


def _joined(*parts: FloatArray) -> FloatArray:
    return np.concatenate([part.ravel() for part in parts])
