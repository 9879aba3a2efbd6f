"""SIGKILL at random moments of fits with a checkpoint, of `learn`, and of saves: nothing is lost.

FASTGMM_KILLS is the number of kills of each kind.
"""

import os
from pathlib import Path

import pytest
from reliability.interposed import run_script


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
def test_kills(tmp_path: Path) -> None:
    n = os.environ.get("FASTGMM_KILLS", "9")
    found = run_script("killed.py", tmp_path, n, "1", preload=False)
    assert found["wrong"] == []
    assert sum(found["killed"].values()) > 0
