"""Components that collapse, and what is done about it.

The likelihood of a mixture has no bound: a component that shrinks onto one row, or onto a few rows
of a plane, sends it to infinity and means nothing (Bishop 2006, section 9.2.1).  Between M-step and
E-step every component is looked at.  One that holds less than a row is lost, and explains rows that
nothing else does if it is moved to them.  One whose covariance comes from the ridge alone in some
direction is held there: its rows may be equal for a reason, one far away or many of a value.  Where
there is no ridge and no prior, it is moved.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from fastgmm.archive import checks
from fastgmm.covariance.estimate import PIVOT_ROUNDING
from fastgmm.data.sample import Sample
from fastgmm.em.regularization import Regularization
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray, OnCollapse

FLOOR_SHARE = 0.99
"""Rows have no variance in a direction where the ridge is more than this share of it."""
MOVES = 3
"""A component is moved at most this often in a run: one that is lost again and again stays."""
WORST_SHARE = 0.05
"""This share of the rows, those of lowest density, is where a component is needed."""


@dataclass(frozen=True)
class Repair:
    """What happened to a component that collapsed.

    Parameters
    ----------
    n_iter : int
        The number of the iteration, from 1; 0 is the start.
    component : int
        The index of the component.
    reason : str
        "weight": it held less than one row; "covariance": no variance in some direction.
    action : str
        "moved" to where the mixture explains the rows worst, or "held" where it is.

    Examples
    --------
    A component that starts far from all rows holds none of them:

    >>> import warnings
    >>> import fastgmm
    >>> X = [[0.0], [0.5], [1.0], [4.0], [4.5], [5.0]]
    >>> model = fastgmm.GaussianMixture(2, means_init=[[2.0], [1e6]], random_state=0)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     model = model.fit(X)
    >>> model.repairs_[0]
    Repair(n_iter=1, component=1, reason='weight', action='held')
    """

    n_iter: int
    component: int
    reason: Literal["weight", "covariance"]
    action: Literal["moved", "held"]

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, cannot be."""
        checks.check_count("a repair's n_iter", self.n_iter)
        checks.check_count("a repair's component", self.component)


class Drawn(Protocol):
    """Who can say which rows to choose from; nothing is drawn before they are asked for."""

    @property
    def sample(self) -> Sample:
        """The rows to choose from."""


class Repairer:
    """It looks after the components of one run.

    Parameters
    ----------
    on_collapse : {"repair", "warn", "raise"}
    regularization : Regularization
    row_weight : float
        The weight of one row.
    drawn : Drawn
        Who draws the rows that a component may be moved to.
    n_threads : int, optional
        None: all that this process may use.
    repairs : tuple of Repair
        The repairs of the run so far.
    """

    def __init__(
        self,
        on_collapse: OnCollapse,
        regularization: Regularization,
        row_weight: float,
        drawn: Drawn,
        n_threads: int | None = None,
        repairs: "tuple[Repair, ...]" = (),
    ) -> None:
        self._on_collapse = on_collapse
        self._regularization, self._row_weight = regularization, row_weight
        self._drawn, self._n_threads = drawn, n_threads
        self.repairs = list(repairs)

    def m_step(
        self,
        maximize: Callable[[SufficientStatistics], Mixture],
        statistics: SufficientStatistics,
        n_iter: int,
    ) -> Mixture:
        """The M-step `maximize` of the statistics, and what collapsed in it repaired.

        Raises
        ------
        IllDefinedCovarianceError
            With "raise", where a component has collapsed, which it names; and where nothing
            regularises a covariance that is singular whatever is done.
        """
        propped: list[int] = []
        while True:
            try:
                mixture = maximize(statistics)
                break
            except IllDefinedCovarianceError as error:
                statistics = self._propped(statistics, error)
                propped += [] if error.component is None else [error.component]
        for k in propped:
            relocated = self._relocated(mixture, k)
            mixture = mixture if relocated is None else relocated
            self.repairs.append(Repair(n_iter, k, "covariance", "moved"))
        return mixture if propped else self.repaired(mixture, statistics, n_iter)

    def _propped(
        self, statistics: SufficientStatistics, error: IllDefinedCovarianceError
    ) -> SufficientStatistics:
        """The statistics with the pooled second moment for the component that has failed."""
        k = error.component
        weight = statistics.component_weight
        if self._on_collapse != "repair" or k is None or len(weight) == 1 or self._spent(k):
            raise error
        second = statistics.second_moment.copy()
        pooled = np.delete(second, k, axis=0).sum(axis=0) / max(
            float(np.delete(weight, k).sum()), np.finfo(np.float64).tiny
        )
        first = statistics.first_moment.copy()
        first[k] = 0.0
        counted = weight.copy()
        counted[k] = max(float(weight[k]), self._row_weight)
        second[k] = pooled * counted[k]
        try:
            statistics.covariance_model.form.factor(pooled[None], PIVOT_ROUNDING)
        except IllDefinedCovarianceError:
            raise error from None
        return replace(
            statistics, component_weight=counted, first_moment=first, second_moment=second
        )

    def _spent(self, k: int) -> bool:
        return sum(r.component == k and r.action == "moved" for r in self.repairs) >= MOVES

    def repaired(self, mixture: Mixture, statistics: SufficientStatistics, n_iter: int) -> Mixture:
        """The mixture with what has collapsed in it repaired; itself where nothing has.

        Raises
        ------
        IllDefinedCovarianceError
            With "raise", where a component has collapsed, which it names.
        """
        if mixture.n_components == 1:
            return mixture  # nothing else could explain its rows
        weight = statistics.component_weight
        lost = weight < self._row_weight
        flat = self._flat(mixture, lost)
        for k in np.flatnonzero(lost | flat).tolist():
            reason: Literal["weight", "covariance"] = "weight" if lost[k] else "covariance"
            if self._on_collapse == "raise":
                error = IllDefinedCovarianceError(_sentence(k, reason, float(weight[k])))
                error.component = k
                raise error
            relocated = None
            if self._on_collapse == "repair" and lost[k] and not self._spent(k):
                relocated = self._relocated(mixture, k, statistics.weight)
            if relocated is not None:
                mixture = relocated
                self.repairs.append(Repair(n_iter, k, reason, "moved"))
            elif not any(r.component == k and r.action == "held" for r in self.repairs):
                self.repairs.append(Repair(n_iter, k, reason, "held"))
        return mixture

    def _flat(self, mixture: Mixture, lost: np.ndarray) -> np.ndarray:
        """(K,): which components are at the floor; no single one can be where all are tied."""
        if mixture.covariance_model.tied:
            return np.zeros(mixture.n_components, dtype=bool)
        return np.asarray(at_floor(mixture, self._regularization) & ~lost)

    def _relocated(
        self, mixture: Mixture, k: int, all_weight: float | None = None
    ) -> Mixture | None:
        """The mixture with component k at the rows of lowest density under the others.

        With the weight of all rows it is None unless the mean log-likelihood and log prior gain by
        the move: a component that holds less than a row may go without a loss.
        """
        sample = self._drawn.sample
        chosen = np.sort(sample.order)
        rows, weight = sample.rows[chosen], np.ones(len(chosen))
        row_weight, total = 1.0, float(len(chosen))
        if sample.weight is not None:
            weight, row_weight = sample.weight[chosen], self._row_weight
            total = float(weight.sum())
        others = mixture.weights.copy()
        others[k] = 0.0
        if not others.sum() > 0:
            return None
        without = replace(mixture, weights=others / others.sum())
        density = log_density(without, rows, np.empty(len(rows), rows.dtype), self._n_threads)
        wanted = max(2 * (mixture.n_features + 1) * row_weight, WORST_SHARE * total)
        worst, counted = _first(np.argsort(density, kind="stable"), weight, wanted)
        weights, means = without.weights.copy(), mixture.means.copy()
        share = 0.5 * float(counted.sum()) / total / mixture.n_components
        weights *= 1.0 - share
        weights[k] = share
        means[k] = _densest(rows[worst].astype(np.float64), counted, without)
        relocated = self._with_common_spread(mixture, k, weights, means)
        if all_weight is None:
            return relocated
        after = log_density(relocated, rows, np.empty(len(rows), rows.dtype), self._n_threads)
        gain = float(weight @ (after.astype(np.float64) - density)) / total
        log_prior = self._regularization.log_prior
        gain += (log_prior(relocated) - log_prior(mixture)) / all_weight
        return relocated if gain > 0.0 else None

    def _with_common_spread(
        self, mixture: Mixture, k: int, weights: FloatArray, means: FloatArray
    ) -> Mixture:
        """The mixture with these weights and means, and with the others' mean covariance for k."""
        if mixture.covariance_model.tied:
            return replace(mixture, weights=weights, means=means)
        covariances = mixture.covariances.copy()
        odds = np.delete(weights, k)
        covariances[k] = np.average(np.delete(covariances, k, axis=0), axis=0, weights=odds)
        factors, inverses = mixture.factors.copy(), mixture.inverse_factors.copy()
        one = mixture.covariance_model.form.factor(covariances[k : k + 1])
        factors[k], inverses[k] = one[0][0], one[1][0]
        return replace(
            mixture,
            weights=weights,
            means=means,
            covariances=covariances,
            factors=factors,
            inverse_factors=inverses,
        )


def at_floor(
    mixture: Mixture, regularization: Regularization, share: float = FLOOR_SHARE
) -> np.ndarray:
    """(K,): where the ridge is all the variance in more directions than it is in the whole mixture.

    The likelihood of such a component says more of the ridge than of the data.
    """
    model, k = mixture.covariance_model, mixture.n_components
    nothing = np.zeros(k, dtype=bool)
    if regularization.prior is not None:
        return nothing
    ridge = regularization.ridge(model.form)
    inverses = mixture.inverse_factors[None] if model.tied else mixture.inverse_factors
    counts = model.form.directions_at_floor(inverses, ridge, share)
    if np.count_nonzero(counts) == 0:
        return nothing
    whole = _directions_at_floor(total_covariance(mixture), ridge, share)
    whole //= model.form.features_per_variance(mixture.n_features)
    return np.broadcast_to(counts > whole, k)


def _directions_at_floor(covariance: FloatArray, ridge: FloatArray, share: float) -> int:
    """The number of directions in which the ridge is all the variance that there is."""
    deviations = np.sqrt(np.broadcast_to(ridge, len(covariance)))
    if not deviations.all():
        return 0
    scaled = covariance / deviations[:, None] / deviations
    if not np.isfinite(scaled).all():
        return 0
    variances = np.linalg.eigvalsh(scaled)
    rounding = PIVOT_ROUNDING * len(variances) * variances[-1]
    return int(np.count_nonzero(variances < 1.0 / share + rounding))


def _first(order: np.ndarray, weight: FloatArray, wanted: float) -> tuple[np.ndarray, FloatArray]:
    """The first rows in this order that weigh `wanted` together, and the weight of each in that."""
    before = np.cumsum(weight[order])
    before -= weight[order]
    counted = np.clip(wanted - before, 0.0, weight[order])
    return order[counted > 0.0], counted[counted > 0.0]


def _densest(rows: FloatArray, weight: FloatArray, mixture: Mixture) -> FloatArray:
    """(D,): the mean of the quarter of a few rows (n, D) nearest to the most central of them."""
    scale = np.sqrt(np.maximum(np.diagonal(total_covariance(mixture)), np.finfo(float).tiny))
    scaled, weight = rows[:256] / scale, weight[:256]
    quarter = float(weight.sum()) / 4.0
    distances = ((scaled[:, None, :] - scaled[None]) ** 2).sum(axis=2)
    orders = np.argsort(distances, axis=1, kind="stable")
    passed = np.cumsum(weight[orders], axis=1) > quarter
    reach = np.take_along_axis(orders, passed.argmax(axis=1)[:, None], axis=1)
    center = int(np.take_along_axis(distances, reach, axis=1)[:, 0].argmin())
    nearest, counted = _first(orders[center], weight, quarter)
    return np.asarray(counted @ rows[nearest] / counted.sum())


def _sentence(component: int, reason: str, weight: float) -> str:
    if reason == "weight":
        found = f"component {component} holds the weight {weight:.3g}, less than one row"
    else:
        found = f"the covariance of component {component} has no extent in some direction"
    return (
        f"Fitting the mixture model failed because a component collapsed: {found}. Use fewer "
        "components, a larger reg_covar, a prior, or on_collapse='repair'."
    )
