"""What no file may say of a stream."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.archive import codec
from fastgmm.fits.learner_state import LearnerState
from support import correlated_mixture


def state_of(n_samples: int, seed: int = 0, **params: Any) -> LearnerState:
    """Return the state of a stream of so many rows."""
    rng = np.random.default_rng(seed)
    rows = correlated_mixture(2, 3, rng).sample(n_samples, rng)[0]
    model = GaussianMixture(2, random_state=0, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in np.array_split(rows, 7):
            model.partial_fit(part)
    assert model._state is not None
    assert model._state.learner is not None
    return model._state.learner.state()


@pytest.mark.parametrize("n_samples", [40, 700, 2500])
@pytest.mark.parametrize("half_life", [None, 300.0])
def test_a_state_comes_back_as_it_was(n_samples: int, half_life: float | None) -> None:
    state = state_of(n_samples, half_life=half_life)
    facts, arrays = codec.describe(state)
    again = codec.restore(LearnerState, facts, arrays)
    assert codec.describe(again)[0] == facts
    assert again.waiting.tobytes() == state.waiting.tobytes()


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("", {"seen": -1.0}),
        ("", {"n_updates": -1}),
        ("", {"n_samples": 3}),
        ("", {"first_rows": 1}),
        ("", {"seed": 2**63}),
        ("", {"n_skipped": 10**9}),
        ("", {"aside": np.nan}),
        ("", {"probed": 10**6}),
        ("", {"waiting": np.full((5, 3), np.inf)}),
        ("", {"waiting": np.zeros((5, 2))}),
        ("looks", {"last": np.inf}),
        ("looks", {"pause": 999}),
        ("looks", {"in_vain": -1}),
        ("looks", {"surprised": -2.0}),
        ("looks", {"level": np.nan}),
        ("looks", {"spread": -1.0}),
        ("reservoir", {"rows": np.zeros((4, 0))}),
        ("reservoir", {"log_weight": np.zeros(3)}),
        ("reservoir", {"threshold": np.inf}),
        ("reservoir", {"clock": -1.0}),
        ("reservoir", {"n_offered": -1}),
    ],
)
def test_what_no_stream_can_be_is_refused(part: str, changes: dict[str, Any]) -> None:
    state = state_of(1500)
    assert state.looks is not None
    assert state.reservoir is not None
    if part:
        changes = {part: replace(getattr(state, part), **changes)}
    with pytest.raises(ValueError, match=r"\w"):
        codec.checked(replace(state, **changes))
