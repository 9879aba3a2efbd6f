"""Ctrl-C at random moments of every method: the old state or the new one, and all goes on after it.

FASTGMM_INTERRUPTS is the number of interrupts of each method.
"""

import os
from pathlib import Path

import pytest
from reliability.interposed import run_script


@pytest.mark.skipif(os.name != "posix", reason="timers that send signals are POSIX's")
def test_interrupts(tmp_path: Path) -> None:
    n = os.environ.get("FASTGMM_INTERRUPTS", "4")
    found = run_script("interrupted.py", tmp_path, n, "1", preload=False)
    assert found["wrong"] == []
    assert sum(found["interrupted"].values()) > 0
