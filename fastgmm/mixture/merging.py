"""Mixtures of fewer components, with the moments of those that were merged.

A merge costs what it adds to ``sum_k w_k log det S_k / 2``: the bound of Runnalls (2007) of the
Kullback-Leibler divergence of the mixture before from the one after.  It holds for every covariance
type, since a merged covariance has the moments of its parts as far as the type can say them, the
diagonal or its mean, and the trace of its inverse times them is D.

A tied covariance has to stand for all components.  What their merged covariances would be, in the
mean by weight, is what an M-step makes of the merged statistics, and the bound is the same sum.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.model import CovarianceModel
from fastgmm.errors import data_range_error
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass


def merged(mixture: Mixture, n_components: int) -> Mixture:
    """A mixture of so many components, each with the moments of those it was made of.

    Raises
    ------
    DataRangeError
        When squares of the distances between means overflow.
    """
    with np.errstate(over="ignore"):
        if not np.isfinite((np.ptp(mixture.means, axis=0) ** 2).sum()):
            raise data_range_error(mixture.dtype)
    return pooled(mixture, merge_groups(mixture, n_components))


def merge_groups(mixture: Mixture, n_components: int) -> NDArray[np.intp]:
    """(K,): the new number of each component, when the cheapest pair was merged again and again.

    A new one stands where the first of its parts stood.
    """
    groups = np.arange(mixture.n_components)
    for i, j, _ in merge_steps(mixture, n_components):
        groups[groups == j] = i
        groups[groups > j] -= 1
    return groups


def merge_steps(mixture: Mixture, n_components: int = 1) -> Iterator[tuple[int, int, float]]:
    """Merge the cheapest pair again and again, until so many components are left.

    Yields
    ------
    i, j : int
        The present numbers of the pair, i < j: the new one has number i, those after j go down.
    cost : float
        What the merge adds to the bound, in nats.
    """
    parts = _Parts.of(mixture)
    costs = parts.all_costs()
    while len(costs) > n_components:
        i, j = (int(n) for n in np.unravel_index(costs.argmin(), costs.shape))
        yield i, j, float(costs[i, j])
        parts = parts.with_merged(i, j)
        if parts.model.tied:
            costs = parts.all_costs()  # the covariance of all pairs has changed
            continue
        costs = np.delete(np.delete(costs, j, axis=0), j, axis=1)
        of_merged = parts.costs(i, np.arange(len(costs)))
        costs[:i, i], costs[i, i + 1 :] = of_merged[:i], of_merged[i + 1 :]


def pooled(mixture: Mixture, groups: NDArray[np.intp]) -> Mixture:
    """The mixture in which the components of each group are one, with their moments."""
    model, form = mixture.covariance_model, mixture.covariance_model.form
    weights = np.asarray(np.bincount(groups, mixture.weights), dtype=np.float64)
    first = np.unique(groups, return_index=True)[1]
    share = np.zeros((len(weights), len(groups)))
    # Components without weight share alike.
    alone = np.where(weights[groups] > 0.0, mixture.weights, 1.0)
    share[groups, np.arange(len(groups))] = alone / np.bincount(groups, alone)[groups]
    origin = mixture.means[first]
    means = origin + share @ (mixture.means - origin[groups])
    off, per_variance = mixture.means - means[groups], form.features_per_variance(means.shape[1])
    if model.tied:
        held = mixture.weights / mixture.weights.sum()
        between = form.summed_products(held[:, None] * off, off) / per_variance
        covariances = form.symmetric(mixture.covariances + between)
    else:
        each = mixture.covariances + form.products(off, off) / per_variance
        covariances = form.symmetric(np.tensordot(share, each, 1))
    kind = model.free_type
    return Mixture.from_covariances(weights, means, covariances, kind, mixture.dtype)


@dataclass(frozen=True, eq=False)
class _Parts:
    """The components that are left, with what their costs are made of.

    `log_determinants` are those of the covariances, of which a tied model has one.
    """

    model: CovarianceModel
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    inverse_factors: FloatArray
    log_determinants: FloatArray

    @classmethod
    def of(cls, mixture: Mixture) -> "_Parts":
        model, d = mixture.covariance_model, mixture.n_features
        return cls(
            model,
            mixture.weights,
            mixture.means,
            mixture.covariances,
            mixture.inverse_factors,
            2.0 * model.form.log_determinants(mixture.factors, d),
        )

    def all_costs(self) -> FloatArray:
        """(K, K): the cost of each pair above the diagonal, inf elsewhere."""
        k = len(self.weights)
        costs = np.full((k, k), np.inf)
        for i in range(k - 1):
            costs[i, i + 1 :] = self.costs(i, np.arange(i + 1, k))
        return costs

    def costs(self, i: int, others: NDArray[np.intp]) -> FloatArray:
        """What merging component i with each of these adds to the bound, in nats."""
        if self.model.tied:
            return self._tied_costs(i, others)
        form, d, logs = self.model.form, self.means.shape[1], self.log_determinants
        factors, _ = form.factor(self._own_covariances(i, others))
        merged = 2.0 * form.log_determinants(factors, d)
        w, v = self.weights[i], self.weights[others]
        return np.asarray(0.5 * (w * (merged - logs[i]) + v * (merged - logs[others])))

    def _tied_costs(self, i: int, others: NDArray[np.intp]) -> FloatArray:
        """The halves of log det (S + c d d^T) - log det S, by the lemma of determinants."""
        form, d = self.model.form, self.means.shape[1]
        away = form.times_rows(self.inverse_factors, self.means[others] - self.means[i])
        squares = form.mean_squares(away)
        if form is MATRIX:
            squares = squares.sum(axis=1, keepdims=True)
        weight = self.weights[i] * self._shares(i, others)
        logs = np.log1p(weight[:, None] * squares).sum(axis=1)
        return np.asarray(0.5 * form.features_per_variance(d) * logs)

    def _shares(self, i: int, others: NDArray[np.intp]) -> FloatArray:
        """The weight of each of these beside that of component i, as shares of both."""
        both = self.weights[i] + self.weights[others]
        half = np.full_like(both, 0.5)
        return np.asarray(np.divide(self.weights[others], both, out=half, where=both > 0.0))

    def _products(self, i: int, others: NDArray[np.intp]) -> FloatArray:
        """The products d d^T of the distances d from the mean of component i, in the form."""
        off = self.means[others] - self.means[i]
        form = self.model.form
        return form.products(off, off) / form.features_per_variance(off.shape[1])

    def _own_covariances(self, i: int, others: NDArray[np.intp]) -> FloatArray:
        """The covariances of component i and each of these, merged."""
        theirs = self._shares(i, others).reshape(-1, *(1,) * self.model.form.ndim)
        mine = 1.0 - theirs
        within = mine * self.covariances[i] + theirs * self.covariances[others]
        return np.asarray(within + mine * theirs * self._products(i, others))

    def with_merged(self, i: int, j: int) -> "_Parts":
        """The components with j merged into i, and those after j one place earlier."""
        form, other = self.model.form, np.array([j])
        share = self._shares(i, other)[0]
        weights, means = np.delete(self.weights, j), np.delete(self.means, j, axis=0)
        weights[i] += self.weights[j]
        means[i] += share * (self.means[j] - self.means[i])
        if self.model.tied:
            weight = self.weights[i] * share
            covariances = self.covariances + weight * self._products(i, other)[0]
        else:
            covariances = np.delete(self.covariances, j, axis=0)
            covariances[i] = self._own_covariances(i, other)[0]
        factors, inverses = form.factor(covariances)
        logs = 2.0 * form.log_determinants(factors, means.shape[1])
        return _Parts(self.model, weights, means, covariances, inverses, logs)
