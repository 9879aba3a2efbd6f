"""The learner of a stream as it stands in files."""

from dataclasses import dataclass

import numpy as np

from fastgmm.fits.looks import Looks
from fastgmm.fits.memory import RecentState
from fastgmm.fits.reservoir import ReservoirState
from fastgmm.mixture.statistics import SufficientStatistics


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
        Rows (n, D) that wait for their batch, finite, and their weights (n,), finite, 0 or more.
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
