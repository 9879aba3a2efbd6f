"""Components that collapse, and what is done about it.

The likelihood of a mixture has no bound: a component that shrinks onto one row, or onto a few rows
of a plane, sends it to infinity and means nothing (Bishop 2006, section 9.2.1).  Between M-step and
E-step every component is looked at.  One that holds less than a row is lost, and explains rows that
nothing else does if it is moved to them.  One whose covariance comes from the ridge alone in some
direction is held there: its rows may be equal for a reason, one far away or many of a value.  Where
there is no ridge and no prior, it is moved.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fastgmm.archive import checks
from fastgmm.covariance.estimate import PIVOT_ROUNDING
from fastgmm.covariance.matrix import count_below
from fastgmm.data.sample import Sample
from fastgmm.data.vectors import inner
from fastgmm.em.regularization import Regularization
from fastgmm.em.relocation import Relocation
from fastgmm.em.rescaled import unscaled
from fastgmm.errors import IllDefinedCovarianceError, ill_defined_covariance_error
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.moments import total_covariance
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.typing import FloatArray, OnCollapse
from fastgmm.values import dataclass

FLOOR_SHARE = 0.99
"""Rows have no variance in a direction where the ridge is more than this share of it."""
MOVES = 3
"""A component is moved at most this often in a run: one that is lost again and again stays."""
LONGEST = 1 << 30
"""No run has so many iterations."""
POWER_STEPS = 6
"""The largest variance of all rows is found by so many steps: only its rounding counts."""


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


@dataclass(frozen=True, eq=False)
class Spared:
    """What a family keeps from repairs, for each component.

    Parameters
    ----------
    places : ndarray of bool, shape (K,)
        Where a component has a place of its own: it is held, whatever becomes of it, and not moved.
    shapes : ndarray of bool, shape (K,)
        Where a covariance is none of the rows', and has not collapsed however small it is.
    empty : ndarray of bool, shape (K,)
        Where a component may hold no rows: it has not collapsed then.
    """

    places: NDArray[np.bool_]
    shapes: NDArray[np.bool_]
    empty: NDArray[np.bool_]


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
        self._relocation: Relocation | None = None
        self._spared: Spared | None = None
        self._zero: Regularization | None = None

    def count_as_zero(self, variances: FloatArray) -> "Repairer":
        """The repairer itself, to which variances are zero at the rounding of these (D,).

        EM with gaps puts a share of a variance back in place of each missing number.  So the
        variances of a component at one row halve and halve again and are never zero: without this
        nothing would tell that it has collapsed until their inverses overflow.  Along shared axes
        responsibilities of 1e-300 keep variances above zero as well.
        """
        self._zero = Regularization.of(np.finfo(np.float64).eps ** 2 * variances)
        return self

    def spare(self, spared: Spared | None) -> "Repairer":
        """The repairer itself, which leaves alone what a family keeps from repairs."""
        self._spared = spared
        return self

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
                self._check_above_zero(mixture, statistics)
                break
            except IllDefinedCovarianceError as error:
                statistics = self._propped(statistics, error)
                propped += [] if error.component is None else [error.component]
        for k in propped:
            relocated = self._relocated(mixture, k)
            mixture = mixture if relocated is None else relocated
            self.repairs.append(Repair(n_iter, k, "covariance", "moved"))
        return mixture if propped else self.repaired(mixture, statistics, n_iter)

    def _check_above_zero(self, mixture: Mixture, statistics: SufficientStatistics) -> None:
        """Raise IllDefinedCovarianceError where a variance counts as zero."""
        if self._zero is None:
            return
        asked = None if self._spared is None else ~self._spared.shapes
        mixture = unscaled(mixture, statistics, self._regularization)
        if (gone := at_floor(mixture, self._zero, asked=asked)).any():
            tied = mixture.covariance_model.tied
            raise ill_defined_covariance_error(None if tied else int(gone.argmax()))

    def _propped(
        self, statistics: SufficientStatistics, error: IllDefinedCovarianceError
    ) -> SufficientStatistics:
        """The statistics with the pooled second moment for the component that has failed."""
        k = error.component
        weight = statistics.component_weight
        if self._on_collapse != "repair" or k is None or len(weight) == 1:
            raise error
        if self._moves()[k] >= MOVES or (self._spared is not None and self._spared.places[k]):
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

    def _moves(self) -> Counter[int]:
        """How often each component has been moved."""
        return Counter(one.component for one in self.repairs if one.action == "moved")

    def repaired(self, mixture: Mixture, statistics: SufficientStatistics, n_iter: int) -> Mixture:
        """The mixture with what has collapsed in it repaired; itself where nothing has.

        Raises
        ------
        IllDefinedCovarianceError
            With "raise", where a component has collapsed, which it names.
        """
        if mixture.n_components == 1 and mixture.noise is None:
            return mixture  # nothing else could explain its rows
        weight = statistics.component_weight
        lost = weight < self._row_weight
        held = {r.component: r.n_iter for r in self.repairs if r.action == "held"}
        moves = self._moves()
        spared = self._spared
        if spared is not None:
            lost &= ~spared.empty
        flat = self._flat(mixture, statistics, lost, held)
        for k in np.flatnonzero(lost | flat).tolist():
            reason: Literal["weight", "covariance"] = "weight" if lost[k] else "covariance"
            if self._on_collapse == "raise":
                error = IllDefinedCovarianceError(_sentence(k, reason, float(weight[k])))
                error.component = k
                raise error
            relocated, moves_at_all = None, spared is None or not spared.places[k]
            if lost[k] and moves_at_all and self._is_tried(moves[k], n_iter - held.get(k, n_iter)):
                relocated = self._relocated(mixture, k, statistics.weight)
            if relocated is not None:
                mixture = relocated
                self.repairs.append(Repair(n_iter, k, reason, "moved"))
            elif k not in held:
                self.repairs.append(Repair(n_iter, k, reason, "held"))
        return mixture

    def held(self, n_components: int, n_iter: int) -> tuple[np.ndarray, int]:
        """(K,) uint8: which components are held; and for how many iterations none of them is moved.

        That many iterations after `n_iter` the next move of one may be tried.
        """
        flags, rest = np.zeros(n_components, np.uint8), LONGEST
        moves = self._moves()
        for repair in self.repairs:
            if repair.action == "held":
                k, since = repair.component, n_iter - repair.n_iter
                flags[k] = 1
                if self._on_collapse == "repair" and moves[k] < MOVES:
                    rest = min(rest, (1 << since.bit_length()) - 1 - since)
        return flags, rest

    def _is_tried(self, n_moves: int, since: int) -> bool:
        """Whether a move of a lost component is looked at, so many iterations after it was held.

        It was moved `n_moves` times before.  What has brought nothing is looked at again after 1,
        2, 4, ... iterations: most often it brings nothing then either.
        """
        return self._on_collapse == "repair" and since & (since - 1) == 0 and n_moves < MOVES

    def _flat(
        self,
        mixture: Mixture,
        statistics: SufficientStatistics,
        lost: np.ndarray,
        held: dict[int, int],
    ) -> np.ndarray:
        """(K,): which are at the floor and neither lost nor known to be held; none of tied ones."""
        model = mixture.covariance_model
        if model.tied:
            return np.zeros(mixture.n_components, dtype=bool)
        if model.rescales:
            mixture = unscaled(mixture, statistics, self._regularization)
        asked = ~lost
        asked[list(held)] = False
        if self._spared is not None:
            asked &= ~self._spared.shapes
        return np.asarray(at_floor(mixture, self._regularization, asked=asked))

    def _relocated(
        self, mixture: Mixture, k: int, all_weight: float | None = None
    ) -> Mixture | None:
        """The mixture with component k at the rows of lowest density under the others.

        With the weight of all rows it is None unless the mean log-likelihood and log prior gain by
        the move: a component that holds less than a row may go without a loss.
        """
        if self._relocation is None:
            self._relocation = Relocation(self._drawn.sample, self._row_weight, self._n_threads)
        place = self._relocation.place(mixture, k)
        if place is None:
            return None
        if all_weight is None:
            return place.mixture()
        if self._regularization.prior is None:
            return place.mixture() if place.gain > 0.0 else None
        relocated, log_prior = place.mixture(), self._regularization.log_prior
        gain = place.gain + (log_prior(relocated) - log_prior(mixture)) / all_weight
        return relocated if gain > 0.0 else None


def at_floor(
    mixture: Mixture,
    regularization: Regularization,
    share: float = FLOOR_SHARE,
    asked: np.ndarray | None = None,
) -> np.ndarray:
    """(K,): where the ridge is all the variance in more directions than it is in the whole mixture.

    The likelihood of such a component says more of the ridge than of the data.  Where `asked` (K,)
    is false the answer is False.
    """
    model, k = mixture.covariance_model, mixture.n_components
    nothing = np.zeros(k, dtype=bool)
    if regularization.prior is not None:
        return nothing
    if asked is not None and not asked.any():
        return nothing
    ridge = regularization.ridge(model.form)
    covariances, inverses = mixture.covariances, mixture.inverse_factors
    if np.max(ridge) * inner(inverses, inverses) <= 0.5 * share:
        return nothing  # all traces together are too small for one direction
    if model.tied:
        covariances, inverses, asked = covariances[None], inverses[None], None
    counts = model.form.directions_at_floor(covariances, inverses, ridge, share, asked)
    if np.count_nonzero(counts) == 0:
        return nothing
    if mixture.noise is not None:
        return np.broadcast_to(counts > 0, k)  # rows of noise vary in all directions
    whole = directions_at_floor(total_covariance(mixture), ridge, share)
    whole //= model.form.features_per_variance(mixture.n_features)
    return np.broadcast_to(counts > whole, k)


def directions_at_floor(covariance: FloatArray, ridge: FloatArray, share: float) -> int:
    """The number of directions in which the ridge is all the variance that there is."""
    ridge = np.broadcast_to(ridge, len(covariance))
    deviations = np.sqrt(ridge)
    if not deviations.all():
        return 0
    with np.errstate(over="ignore"):
        scaled = covariance / deviations[:, None] / deviations
    if not np.isfinite(scaled).all():
        return 0
    counts = np.array([-1], dtype=np.int64)
    rounding = PIVOT_ROUNDING * len(scaled) * _largest_variance(scaled)
    if not count_below(covariance[None], ridge * (1.0 / share + rounding), counts)[0]:
        return int(counts[0])
    variances = np.linalg.eigvalsh(scaled)
    rounding = PIVOT_ROUNDING * len(variances) * variances[-1]
    return int(np.count_nonzero(variances < 1.0 / share + rounding))


def _largest_variance(covariance: FloatArray) -> float:
    """The largest eigenvalue within a few per cent, by some steps of the power method."""
    vector = covariance[int(np.diagonal(covariance).argmax())]
    for _ in range(POWER_STEPS):
        vector = covariance @ (vector / np.linalg.norm(vector))
    return float(np.linalg.norm(vector))


def _sentence(component: int, reason: str, weight: float) -> str:
    if reason == "weight":
        found = f"component {component} holds the weight {weight:.3g}, less than one row"
    else:
        found = f"the covariance of component {component} has no extent in some direction"
    return (
        f"Fitting the mixture model failed because a component collapsed: {found}. Use fewer "
        "components, a larger reg_covar, a prior, or on_collapse='repair'."
    )
