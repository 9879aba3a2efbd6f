"""States as files hold them: their parts fit each other, or they are refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.archive import codec
from fastgmm.em.regularization import Regularization
from fastgmm.estimators.model_file import stored
from fastgmm.estimators.stored import StoredState


def state_of(covariance_type: Any, n_rows: int = 900, n_features: int = 2) -> StoredState:
    """The state of a stream."""
    rows = np.random.default_rng(0).normal(size=(n_rows, n_features))
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).partial_fit(rows)
    state = model._state
    assert state is not None
    return stored(state)


def test_a_state_comes_back(covariance_type: str) -> None:
    state = codec.checked(state_of(covariance_type))
    assert state.mixture is not None
    assert state.stream is not None
    assert state.stream.statistics is not None
    gathering = codec.checked(state_of(covariance_type, 20))
    assert gathering.mixture is None


def texts(*names: Any) -> np.ndarray:
    return np.array(names, dtype=object)


def with_stream(state: StoredState, **changes: Any) -> StoredState:
    return replace(state, stream=replace(state.stream, **changes))  # type: ignore[type-var]


def with_recent(state: StoredState, **changes: Any) -> StoredState:
    return with_stream(state, recent=replace(state.stream.recent, **changes))  # type: ignore[union-attr]


def with_mixture(state: StoredState, **changes: Any) -> StoredState:
    return replace(state, mixture=replace(state.mixture, **changes))  # type: ignore[type-var]


def with_statistics(state: StoredState, **changes: Any) -> StoredState:
    return with_stream(state, statistics=replace(state.stream.statistics, **changes))  # type: ignore[union-attr, type-var]


WRONG: dict[str, Callable[[StoredState], StoredState]] = {
    "it lacks its mixture": lambda s: replace(s, mixture=None),
    "2 names of features": lambda s: replace(s, names=texts("a")),
    "must differ": lambda s: replace(s, names=texts("a", "a")),
    "weight of the rows of the fit": lambda s: replace(s, seen=-1.0),
    "reg_covar must fit 2": lambda s: replace(s, regularization=Regularization(np.ones(3))),
    "reg_covar must be at least 0": lambda s: replace(
        s, regularization=Regularization(np.full((), -1.0))
    ),
    "n_iter must be at least 0": lambda s: replace(s, report=replace(s.report, n_iter=-1)),
    "lower bounds": lambda s: replace(s, report=replace(s.report, lower_bounds=(np.nan,))),
    "a distance": lambda s: replace(s, report=replace(s.report, gap=-1.0)),
    "must have 2 features": lambda s: with_stream(s, waiting=np.ones((1, 3))),
    "rows that wait must be finite": lambda s: with_stream(s, waiting=np.full((1, 2), np.inf)),
    "rows that wait must hold float": lambda s: with_stream(s, waiting=np.ones((1, 2), int)),
    "the weights of rows that wait": lambda s: with_stream(s, waiting_weight=np.ones(3)),
    "rows seen": lambda s: with_stream(s, seen=-1.0),
    "seed must": lambda s: with_stream(s, seed=-1),
    "first_rows must": lambda s: with_stream(s, first_rows=0),
    "the window must hold": lambda s: with_recent(s, window=np.ones(3)),
    "rows of the window": lambda s: with_recent(s, n_window=-1),
    "the trace must": lambda s: with_recent(s, trace=np.ones((3, 3))),
    "the length of the trace": lambda s: with_recent(s, trace=np.ones((999, 2))),
    "a variance": lambda s: with_recent(s, variance=-1.0),
    "the mean log density": lambda s: with_recent(s, mean=np.nan),
    "the weight of recent rows": lambda s: with_recent(s, weight=9000.0),
    "weights must sum to 1": lambda s: with_mixture(s, weights=np.array([0.5, 0.6])),
    "weights must be at least 0": lambda s: with_mixture(s, weights=np.array([1.5, -0.5])),
    "weights must have the shape": lambda s: with_mixture(s, weights=np.ones(1)),
    "means must be finite": lambda s: with_mixture(s, means=np.full((2, 2), np.inf)),
    "means must have 2 dimensions": lambda s: with_mixture(s, means=np.ones((2, 0))),
    "means must be numbers of": lambda s: with_mixture(
        s, means=np.full((2, 2), 1e39), dtype=np.dtype(np.float32)
    ),
    "factors belong to them": lambda s: with_mixture(s, factors=2.0 * s.mixture.factors),  # type: ignore[union-attr]
    "covariances must have the shape": lambda s: with_mixture(s, covariances=np.ones((2, 9))),
    "must be like its mixture": lambda s: with_stream(
        s, statistics=state_of("full", n_features=3).stream.statistics  # type: ignore[union-attr]
    ),
    "components of the weight": lambda s: with_statistics(s, weight=0.5),
    "what a stream knows": lambda s: with_stream(
        s, statistics=s.stream.statistics.scaled(3.0)  # type: ignore[union-attr]
    ),
    "component_weight must be at least 0": lambda s: with_statistics(
        s, component_weight=np.array([-0.5, 1.5])
    ),
    "second_moment must": lambda s: with_statistics(s, second_moment=np.ones(7)),
    "first_moment must be": lambda s: with_statistics(s, first_moment=np.full((2, 2), np.inf)),
    "n_samples must": lambda s: with_statistics(s, n_samples=-1),
    "log_likelihood must": lambda s: with_statistics(s, log_likelihood=np.nan),
}  # fmt: skip


@pytest.mark.parametrize("sentence", WRONG)
def test_parts_that_do_not_fit_are_refused(sentence: str, covariance_type: str) -> None:
    state = state_of(covariance_type)
    with pytest.raises(ValueError, match=sentence):
        codec.checked(WRONG[sentence](state))
