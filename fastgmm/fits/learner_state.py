"""The learner of a stream as it stands in files."""

from typing import Any

import numpy as np

from fastgmm.archive import checks
from fastgmm.fits.looks import Looks
from fastgmm.fits.memory import Recent, RecentState, check_waiting
from fastgmm.fits.reservoir import Reservoir, ReservoirState
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.values import dataclass


@dataclass(frozen=True, eq=False)
class LearnerState:
    """A `Learner` as it stands in files, but for the mixture and its regularisation.

    Parameters
    ----------
    statistics : SufficientStatistics, optional
        What was learned, of weight 1; None while the first rows are gathered.
    seen : float
        The weight of the rows learned from: finite, 0 or more.
    waiting, waiting_weight : ndarray
        Rows (n, D) that wait for their batch, finite but for gaps, and their weights (n,), finite,
        0 or more.
    recent : RecentState
        The log densities of the last rows.
    n_samples, n_updates : int
        The numbers of rows taken, n or more, and of steps done, 0 or more.
    first_rows : int
        The number of rows that the first fit waits for: 2 or more.
    seed : int
        The seed of the first fit, from 0 to 2**63 - 1.
    n_skipped : int
        The number of rows that were set aside, from 0 to `n_samples`.
    aside : float
        The number of them that is not forgotten yet: 0 or more.
    probed : int
        The number of waiting rows of which some were looked at: from 0 to their number.
    reservoir : ReservoirState, optional
        The sample of the rows; None before there is one, and in files of older versions.
    looks : Looks, optional
        When the stream looks again; None likewise.
    labelled : bool
        Whether rows with labels have come.
    """

    statistics: SufficientStatistics | None
    seen: float
    waiting: np.ndarray
    waiting_weight: np.ndarray | None
    recent: RecentState
    n_samples: int
    n_updates: int
    first_rows: int
    seed: int
    n_skipped: int = 0
    aside: float = 0.0
    probed: int = 0
    reservoir: ReservoirState | None = None
    looks: Looks | None = None
    labelled: bool = False

    @classmethod
    def of(cls, learner: Any) -> "LearnerState":
        """The state of a `Learner`."""
        rows, weight = learner.waiting.held()
        return cls(
            None if learner.learned is None else learner.learned.statistics,
            learner.seen,
            rows.copy(),
            None if weight is None else weight.copy(),
            learner.recent.state(),
            learner.n_taken + len(rows),
            learner.n_updates,
            learner.first_rows,
            learner.seed,
            learner.n_skipped,
            learner.aside,
            learner.probed,
            None if learner.reservoir is None else learner.reservoir.state(),
            learner.looks,
            learner.labelled,
        )

    def restored(self) -> dict[str, Any]:
        """The attributes of the `Learner`, but for what it has learned and the rows that wait."""
        sample = self.reservoir
        rows = [self.waiting] if sample is None else [self.waiting, sample.rows]
        return {
            "recent": Recent.of(self.recent),
            "n_taken": self.n_samples - len(self.waiting),
            "n_updates": self.n_updates,
            "first_rows": self.first_rows,
            "n_skipped": self.n_skipped,
            "aside": self.aside,
            "probed": self.probed,
            "reservoir": None if sample is None else Reservoir.of(sample),
            "looks": self.looks,
            "labelled": self.labelled,
            "gaps": any(bool(np.isnan(array).any()) for array in rows),
        }

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, are not those of any stream."""
        check_waiting(self.waiting, self.waiting_weight)
        checks.check_number("the weight of the rows seen", self.seen, 0.0)
        for name in ("n_updates", "seed"):
            checks.check_count(name, getattr(self, name))
        n_waiting = len(self.waiting)
        checks.check_count("n_samples", self.n_samples, n_waiting)
        checks.check_count("first_rows", self.first_rows, 2)
        checks.check_number("n_skipped", self.n_skipped, 0, self.n_samples)
        checks.check_number("the rows set aside", self.aside, 0.0)
        checks.check_number("the rows looked at", self.probed, 0, n_waiting)
        if self.seed >= 2**63:
            raise ValueError(f"the seed must be below 2**63, got {self.seed}")
        sample, n_features = self.reservoir, self.waiting.shape[1]
        if sample is not None and sample.rows.shape[1] != n_features:
            raise ValueError(f"rows that wait must have {sample.rows.shape[1]} features")
