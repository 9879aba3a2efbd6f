"""Inputs of every kind, each made of a number: none crashes, hangs, takes memory or makes nonsense.

FASTGMM_FUZZ=60 tries new ones for so many seconds, in child processes; `docs/reliability.md` tells
of longer runs.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import model_files
import numpy as np
import pytest
import texts
from good_files import base, names
from limits import Broken, memory, quickly
from model_outcomes import check_mixture, outcome
from targets import SHARES, target_of

SECONDS = os.environ.get("FASTGMM_FUZZ", "")
N_CASES = {"models": 250, "headers": 400, "texts": 150, "arrays": 250, "calls": 240}
"""So many inputs of each target are tried here, always the same: some seconds of all."""
FOUND = {
    "models": (5053, 7123, 8413, 18311, 401427, 412002, 418520),
    "headers": (945,),
    "texts": (4, 4190),
    "arrays": (60, 79, 1224, 2122, 3061, 4464, 22411),
    "calls": (2785, 1804, 4911, 9636, 7825, 12669, 15145, 425594),
}
"""These have once been broken, or were near to what was."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No one waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.mark.parametrize("target", SHARES)
@pytest.mark.filterwarnings("ignore")
def test_none_is_broken(target: str) -> None:
    tried, seen = target_of(target), set()
    for case in (*range(N_CASES[target]), *FOUND[target]):
        try:
            seen.add(tried(case)[1])
        except Exception as error:
            pytest.fail(f"{target} {case}: {type(error).__name__}: {error}")
    assert seen == {"refused", "valid"}


@pytest.mark.parametrize("index", range(0, len(names()), 12))
def test_the_good_files_are_good(index: int) -> None:
    good = base(names()[index])
    assert outcome(good, good.content) == "valid"


def test_mutations_are_of_all_kinds() -> None:
    """Each kind is tried, most are refused, and the same number makes the same file."""
    n = len(model_files.MUTATIONS)
    kinds = {model_files.mutated(case)[0] for case in range(n)}
    assert kinds == {mutate.__name__ for mutate in model_files.MUTATIONS}
    changed = []
    for case in range(3 * n):
        _, good, content = model_files.mutated(case)
        assert model_files.mutated(case)[2] == content
        changed.append(content != good.content)
    assert np.mean(changed) > 0.8
    assert texts.made(7)[1] == texts.made(7)[1]


class Model:
    """What looks like a fitted model."""

    covariance_type = "full"

    def __init__(self, weights: list[float], means: float, covariance: list[list[float]]) -> None:
        self.weights_ = np.array(weights)
        self.means_ = np.full((len(weights), 2), means)
        self.covariances_ = np.array([covariance] * len(weights))


@pytest.mark.parametrize(
    ("weights", "means", "covariance", "words"),
    [
        ([0.5, 0.6], 0.0, [[1.0, 0.0], [0.0, 1.0]], "weights sum to 1.1"),
        ([1.5, -0.5], 0.0, [[1.0, 0.0], [0.0, 1.0]], "weights are"),
        ([1.0], np.nan, [[1.0, 0.0], [0.0, 1.0]], "means are"),
        ([1.0], 0.0, [[1.0, 2.0], [2.0, 1.0]], "not positive definite"),
        ([1.0], 0.0, [[1.0, 0.5], [0.2, 1.0]], "not symmetric"),
        ([1.0], 0.0, [[0.0, 0.0], [0.0, 1.0]], "variances are"),
        ([1.0], 0.0, [[np.inf, 0.0], [0.0, 1.0]], "covariances are"),
    ],
)
def test_what_is_no_mixture_is_seen(
    weights: list[float], means: float, covariance: list[list[float]], words: str
) -> None:
    with pytest.raises(Broken, match=words):
        check_mixture(Model(weights, means, covariance))


def test_memory_and_time_are_seen() -> None:
    check_mixture(Model([0.4, 0.6], 1.0, [[2.0, 1.0], [1.0, 2.0]]))
    with pytest.raises(Broken, match="took 4000"), memory(0):
        np.zeros(5_000_000)
    with pytest.raises(Broken, match="seconds"), quickly():
        _busy(1.05)


def _busy(seconds: float) -> None:
    begin = time.process_time()
    while time.process_time() - begin < seconds:
        pass


@pytest.mark.skipif(not SECONDS, reason="FASTGMM_FUZZ is the number of seconds")
def test_new_inputs() -> None:
    # The day chooses the numbers, so that every run tries others and says which.
    first = int(time.time() // 86_400) * 1_000_000
    command = [sys.executable, "-W", "ignore", Path(__file__).with_name("runs.py"), "all"]
    command += ["--seconds", SECONDS, "--first", str(first)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
