"""What estimators of a stream share: who learns from the first rows, and whom a fit hands on to."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fastgmm import BayesianGaussianMixture, GaussianMixture
from fastgmm.errors import NotFittedError
from fastgmm.estimators.state import State
from fastgmm.estimators.streams import begun, following
from support import correlated_mixture


def rows_of(rng: np.random.Generator, n: int = 3000) -> np.ndarray:
    return correlated_mixture(2, 2, rng).sample(n, rng)[0]


def params_of(**given: Any) -> SimpleNamespace:
    return GaussianMixture(2, random_state=0, **given)._params()


def test_a_learner_begins_with_rows_or_goes_on_from_a_fit(rng: np.random.Generator) -> None:
    rows = rows_of(rng)
    fresh = begun(rows, params_of(), None)
    assert fresh.learned is None
    assert (fresh.target.n_features, fresh.target.n_components) == (2, 2)
    model = GaussianMixture(2, random_state=0).fit(rows)
    going_on = begun(rows, params_of(), model._state)
    assert going_on.learned is not None
    assert going_on.learned.mixture is model._state.mixture
    assert going_on.learned.seen == len(rows)


def test_a_learner_follows_what_was_set(rng: np.random.Generator) -> None:
    rows = rows_of(rng)
    model = GaussianMixture(2, random_state=0).fit(rows)
    learner = begun(rows, params_of(), model._state)
    wishes = (3, 50.0, 0.8, 0.5)
    after = following(learner, params_of(n_threads=3, half_life=50.0, reg_covar=0.5), wishes)
    assert (after.n_threads, after.wishes) == (3, wishes)
    assert after.learned is not None
    assert (after.learned.regularization.reg_covar == 0.5).all()
    kept = following(learner, params_of(reg_covar="auto"), wishes)
    assert kept.learned is learner.learned


@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
def test_first_rows_are_fitted_when_somebody_asks(kind: type, rng: np.random.Generator) -> None:
    rows = rows_of(rng, 60)
    model = kind(n_components=2, random_state=0).partial_fit(rows)
    assert model._state.mixture is None
    assert model.means_.shape == (2, 2)
    assert isinstance(model._state, State)
    assert model.partial_fit(rows).n_samples_seen_ == 120
    few = kind(n_components=3, random_state=0).partial_fit(rows[:2])
    with pytest.raises(NotFittedError, match="Only 2 rows have come to partial_fit, too few"):
        few.means_  # noqa: B018
