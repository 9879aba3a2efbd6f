"""The fitted state as files and pickles hold it: numbers, text and arrays."""

from dataclasses import dataclass, field

import numpy as np

from fastgmm.em.regularization import Regularization
from fastgmm.estimators.state import Report
from fastgmm.fits.learner_state import LearnerState
from fastgmm.mixture.mixture import Mixture


@dataclass(frozen=True, eq=False)
class StoredState:
    """What `State` holds, with the learner as a value.

    Parameters
    ----------
    mixture, regularization, report, names, seen
        As in `State`.
    stream : LearnerState, optional
        The learner of the stream that the mixture follows.
    """

    mixture: Mixture | None
    regularization: Regularization | None = None
    report: Report = field(default_factory=Report)
    names: np.ndarray | None = None
    seen: float | None = None
    stream: LearnerState | None = None
