"""A run of EM from one start: what it has come to, and what is seen of its iterations."""

from dataclasses import field

import numpy as np

from fastgmm.archive import checks
from fastgmm.em.acceleration import Search
from fastgmm.em.collapse import Repair
from fastgmm.em.extrapolation import Extrapolation
from fastgmm.em.regularization import Regularization
from fastgmm.em.trail import Trail
from fastgmm.errors import IllDefinedCovarianceError
from fastgmm.mixture.mixture import Mixture
from fastgmm.values import dataclass


@dataclass(frozen=True)
class Iteration:
    """What a callback sees of one iteration.

    Parameters
    ----------
    n_iter : int
        The number of the iteration, from 1.
    lower_bound : float
        Mean log-likelihood per row under the mixture that it began with, in nats; with a prior, its
        log density per row on top.
    change : float
        Rise of the lower bound since the iteration before; infinite in the first.
    init : int
        Index of the start, below ``n_init``.

    Examples
    --------
    >>> import fastgmm
    >>> seen = []
    >>> model = fastgmm.GaussianMixture(random_state=0)
    >>> model = model.fit([[1.0], [2.0], [6.0]], callback=seen.append)
    >>> seen[0].n_iter, seen[0].init, seen[0].lower_bound == model.lower_bounds_[0]
    (1, 0, True)
    """

    n_iter: int
    lower_bound: float
    change: float
    init: int = 0


@dataclass(frozen=True, eq=False)
class Run:
    """One run of EM from one start; it has no mixture if a covariance was singular.

    Parameters
    ----------
    mixture : Mixture, optional
        What the last M-step has made.
    lower_bound : float
        That of the mixture that the last iteration began with, in nats per row.
    n_iter, n_passes : int
        Numbers of iterations, and of passes over the rows: more, where accelerated steps have
        failed.
    converged, stopped : bool
        Whether the rule of stopping was met, or the callback ended it.
    lower_bounds : list of float
        The lower bound of each iteration.
    failure : IllDefinedCovarianceError, optional
        What has ended the run where a covariance was singular.
    gap : float
        Predicted distance of the lower bound from its limit, in nats; inf where unknown.
    repairs : tuple of Repair
        What was done about components that have collapsed.
    ahead : Mixture, optional
        What the next iteration begins with, where that is not EM's own step.
    search : Search, optional
        What has been learned for such steps.
    extrapolation : Extrapolation, optional
        The same where covariances are restricted.
    regularization : Regularization
        The ridge and the prior of the M-steps.
    trail : Trail, optional
        What was before the first iteration; None before the first pass, unless a fit goes on.
    noise : float
        Where the lower bound went up and down and no longer rose, how far, in nats per row: this
        has ended the run.  Else 0.
    """

    mixture: Mixture | None
    lower_bound: float
    n_iter: int = 0
    converged: bool = False
    stopped: bool = False
    lower_bounds: list[float] = field(default_factory=list)
    failure: IllDefinedCovarianceError | None = None
    n_passes: int = 0
    gap: float = np.inf
    repairs: tuple[Repair, ...] = ()
    ahead: Mixture | None = None
    search: Search | None = None
    extrapolation: Extrapolation | None = None
    regularization: Regularization = field(default_factory=Regularization)
    trail: Trail | None = None
    noise: float = 0.0

    @property
    def trace(self) -> tuple[float, ...]:
        """The lower bounds of all iterations, and those from before the first."""
        before = () if self.trail is None else self.trail.lower_bounds
        return (*before, *self.lower_bounds)

    def recent(self, n: int) -> list[float]:
        """The last n of the trace, n at most `LENGTH`."""
        last = self.lower_bounds[-n:]
        if self.trail is not None and len(last) < n:
            last = [*self.trail.lower_bounds[len(last) - n :], *last]
        return last

    @property
    def passed(self) -> Trail | None:
        """What another run needs to go on from this one's end."""
        return None if self.trail is None else self.trail.after(self.lower_bounds)

    @property
    def ahead_by(self) -> Search | Extrapolation | None:
        """What proposes steps ahead of EM."""
        return self.search or self.extrapolation

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do, though there may be iterations left."""
        return self.converged or self.stopped or self.noise > 0.0

    def check(self) -> None:
        """Raise ValueError where EM, reading this from a file, could not go on from it."""
        mixture, search = self.mixture, self.ahead_by
        if mixture is None or self.failure is not None:
            raise ValueError("a run that goes on has a mixture")
        checks.check_count("n_iter", self.n_iter)
        checks.check_count("n_passes", self.n_passes)
        checks.check_log_density("lower bounds", self.lower_bound, *self.lower_bounds)
        self.regularization.check_form(mixture.covariance_model.form, mixture.n_features)
        if self.ahead is not None and not mixture.is_like(self.ahead):
            raise ValueError("the mixture ahead must be like that of the run")
        checks.check_number("the noise of a run", self.noise, 0.0)
        if self.trail is not None:
            self.trail.check_for(mixture)
        if search is not None:
            search.check_for(mixture)
        if self.ahead is not None and (search is None or not search.has_tried):
            raise ValueError("a mixture ahead comes from a step of a search")
