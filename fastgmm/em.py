"""The loop of expectation-maximisation.

A fold of E-steps and M-steps until the log-likelihood stays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.maximization import maximization
from fastgmm.parameters import Parameters
from fastgmm.statistics import SufficientStatistics

Pass = Callable[[Parameters], SufficientStatistics]
"""One E-step over all rows."""


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
    """One run of EM from one start; without parameters if a covariance was singular."""

    parameters: Parameters | None
    lower_bound: float
    n_iter: int = 0
    converged: bool = False
    stopped: bool = False
    lower_bounds: list[float] = field(default_factory=list)
    failure: IllDefinedCovarianceError | None = None


def run_em(
    begin: Callable[[], Parameters],
    one_pass: Pass,
    *,
    tol: float,
    max_iter: int,
    reg_covar: float,
    lower_bound: float = float("-inf"),
    init: int = 0,
    callback: Callable[[Iteration], object] | None = None,
    earlier: Sequence[float] = (),
    after_pass: Callable[[Run], None] | None = None,
) -> Run:
    """Iterate until EM has converged.

    That is when the mean log-likelihood changes by less than `tol`; the run ends, too, when
    `max_iter` is reached or the callback returns True.

    The lower bound of an iteration is that of the parameters it began with, as in scikit-learn, so
    that a fit costs one pass per iteration and stops after the same one.  A covariance that is not
    positive definite ends the run with `failure` set.

    `earlier` holds the lower bounds of the iterations that led to where it begins; `after_pass`
    sees the run after each M-step.
    """
    bounds = list(earlier)
    if bounds:
        lower_bound = bounds[-1]
    try:
        parameters = begin()  # nobody else holds them: they go with the first M-step
    except IllDefinedCovarianceError as error:
        return Run(None, lower_bound, failure=error)
    for n_iter in range(len(bounds) + 1, max_iter + 1):
        statistics = one_pass(parameters)
        previous, lower_bound = lower_bound, statistics.log_likelihood / statistics.weight
        del parameters  # the M-step needs room for the next
        try:
            parameters = maximization(statistics, reg_covar)
        except IllDefinedCovarianceError as error:
            return Run(None, lower_bound, n_iter, lower_bounds=bounds, failure=error)
        bounds.append(lower_bound)
        change = lower_bound - previous
        converged = abs(change) < tol
        stopped = callback is not None and _is_true(
            callback(Iteration(n_iter, lower_bound, change, init))
        )
        ended = converged or stopped
        if ended or after_pass is not None:
            run = Run(parameters, lower_bound, n_iter, converged, stopped, bounds)
        if after_pass is not None:
            after_pass(run)
        if ended:
            return run
    return Run(parameters, lower_bound, len(bounds), False, False, bounds)


def _is_true(answer: object) -> bool:
    return isinstance(answer, bool | np.bool_) and bool(answer)
