"""The fitted state of an estimator: one frozen value, published by one assignment."""

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from fastgmm.archive import checks
from fastgmm.em.collapse import Repair
from fastgmm.em.regularization import Regularization
from fastgmm.em.run import Run
from fastgmm.em.trail import Trail
from fastgmm.fits.reached import Initialization
from fastgmm.lazy import lazy
from fastgmm.mixture.mixture import Mixture
from fastgmm.values import dataclass

if TYPE_CHECKING:
    from fastgmm.fits.fit import Fit
    from fastgmm.fits.online import Learner


@dataclass(frozen=True, eq=False)
class Report:
    """What a fit, or a stream, says of the way to its mixture.

    Parameters
    ----------
    converged : bool
        Whether the rule of the end was met.
    n_iter, n_passes : int
        Iterations, and passes over the rows; of a stream, its updates.
    lower_bound : float
        Mean log-likelihood per row, nats; of a stream, the running mean.
    lower_bounds : tuple of float
        That of each iteration, or of a stream's last batches.
    gap : float
        Predicted distance of the lower bound from its limit, nats; inf where unknown.
    repairs : tuple of Repair
        What collapsed, and what was done.
    initializations : tuple of Initialization
        What each start has reached.
    """

    converged: bool = False
    n_iter: int = 0
    n_passes: int = 0
    lower_bound: float = -np.inf
    lower_bounds: tuple[float, ...] = ()
    gap: float = np.inf
    repairs: tuple[Repair, ...] = ()
    initializations: tuple[Initialization, ...] = ()

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, cannot be."""
        checks.check_count("n_iter", self.n_iter)
        checks.check_count("n_passes", self.n_passes)
        checks.check_log_density("lower bounds", self.lower_bound, *self.lower_bounds)
        if self.gap < 0.0:
            raise ValueError(f"a distance must not be negative, got {self.gap}")

    @classmethod
    def of_run(cls, run: Run, initializations: tuple[Initialization, ...] = ()) -> "Report":
        """What a run of EM says."""
        return cls(
            converged=run.converged,
            n_iter=run.n_iter,
            n_passes=run.n_passes,
            lower_bound=run.lower_bound,
            lower_bounds=tuple(run.lower_bounds),
            gap=run.gap,
            repairs=run.repairs,
            initializations=initializations,
        )

    def stepped(self, bound: float) -> "Report":
        """What it says after one more step by the user, which has raised this bound."""
        return replace(
            self,
            lower_bound=bound,
            lower_bounds=(*self.lower_bounds, bound),
            n_iter=self.n_iter + 1,
            n_passes=self.n_passes + 1,
        )

    @classmethod
    def of_stream(cls, learner: "Learner") -> "Report":
        """What a stream says: its updates stand for iterations and passes."""
        n, recent = learner.n_updates, learner.recent
        trace = tuple(map(itemgetter(1), recent.trace))
        return cls(n_iter=n, n_passes=n, lower_bound=recent.mean, lower_bounds=trace)


@dataclass(frozen=True, eq=False)
class State:
    """What an estimator has come to.

    A method that changes it makes a whole new one and stores it in one assignment, so that other
    threads see the old one or the new one and never a part of each.

    Parameters
    ----------
    mixture : Mixture, optional
        None while the first rows of a stream are gathered.
    regularization : Regularization, optional
        What the constructor's wishes have become for the rows of the fit.
    given : Report, optional
        What the fit says of the way to the mixture; None: what the learner does, when it is asked.
    names : ndarray of shape (D,), optional
        Names of the features.
    seen : float, optional
        Weight of the rows that the mixture was fitted to, before a stream if there is one.
    learner : Learner, optional
        What learns from the stream that the mixture follows.
    trail : Trail, optional
        What a warm start goes on with; None where the mixture does not come from a fit.
    """

    mixture: Mixture | None
    regularization: Regularization | None = None
    given: Report | None = Report()
    names: np.ndarray | None = None
    seen: float | None = None
    learner: "Learner | None" = None
    trail: Trail | None = None

    @classmethod
    def of_fit(cls, found: "Fit", names: np.ndarray | None, seen: float | None) -> "State":
        """What a fit has found; a stream begins anew from here."""
        run, report = found.run, Report.of_run(found.run, found.initializations)
        return cls(run.mixture, run.regularization, report, names, seen, trail=run.passed)

    @classmethod
    def of_stream(
        cls, learner: "Learner", names: np.ndarray | None, before: "State | None"
    ) -> "State":
        """What a learner has come to that goes on from a state, where there was one."""
        seen = None if before is None else before.seen
        learned = learner.learned
        if learned is None:
            return cls(None, names=names, seen=seen, learner=learner)
        return cls(learned.mixture, learned.regularization, None, names, seen, learner)

    @property
    def n_features(self) -> int | None:
        """The number of features that rows of a stream must have; None where any number is good."""
        if self.learner is not None:
            return self.learner.target.n_features
        return None if self.mixture is None else self.mixture.n_features

    @lazy
    def report(self) -> Report:
        """What the fit, or the stream, says of the way to the mixture."""
        if self.given is not None:
            return self.given
        assert self.learner is not None
        return Report.of_stream(self.learner)
