"""The loop of expectation-maximisation.

A fold of E-steps and M-steps until the log-likelihood stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.maximization import maximization, new_means
from fastgmm.parameters import Parameters
from fastgmm.statistics import SufficientStatistics

Pass = Callable[[Parameters], SufficientStatistics]
"""One E-step over all rows."""
Recentre = Callable[[Parameters, np.ndarray], SufficientStatistics]
"""The same responsibilities about other means."""

CANCELLATION = 1e-7
"""Error of a variance, in units of it and `reg_covar`, from which it is worth two more passes."""


@dataclass(frozen=True)
class Iteration:
    """What a callback sees of one iteration.

    Parameters
    ----------
    n_iter : int
        Its number, from 1.
    lower_bound : float
        Mean log-likelihood per row under the parameters that it began with, in nats.
    change : float
        Rise of that since the iteration before; infinite in the first.
    init : int
        Index of the start, below ``n_init``.
    """

    n_iter: int
    lower_bound: float
    change: float
    init: int = 0


@dataclass(frozen=True)
class Run:
    """One run of EM from one start."""

    parameters: Parameters
    lower_bound: float
    n_iter: int = 0
    converged: bool = False
    stopped: bool = False
    lower_bounds: list[float] = field(default_factory=list)
    failure: IllDefinedCovarianceError | None = None


def run_em(
    start: Parameters,
    one_pass: Pass,
    recentre: Recentre,
    *,
    tol: float,
    max_iter: int,
    reg_covar: float,
    lower_bound: float = float("-inf"),
    init: int = 0,
    callback: Callable[[Iteration], object] | None = None,
) -> Run:
    """Iterate until EM has converged.

    That is when the mean log-likelihood changes by less than `tol`; the run ends, too, when
    `max_iter` is reached or the callback returns True.

    The lower bound of an iteration is that of the parameters it began with, as in scikit-learn, so
    that a fit costs one pass per iteration and stops after the same one.  A covariance that is not
    positive definite ends the run with `failure` set.
    """
    parameters = start
    bounds: list[float] = []
    for n_iter in range(1, max_iter + 1):
        statistics = one_pass(parameters)
        previous, lower_bound = lower_bound, statistics.log_likelihood / statistics.weight
        if cancels(statistics, reg_covar):
            statistics = recentre(parameters, new_means(statistics))
        try:
            parameters = maximization(statistics, reg_covar)
        except IllDefinedCovarianceError as error:
            return Run(parameters, lower_bound, n_iter, lower_bounds=bounds, failure=error)
        bounds.append(lower_bound)
        change = lower_bound - previous
        converged = abs(change) < tol
        stopped = callback is not None and _is_true(
            callback(Iteration(n_iter, lower_bound, change, init))
        )
        if converged or stopped:
            return Run(parameters, lower_bound, n_iter, converged, stopped, bounds)
    return Run(parameters, lower_bound, len(bounds), False, False, bounds)


def cancels(statistics: SufficientStatistics, reg_covar: float) -> bool:
    """Whether the new means are so far from the reference that rounding shows in the variances.

    What is subtracted from a second moment leaves an error of eps times itself. That matters in
    the first pass, from means that are not where the data are.
    """
    weight = np.maximum(statistics.component_weight, np.finfo(np.float64).tiny)
    step = statistics.first_moment / weight[:, None]
    second = statistics.second_moment
    if statistics.covariance_type == "tied":
        moved = (weight[:, None] * step**2).sum(axis=0) / weight.sum()
        second = np.diagonal(second) / weight.sum()
    elif statistics.covariance_type == "spherical":
        moved = (step**2).mean(axis=1)
        second = second / weight / step.shape[1]
    else:
        moved = step**2
        second = np.einsum("kjj->kj", second) if statistics.covariance_type == "full" else second
        second = second / weight[:, None]
    error = np.finfo(np.float64).eps * moved
    return bool((error > CANCELLATION * (np.maximum(second - moved, 0.0) + reg_covar)).any())


def _is_true(answer: object) -> bool:
    return isinstance(answer, bool | np.bool_) and bool(answer)
