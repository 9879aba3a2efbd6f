"""One model scored by sixteen threads while another changes it: each score is of a whole model.

FASTGMM_THREADS is the number of seconds of each scenario: 600 of them make 10^7 calls.
"""

import os
from pathlib import Path

from reliability.interposed import run_script

SECONDS = os.environ.get("FASTGMM_THREADS", "2")


def test_no_score_is_of_a_model_that_never_was(tmp_path: Path) -> None:
    found = run_script("many_threads.py", tmp_path, "one", SECONDS, "16", preload=False)
    assert found["wrong"] == []
    assert found["calls"] > 1000
    assert found["seen"] > 1
    assert found["threads left"] == 0


def test_a_model_that_many_change_stays_one(tmp_path: Path) -> None:
    found = run_script("many_threads.py", tmp_path, "learner", SECONDS, "4", preload=False)
    assert found["wrong"] == []
    assert found["calls"] >= 4


def test_each_fit_is_as_if_alone(tmp_path: Path) -> None:
    found = run_script("many_threads.py", tmp_path, "many", SECONDS, "8", preload=False)
    assert found["wrong"] == []
    assert found["calls"] >= 8
