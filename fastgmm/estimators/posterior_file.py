"""Posteriors in files and pickles: the parameters of the constructor and the fitted state."""

import os
from dataclasses import field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from fastgmm.archive import codec, container
from fastgmm.archive.checks import check_names, check_number
from fastgmm.archive.reading import content_of
from fastgmm.archive.replacement import replace_file
from fastgmm.em.posterior_priors import VariationalStream
from fastgmm.em.regularization import Regularization
from fastgmm.em.trail import Trail
from fastgmm.errors import FileFormatError
from fastgmm.estimators.model_file import plain_fact
from fastgmm.estimators.planning import pace_of, regularization_of
from fastgmm.estimators.posterior_planning import NOT_PARAMETERS, wishes_of
from fastgmm.estimators.state import Report, State
from fastgmm.estimators.stored import check_stream, plain_params
from fastgmm.fits.learned import Learned
from fastgmm.fits.learner_state import LearnerState
from fastgmm.fits.online import Learner
from fastgmm.fits.target import Target
from fastgmm.limits.scalars import as_numbers
from fastgmm.mixture.posterior import Posterior
from fastgmm.validation import check_parameters
from fastgmm.values import dataclass
from fastgmm.version import __version__

ARRAYS = ("mean_prior", "covariance_prior")
"""These parameters of the constructor are arrays."""


@dataclass(frozen=True, eq=False)
class StoredPosterior:
    """What a `State` holds of a fitted posterior.

    Parameters
    ----------
    posterior : Posterior, optional
        None while the first rows of a stream are gathered.
    regularization, report, names, seen, trail
        As in `State`.
    stream : LearnerState, optional
        The learner of the stream that the posterior follows.
    """

    posterior: Posterior | None
    regularization: Regularization | None = None
    report: Report = field(default_factory=Report)
    names: np.ndarray | None = None
    seen: float | None = None
    trail: Trail | None = None
    stream: LearnerState | None = None

    def check(self) -> None:
        """Raise ValueError where the parts, from a file, do not fit each other."""
        posterior, stream = self.posterior, self.stream
        if posterior is None:
            if stream is None or stream.statistics is not None:
                raise ValueError("it lacks its posterior")
            check_names(self.names, stream.waiting.shape[1])
            return
        if stream is not None:
            check_stream(stream, posterior)
        check_names(self.names, posterior.n_features)
        check_number("the weight of the rows of the fit", self.seen or 0.0, 0.0)
        if self.regularization is not None:
            self.regularization.check_form(posterior.form, posterior.n_features)
        if self.trail is not None:
            self.trail.check_for(posterior)


def described(state: State) -> tuple[codec.Facts, codec.Arrays]:
    """The state as plain values and arrays."""
    posterior, learner = state.mixture, state.learner
    assert posterior is None or isinstance(posterior, Posterior)
    stored = StoredPosterior(
        posterior,
        state.regularization,
        state.report,
        state.names,
        state.seen,
        state.trail,
        None if learner is None else learner.state(),
    )
    return codec.describe(stored)


def restored(facts: codec.Facts, arrays: codec.Arrays, params: Any) -> State:
    """The state that `described` was given, for an estimator with these parameters.

    Raises
    ------
    FileFormatError
        When facts and arrays are not those of one.
    """
    try:
        of = codec.restore(StoredPosterior, facts, arrays)
    except container.UNREADABLE as error:
        raise FileFormatError(f"it does not hold a fitted posterior: {error}") from error
    state = State(of.posterior, of.regularization, of.report, of.names, of.seen, trail=of.trail)
    stream, known, learned = of.stream, of.posterior, None
    if stream is None:
        return state
    k, kind = params.n_components, params.covariance_type
    if known is not None:
        # The constructor's parameters may be others by now, and no longer valid.
        k, kind = known.n_components, known.covariance_type
    if stream.statistics is not None:
        assert known is not None
        regularization = of.regularization or regularization_of(params, state)
        learned = Learned(known, stream.statistics, regularization, stream.seen)
    family = VariationalStream(wishes_of(params))
    target = Target(stream.waiting.shape[1], stream.waiting.dtype, k, kind, family)
    learner = Learner(target, pace_of(params), params.n_threads, stream.seed, learned)
    return replace(state, learner=learner.restored(stream))


def write(path: "str | os.PathLike[str]", params: dict[str, Any], state: State) -> None:
    """Replace the file at `path` in one step; a `random_state` that is not an int is not kept."""
    facts, arrays = described(state)
    restored(
        facts, arrays, SimpleNamespace(**params, **NOT_PARAMETERS)
    )  # so that nothing is written that could not be read
    given = {name: as_numbers(params[name], name) for name in ARRAYS if params[name] is not None}
    plain = {name: plain_fact(name, value) for name, value in params.items() if name not in given}
    facts |= {"version": __version__, "params": plain}
    replace_file(path, container.pack("posterior", facts, arrays | given))


def read(path: "str | os.PathLike[str]") -> tuple[dict[str, Any], State]:
    """The parameters of the constructor and the state of a file that `write` made.

    Raises
    ------
    FileFormatError
        When it is not one, or damaged.
    """
    facts, arrays = container.unpack(content_of(path), "posterior", str(path))
    try:
        facts.pop("version")
        params = plain_params(facts.pop("params"), ARRAYS)
        params |= {name: arrays.pop(name) for name in ARRAYS if name in arrays}
        of_params = SimpleNamespace(**check_parameters(params), **NOT_PARAMETERS)
        return params, restored(facts, arrays, of_params)
    except (*container.UNREADABLE, FileFormatError) as error:
        raise FileFormatError(
            f"{path} was not written by BayesianGaussianMixture.save: {error}"
        ) from error
