"""Models that fastgmm 0.1.0 wrote: the first format of files, and pickles."""

from typing import Any

import numpy as np

from fastgmm.em.collapse import Repair
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.priors import NormalInverseWishart, Regularizing
from fastgmm.em.regularization import Prior, Regularization
from fastgmm.estimators.planning import INITIAL
from fastgmm.estimators.state import Report
from fastgmm.estimators.stored import StoredState, plain_params
from fastgmm.fits.learner_state import LearnerState
from fastgmm.fits.memory import RECENT_ROWS, RecentState
from fastgmm.fits.reached import Initialization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics

_ARRAYS = ("weights", "means", "covariances", "factors", "inverse_factors")
"""A mixture was kept as these arrays."""


def read(
    facts: dict[str, Any], arrays: dict[str, np.ndarray]
) -> tuple[dict[str, Any], StoredState]:
    """The parameters of the constructor, and the state, of a file.

    A KeyError, TypeError or ValueError says that they are not those of a model.
    """
    params = plain_params(facts["params"], INITIAL)
    if (prior := params.get("prior")) is not None:
        params["prior"] = NormalInverseWishart(**prior)
    params |= {name: arrays[name] for name in INITIAL if name in arrays}
    given: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
    mixture = Mixture(
        covariance_type=facts["covariance_type"], dtype=np.dtype(facts["dtype"]), **given
    )
    reached = (
        Initialization(**one | {"lower_bound": float.fromhex(one["lower_bound"])})
        for one in facts.get("initializations", ())
    )
    report = Report(
        converged=facts["converged"],
        n_iter=facts["n_iter"],
        n_passes=facts.get("n_passes", facts["n_iter"]),
        lower_bound=float.fromhex(facts["lower_bound"]),
        lower_bounds=tuple(arrays["lower_bounds"].tolist()),
        gap=float.fromhex(facts.get("gap", "inf")),
        repairs=tuple(Repair(**repair) for repair in facts.get("repairs", ())),
        initializations=tuple(reached),
    )
    names, seen = facts["feature_names"], facts.get("seen")
    regularization = _regularization(arrays) if "ridge" in arrays else None
    stream = facts.get("stream")
    state = StoredState(
        mixture,
        regularization,
        report,
        None if names is None else np.array(names, dtype=object),
        None if seen is None else float.fromhex(seen),
        None if stream is None else _stream(stream, arrays, mixture, params),
    )
    return params, state


def is_checkpoint(facts: dict[str, Any]) -> bool:
    """Whether a file of the first format says where a fit is; it is a model all the same."""
    return "state" not in facts and "checkpoint" in facts


def _regularization(arrays: dict[str, np.ndarray]) -> Regularization:
    if "prior_mean" not in arrays:
        return Regularization(arrays["ridge"])
    shrinkage, dof, row_weight = arrays["prior_numbers"].tolist()
    prior = Prior(arrays["prior_mean"], shrinkage, dof, arrays["prior_scale"], row_weight)
    return Regularization(arrays["ridge"], prior)


def _stream(
    facts: dict[str, Any],
    arrays: dict[str, np.ndarray],
    mixture: Mixture,
    params: dict[str, Any],
) -> LearnerState:
    seen, mean, variance, weight = (float.fromhex(number) for number in facts["numbers"])
    recent = RecentState(
        arrays["stream_window"], facts["n_window"], arrays["stream_trace"], mean, variance, weight
    )
    statistics = None
    if facts["learning"]:
        known = _regularization(arrays) if "ridge" in arrays else None
        statistics = _implied(mixture, known, params)
    return LearnerState(
        statistics,
        seen,
        arrays["stream_rows"],
        arrays.get("stream_weight"),
        recent,
        facts["n_samples"],
        facts["n_updates"],
        facts["buffer_rows"],
        facts["seed"],
    )


def _implied(
    mixture: Mixture, known: Regularization | None, params: dict[str, Any]
) -> SufficientStatistics:
    """The statistics that a stream goes on from: 0.1.0 kept the mixture, which implies them."""
    wishes = Regularizing(
        params["reg_covar"], params.get("prior"), mixture.covariance_type, mixture.n_components
    )
    if known is None:
        known = wishes.of_mixture(mixture)
    return MAXIMUM_LIKELIHOOD.imply(mixture, Regularization(known.reg_covar))


# ---------------------------------------------------------------------- pickles


def snapshot_of(pickled: dict[str, Any]) -> tuple[Mixture, np.ndarray | None]:
    """The mixture and the feature names of a pickled snapshot."""
    return _mixture(pickled["_parameters"]), pickled["_feature_names"]


def estimator_of(pickled: dict[str, Any]) -> tuple[dict[str, Any], StoredState | None]:
    """The parameters of the constructor, and the state or None, of a pickled estimator."""
    internal = ("_parameters", "_regularization", "_feature_names", "_learner", "_seen")
    shown = tuple(name for name in pickled if name.endswith("_"))
    params = {name: value for name, value in pickled.items() if name not in (*internal, *shown)}
    mixture, learner = pickled.get("_parameters"), pickled.get("_learner")
    if mixture is None and learner is None:
        return params, None
    mixture = None if mixture is None else _mixture(mixture)
    known = pickled.get("_regularization")
    regularization = None if known is None else _unpickled_regularization(known)
    report = Report()
    if "converged_" in pickled:
        report = Report(
            converged=pickled["converged_"],
            n_iter=pickled["n_iter_"],
            n_passes=pickled["n_passes_"],
            lower_bound=pickled["lower_bound_"],
            lower_bounds=tuple(pickled["lower_bounds_"]),
            gap=pickled["gap_"],
            repairs=tuple(pickled["repairs_"]),
            initializations=tuple(pickled["initializations_"]),
        )
    stream = None
    if learner is not None:
        stream = _unpickled_stream(vars(learner), params)
    return params, StoredState(
        mixture, regularization, report, pickled.get("_feature_names"), pickled.get("_seen"), stream
    )


def _mixture(pickled: Any) -> Mixture:
    """The mixture of a pickle, where its class was called Parameters."""
    known = vars(pickled)
    arrays = {name: known[name] for name in _ARRAYS}
    return Mixture(covariance_type=known["covariance_type"], dtype=known["dtype"], **arrays)


def _unpickled_regularization(pickled: Any) -> Regularization:
    known = vars(pickled)
    prior = known["prior"]
    return Regularization(known["reg_covar"], None if prior is None else Prior(**vars(prior)))


def _unpickled_stream(learner: dict[str, Any], params: dict[str, Any]) -> LearnerState:
    recent, rows = vars(learner["recent"]), vars(learner["rows"])
    n, statistics = rows["n"], None
    if learner["parameters"] is not None:
        known = learner["regularization"]
        regularization = None if known is None else _unpickled_regularization(known)
        statistics = _implied(_mixture(learner["parameters"]), regularization, params)
    return LearnerState(
        statistics,
        float(learner["seen"]),
        rows["rows"][:n].copy(),
        None if rows["weight"] is None else rows["weight"][:n].copy(),
        RecentState(
            recent["window"][: min(recent["n_window"], RECENT_ROWS)].copy(),
            recent["n_window"],
            np.array(recent["trace"], dtype=np.float64).reshape(-1, 2),
            recent["mean"],
            recent["variance"],
            recent["weight"],
        ),
        learner["n_samples"],
        learner["n_updates"],
        learner["buffer_rows"],
        learner["seed"],
    )
