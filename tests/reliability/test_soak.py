"""Streams, readers, checkpoints and reloads in a loop: nothing grows, and no sum drifts.

FASTGMM_SOAK is the number of seconds that it takes.
"""

import os
import sys
from pathlib import Path

import pytest
from reliability.interposed import run_script


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the size of the process")
def test_nothing_grows(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    seconds = os.environ.get("FASTGMM_SOAK", "3")
    found = run_script(
        "soak.py", tmp_path, seconds, preload=False, timeout=300 + 2 * float(seconds)
    )
    assert found["wrong"] == []
    assert found["turns"] >= 10
