"""The fitted state as files and pickles hold it: numbers, text and arrays."""

from dataclasses import field
from typing import Any

import numpy as np

from fastgmm.archive.checks import check_names, check_number
from fastgmm.em.regularization import Regularization
from fastgmm.em.trail import Trail
from fastgmm.estimators.state import Report
from fastgmm.fits.learner_state import LearnerState
from fastgmm.mixture.mixture import Mixture
from fastgmm.values import dataclass


@dataclass(frozen=True, eq=False)
class StoredState:
    """What `State` holds, with the learner as a value.

    Parameters
    ----------
    mixture, regularization, report, names, seen
        As in `State`.
    stream : LearnerState, optional
        The learner of the stream that the mixture follows.
    trail : Trail, optional
        As in `State`.
    """

    mixture: Mixture | None
    regularization: Regularization | None = None
    report: Report = field(default_factory=Report)
    names: np.ndarray | None = None
    seen: float | None = None
    stream: LearnerState | None = None
    trail: Trail | None = None

    def check(self) -> None:
        """Raise ValueError where the parts, from a file, do not fit each other."""
        mixture, stream = self.mixture, self.stream
        check_number("the weight of the rows of the fit", self.seen or 0.0, 0.0)
        if mixture is None:
            if stream is None or stream.statistics is not None:
                raise ValueError("it lacks its mixture")
            check_names(self.names, stream.waiting.shape[1])
            return
        n_features = mixture.n_features
        check_names(self.names, n_features)
        if self.regularization is not None:
            self.regularization.check_form(mixture.covariance_model.form, n_features)
        if self.trail is not None:
            self.trail.check_for(mixture)
        if stream is not None:
            check_stream(stream, mixture)


def check_stream(stream: LearnerState, mixture: Mixture) -> None:
    """Raise ValueError where a stream, from a file, is not that of a mixture."""
    known = stream.statistics
    if stream.waiting.shape[1] != mixture.n_features:
        raise ValueError(f"the rows of its stream must have {mixture.n_features} features")
    if known is None:
        return
    same = known.reference.shape == mixture.means.shape
    if not same or known.covariance_type != mixture.covariance_type:
        raise ValueError("the statistics of its stream must be like its mixture")
    held, least = known.component_weight.sum(), 0.99 if mixture.noise is None else 0.0
    check_number("the weight of what a stream knows", held, least, 1.01)
    check_number("the weight of what a stream knows", known.weight, 0.99, 1.01)


def plain_params(held: Any, of_arrays: tuple[str, ...]) -> dict[str, Any]:
    """The parameters that a file holds as JSON values; those of arrays it holds beside them."""
    params = dict(held)
    for name in of_arrays:
        if params.get(name) is not None:
            raise ValueError(f"its {name} is no array")
    return params
