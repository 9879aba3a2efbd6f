"""Where a component goes that has lost its rows: to those that the others explain worst.

What the rows' densities are without it, and with it there, is found of one evaluation of the
components, however many of them are lost at once.
"""

from dataclasses import replace

import numpy as np

from fastgmm.data.sample import Sample
from fastgmm.data.vectors import inner
from fastgmm.mixture.density import component_log_density, log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import FloatArray
from fastgmm.values import dataclass

WORST_SHARE = 0.05
"""This share of the rows, those of lowest density, is where a component is needed."""
MOST_PAIRS = 1 << 22
"""Densities of at most this many pairs of row and component are kept: 32 MB."""
LEAST_REST = 1e-6
"""Where the others have less than this share of a row's density, it is summed without the one that
has the rest: a difference would lose digits."""
MOST_WORST = 256
"""The densest place is looked for among at most this many rows."""


class Relocation:
    """The rows of a sample, and what the components of the last mixture say of them.

    Parameters
    ----------
    sample : Sample
    row_weight : float
        The weight of one row.
    n_threads : int, optional
        None: all that this process may use.
    """

    def __init__(self, sample: Sample, row_weight: float, n_threads: int | None) -> None:
        chosen = np.sort(sample.order)
        self.rows, self._n_threads = sample.rows[chosen], n_threads
        self._sample, self._chosen = sample, chosen
        self.weight, self.row_weight = np.ones(len(chosen)), 1.0
        if sample.weight is not None:
            self.weight, self.row_weight = sample.weight[chosen], row_weight
        self.total = float(self.weight.sum())
        # The densities are relative to the largest of each row, whose logarithm is beside them.
        self._of: Mixture | None = None
        self._relative = self._largest = np.empty(0)
        # What was densest of the same rows is so again, while the mixture is the same.
        self._scaled_by: Mixture | None = None
        self._found: dict[bytes, FloatArray] = {}

    def place(self, mixture: Mixture, k: int) -> "Place | None":
        """Where component k would go; None where the others have no weight."""
        others = mixture.weights.copy()
        others[k] = 0.0
        rest = float(others.sum())
        if not rest > 0:
            return None
        beside = others = others / rest
        if mixture.noise is not None:
            # Noise keeps its share of what is explained: it is one of the others.
            others = beside * (1.0 - mixture.noise.weight)
        density = self._without(mixture, k, others)
        wanted = max(2 * (mixture.n_features + 1) * self.row_weight, WORST_SHARE * self.total)
        worst, counted = _first(np.argsort(density, kind="stable"), self.weight, wanted)
        share = 0.5 * float(counted.sum()) / self.total / mixture.n_components
        mean = self._densest_of(mixture, worst[:MOST_WORST], counted[:MOST_WORST])
        alone = _alone(mixture, k, mean, beside)
        own = self._log_density(alone).astype(np.float64)
        with np.errstate(divide="ignore"):
            after = np.logaddexp(np.log1p(-share) + density, np.log(share) + own)
        gain = inner(self.weight, after - density) / self.total
        return Place(mixture, k, others, share, alone, gain)

    def _densest_of(self, mixture: Mixture, worst: np.ndarray, counted: FloatArray) -> FloatArray:
        """(D,): the densest place among these rows, which weigh `counted`, found once."""
        if self._scaled_by is not mixture:
            self._scaled_by, self._found = mixture, {}
        key = worst.tobytes() + counted.tobytes()
        if key not in self._found:
            rows = self.rows[worst].astype(np.float64)
            self._found[key] = _densest(rows, counted, self._scaled(mixture, worst, rows))
        return self._found[key]

    def _scaled(self, mixture: Mixture, chosen: np.ndarray, rows: FloatArray) -> FloatArray:
        """The chosen rows, in units of the deviations of the columns."""
        if self._sample.scaled is not None:
            return self._sample.scaled(self._chosen[chosen])
        return rows / np.sqrt(np.maximum(_variances(mixture), np.finfo(float).tiny))

    def _log_density(self, mixture: Mixture) -> np.ndarray:
        out = np.empty(len(self.rows), self.rows.dtype)
        return log_density(mixture, self.rows, out, self._n_threads)

    def _without(self, mixture: Mixture, k: int, others: FloatArray) -> FloatArray:
        """(n,): the log densities of the rows under the others, whose weights are these (K,)."""
        if len(self.rows) * mixture.n_components > MOST_PAIRS:
            return self._log_density(replace(mixture, weights=others)).astype(np.float64)
        if self._of is not mixture:
            self._evaluate(mixture)
        relative, weights = self._relative, mixture.weights.copy()
        weights[k] = 0.0
        total = relative @ mixture.weights
        with np.errstate(invalid="ignore", divide="ignore"):
            rest = total - relative[:, k] * mixture.weights[k]
            few = np.flatnonzero(~(rest > LEAST_REST * total))
            rest[few] = relative[few] @ weights
            density: FloatArray = np.log(rest / weights.sum()) + self._largest
            if mixture.noise is not None:
                density = np.logaddexp(density + np.log(others.sum()), mixture.log_noise)
            hidden = np.flatnonzero(~(rest >= LEAST_REST**20))
        if len(hidden):
            # All others are so far away that their densities are nothing beside this one.
            rows = self.rows[hidden]
            out = np.empty(len(hidden), rows.dtype)
            without = replace(mixture, weights=others)
            density[hidden] = log_density(without, rows, out, self._n_threads)
        return density

    def _evaluate(self, mixture: Mixture) -> None:
        out = np.empty((len(self.rows), mixture.n_components), self.rows.dtype)
        component_log_density(mixture, self.rows, out, self._n_threads)
        logs = out.astype(np.float64)
        self._largest = np.maximum(logs.max(axis=1), np.finfo(np.float64).min)
        logs -= self._largest[:, None]
        self._of, self._relative = mixture, np.exp(logs, out=logs)


@dataclass(frozen=True, eq=False)
class Place:
    """Where a component would go.

    Parameters
    ----------
    before : Mixture
    component : int
    others : ndarray of shape (K,)
        The weights of the others, which sum to one with that of noise.
    share : float
        The weight of the component there.
    alone : Mixture
        The component there, as a mixture of its own.
    gain : float
        What the mean log-likelihood gains over that of the others without it.
    """

    before: Mixture
    component: int
    others: FloatArray
    share: float
    alone: Mixture
    gain: float

    def mixture(self) -> Mixture:
        """The mixture with the component there."""
        before, k = self.before, self.component
        weights, means = self.others * (1.0 - self.share), before.means.copy()
        weights[k], means[k] = self.share, self.alone.means[0]
        noise = before.noise
        if noise is not None:
            noise = noise.weighing(noise.weight * (1.0 - self.share))
        if before.covariance_model.tied:
            return replace(before, weights=weights, means=means, noise=noise)
        arrays = {}
        for name in ("covariances", "factors", "inverse_factors"):
            arrays[name] = getattr(before, name).copy()
            arrays[name][k] = getattr(self.alone, name)[0]
        return replace(before, weights=weights, means=means, noise=noise, **arrays)


def _alone(mixture: Mixture, k: int, mean: FloatArray, others: FloatArray) -> Mixture:
    """Component k at a mean (D,), with the mean covariance of the others of these weights.

    Where covariances have something in common, it has that of the heaviest: a mean could break it.
    """
    model, one = mixture.covariance_model, np.ones(1)
    arrays: tuple[FloatArray, FloatArray, FloatArray]
    if model.tied:
        arrays = mixture.covariances, mixture.factors, mixture.inverse_factors
    elif not model.unrestricted:
        chosen = [int(others.argmax())]
        spreads = mixture.covariances, mixture.factors, mixture.inverse_factors
        arrays = spreads[0][chosen], spreads[1][chosen], spreads[2][chosen]
    else:
        if model.form.linear:
            covariance = np.tensordot(others, mixture.covariances, 1)[None]
        else:  # the mean of some would be of another form: that of the heaviest stands for it
            covariance = mixture.covariances[[int(others.argmax())]]
        arrays = covariance, *model.form.factor(covariance)
    return Mixture(mixture.covariance_type, one, mean[None], *arrays, mixture.dtype)


def _variances(mixture: Mixture) -> FloatArray:
    """(D,): the variances of the columns in a whole mixture."""
    model, (k, d), weights = mixture.covariance_model, mixture.means.shape, mixture.shares
    within = model.form.diagonals(model.per_component(mixture.covariances, k), d)
    off = mixture.means - weights @ mixture.means
    variances: FloatArray = weights @ within + weights @ off**2
    return variances


def _first(order: np.ndarray, weight: FloatArray, wanted: float) -> tuple[np.ndarray, FloatArray]:
    """The first rows in this order that weigh `wanted` together, and the weight of each in that."""
    before = np.cumsum(weight[order])
    before -= weight[order]
    counted = np.clip(wanted - before, 0.0, weight[order])
    return order[counted > 0.0], counted[counted > 0.0]


def _densest(rows: FloatArray, weight: FloatArray, scaled: FloatArray) -> FloatArray:
    """(D,): the mean of the quarter of a few rows (n, D) nearest to the most central of them.

    Which ones are near is seen of the scaled rows.
    """
    quarter = float(weight.sum()) / 4.0
    # These products lose digits, but that decides only between rows that are equally central.
    scaled = scaled - scaled.mean(axis=0)
    squares = np.einsum("ij,ij->i", scaled, scaled)
    distances = np.maximum(squares[:, None] + squares - 2.0 * (scaled @ scaled.T), 0.0)
    np.fill_diagonal(distances, 0.0)
    if weight.min() == weight.max():
        last = int((np.cumsum(weight) > quarter).argmax())
        reaches = np.partition(distances, last, axis=1)[:, last]
    else:
        orders = np.argsort(distances, axis=1, kind="stable")
        passed = np.cumsum(weight[orders], axis=1) > quarter
        reach = np.take_along_axis(orders, passed.argmax(axis=1)[:, None], axis=1)
        reaches = np.take_along_axis(distances, reach, axis=1)[:, 0]
    order = np.argsort(distances[int(reaches.argmin())], kind="stable")
    nearest, counted = _first(order, weight, quarter)
    return np.asarray(counted @ rows[nearest] / counted.sum())
