"""Forks, spawned processes, interpreters, event loops, exits: the same bits, and nothing hangs.

FASTGMM_FORKS is the number of forks in the middle of fits.
"""

import os
from pathlib import Path

import pytest
from reliability.interposed import run_script

SCENARIOS = (
    *("fork", "spawn", "forkserver", "fork while fitting", "interpreter"),
    *("daemon threads", "at exit", "event loop"),
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_ends(scenario: str, tmp_path: Path) -> None:
    if os.name != "posix" and "fork" in scenario:
        pytest.skip("processes are forked")
    seconds = 300.0 + 2.0 * int(os.environ.get("FASTGMM_FORKS", "10"))
    assert run_script("processes.py", tmp_path, scenario, preload=False, timeout=seconds) == []
