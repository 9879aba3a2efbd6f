"""All limits of all parameters: a result, or an error of ours, of the right type, within a second.

FASTGMM_LIMITS=1 gives each parameter every value, and FASTGMM_LIMITS=5 one of five.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reliability.interposed import run_script

import fastgmm
from fastgmm import GaussianMixture, GaussianMixtureClassifier, fit_many, progress_bar
from fastgmm.limits.scalars import LONGEST
from fastgmm.plot import check_picture_name

ROWS = np.random.default_rng(0).normal(size=(20, 2))
RAGGED = [[1], [2, 3]]
SECONDS = 3600.0
"""All values take two minutes of processor time, and a machine may be busy with others."""


@pytest.mark.skipif(os.name != "posix", reason="calls are ended by timers, and memory is limited")
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    pytest.importorskip("sklearn")
    monkeypatch.setenv("MPLBACKEND", "agg")
    found = run_script("limits.py", tmp_path, preload=False, timeout=SECONDS)
    assert found["wrong"] == []
    assert sum(found["seen"].values()) > 3000


def fitted() -> GaussianMixture:
    return GaussianMixture(2, random_state=0).fit(ROWS)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("x", lambda: fitted().score_one(RAGGED)),
        ("labels", lambda: GaussianMixture(2).fit(ROWS, labels=RAGGED)),
        ("labels", lambda: fit_many(ROWS, 1, labels=RAGGED)),
        ("labels", lambda: fitted().fisher_vectors(ROWS, groups=RAGGED)),
        ("order", lambda: fitted().reorder(RAGGED)),
        ("values", lambda: fitted().conditional([0], RAGGED)),
        ("y", lambda: GaussianMixtureClassifier().fit(ROWS, RAGGED)),
        ("classes", lambda: GaussianMixtureClassifier().partial_fit(ROWS, ROWS[:, 0] > 0, RAGGED)),
        ("sample_weight", lambda: fit_many(ROWS, 1, labels=ROWS[:, 0] > 0, sample_weight=RAGGED)),
    ],
)
def test_ragged_lists_are_named(name: str, call: Callable[[], Any]) -> None:
    """What was wrong was said by NumPy, which does not know what it is called."""
    with pytest.raises(ValueError, match=f"^{name} must be one array, got .*lists in it"):
        call()


def test_sentences_are_short_whatever_they_show() -> None:
    long = "x" * 100_000
    with pytest.raises(ValueError, match="no column names") as unnamed:
        fitted().marginal([long])
    with pytest.raises(ValueError, match="components") as large:
        fastgmm.bootstrap_lrt(ROWS, 10**5000)
    with pytest.raises(ValueError, match="a number of iterations") as time:
        progress_bar(np.timedelta64(1, "s"))  # type: ignore[arg-type]
    for found in (unnamed, large, time):
        assert 20 < len(str(found.value)) < LONGEST + 200
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="must end in one of") as picture:
        check_picture_name(long)
    assert len(str(picture.value)) < LONGEST + 200
