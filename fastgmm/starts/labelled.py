"""First mixtures where some rows have labels: component k begins where the rows with label k are.

The components without labels begin where a start has found others.  Which of its components belong
to labels is asked of the rows with labels.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fastgmm.data.extent import Extent
from fastgmm.data.labels import AllowedGaps, AllowedSets, sets_of
from fastgmm.data.parts import Part
from fastgmm.data.passes import Data
from fastgmm.data.sample import Sample
from fastgmm.em.e_step import EStep
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, maximization
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import FLOAT64, Mixture
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.starts.points import Start, sharp
from fastgmm.threads import rows_per_block

ROWS_PER_FEATURE = 2
"""Components begin as their labels alone say where each has so many rows for each feature."""


class LabelSums:
    """What rows with labels tell of a mixture: an accumulator of a pass over all rows.

    Parameters
    ----------
    mixture : Mixture
        Whose components are to be found again among the labels.
    extent : Extent
        That of all rows.
    n_threads : int, optional
    """

    def __init__(self, mixture: Mixture, extent: Extent, n_threads: int | None) -> None:
        self._mixture, self._n_threads = mixture, n_threads
        self._step = EStep(mixture, extent, FLOAT64, n_threads)
        k = mixture.n_components
        self._common, self._block = np.zeros((k, k)), rows_per_block(k, mixture.n_features)

    def add(self, part: Part) -> None:
        """Take the rows with labels of a part."""
        kind = part.kind
        if isinstance(kind, AllowedGaps):
            # What gaps need is loaded with the first of them.
            from fastgmm.mixture.patterns import scores_of

            table, values = kind.patterns(0), part.rows.reshape(-1).astype(FLOAT64, copy=False)
            shares = np.empty((len(table.order), self._mixture.n_components))
            scores_of(self._mixture, table, values, "responsibilities", shares, self._n_threads)
            self._note(kind.components, shares, part.sample_weight, 0)
            if len(kind.components) == 1:
                self._step.add(part)
        elif isinstance(kind, AllowedSets):
            packed, rows = self._mixture.packed(FLOAT64), part.rows
            for allowed, begin, end in kind.pieces(self._block):
                shares = np.empty((end - begin, self._mixture.n_components))
                packed.responsibilities(rows[begin:end].astype(FLOAT64, copy=False), shares)
                self._note(allowed.components, shares, part.sample_weight, begin)
            singles, weight = kind.singles, part.sample_weight
            n = singles.begins[-1]
            self._step.add(Part(rows[:n], None if weight is None else weight[:n], singles))
        elif part.allowed is not None:
            rows = part.rows.astype(FLOAT64, copy=False)
            shares = np.empty((len(rows), self._mixture.n_components))
            self._mixture.packed(FLOAT64).responsibilities(rows, shares)
            sets = sets_of(part.allowed, shares.shape[1])
            odds = sets / sets.sum(axis=1, keepdims=True)
            if part.sample_weight is not None:
                odds *= part.sample_weight[:, None]
            self._common += odds.T @ shares

    def _note(
        self, allowed: np.ndarray, shares: np.ndarray, weight: np.ndarray | None, begin: int
    ) -> None:
        if weight is not None:
            shares = shares * weight[begin : begin + len(shares), None]
        self._common[allowed] += shares.sum(axis=0) / len(allowed)

    def statistics(self) -> tuple[SufficientStatistics, np.ndarray]:
        """The statistics of the rows of one component, and (K, K): the weight in common.

        That is of the rows which may be of a component, and of one of the mixture.
        """
        return self._step.statistics(), self._common

    def joined(self, sums: Any, following: Any) -> tuple[SufficientStatistics, np.ndarray]:
        """Those of some rows and of others."""
        return self._step.joined(sums[0], following[0]), sums[1] + following[1]


class LabelStart:
    """How the components of a fit begin where the rows with their labels are.

    Parameters
    ----------
    data : Data
    start : Start
        Its ridge and prior are those of the fit.
    sample : Sample
    """

    def __init__(self, data: Data, start: Start, sample: Sample) -> None:
        self._data, self._start, self._sample = data, start, sample
        # Weights of rows may be of any unit.
        self._unit = data.extent.weight / max(1, data.extent.n_counted)

    @lazy
    def alone(self) -> Mixture | None:
        """The mixture of the labels; None where some component has few or no rows of its own."""
        sample, start = self._sample, self._start
        center = sample.rows[sample.order].mean(axis=0, dtype=FLOAT64)
        k, d = start.n_components, len(center)
        centers = np.repeat(center[None], k, axis=0)
        about = sharp(centers, np.ones(d), start.covariance_type, FLOAT64)
        found, _ = self._found(about)
        if found.component_weight.min() < max(ROWS_PER_FEATURE * d, 2) * self._unit:
            return None
        begun = maximization(replace(found, dtype=self._data.dtype), start.regularization)
        return begun if start.weights is None else replace(begun, weights=start.weights)

    def beside(self, mixture: Mixture) -> Mixture:
        """The mixture of a start, its components in the order of the labels and where these are.

        A component with rows of its own begins at their mean, with their covariance and that of the
        component whose place it takes, as if that had D + 1 rows.
        """
        found, common = self._found(mixture)
        held = common.sum(axis=1, keepdims=True)
        mixture = mixture.reordered(assigned(common / np.where(held > 0.0, held, 1.0)))
        weights = mixture.weights if self._start.weights is None else self._start.weights
        has, k = found.component_weight > 0.0, len(weights)
        if not has.any():
            return replace(mixture, weights=weights)
        means = np.where(has[:, None], found.means, mixture.means)
        about = replace(mixture, means=means, weights=np.full(k, 1.0 / k))
        ridge, n_rows = self._start.regularization, k * (mixture.n_features + 1) * self._unit
        implied = MAXIMUM_LIKELIHOOD.imply(about, ridge).scaled(n_rows)
        begun = maximization(implied + found.moved(means), ridge)
        return replace(begun, weights=weights, dtype=mixture.dtype)

    def _found(self, mixture: Mixture) -> tuple[SufficientStatistics, np.ndarray]:
        """What `LabelSums` says."""
        data = self._data
        return data.pass_over(partial(LabelSums, mixture, data.extent, data.n_threads))


def assigned(gain: np.ndarray) -> np.ndarray:
    """(n,): the column of each row, each once, so that the gains (n, n) there sum to the most.

    The Hungarian method with potentials, row by row (Kuhn 1955; Jonker and Volgenant 1987).

    Examples
    --------
    >>> assigned(np.array([[3.0, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])).tolist()
    [1, 0, 2]
    """
    n = len(gain)
    cost = -gain
    of_row, of_column = np.zeros(n), np.zeros(n + 1)
    row_at = np.full(n + 1, -1)  # the last column is where each search begins
    for row in range(n):
        row_at[n], column = row, n
        least, before = np.full(n, np.inf), np.full(n, n)
        done = np.zeros(n + 1, bool)
        while row_at[column] >= 0:
            done[column] = True
            at = row_at[column]
            slack = np.where(done[:n], np.inf, cost[at] - of_row[at] - of_column[:n])
            closer = slack < least
            least[closer], before[closer] = slack[closer], column
            following = int(np.where(done[:n], np.inf, least).argmin())
            step = least[following]
            of_row[row_at[done]] += step
            of_column[done] -= step
            least[~done[:n]] -= step
            column = following
        while column != n:
            row_at[column] = row_at[before[column]]
            column = int(before[column])
    order = np.empty(n, np.intp)
    order[row_at[:n]] = np.arange(n)
    return order
