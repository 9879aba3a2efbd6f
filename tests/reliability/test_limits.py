"""All limits of all parameters: a result, or an error of ours, of the right type, within a second.

FASTGMM_LIMITS=1 gives each parameter every value, and FASTGMM_LIMITS=5 one of five.
"""

import os
from pathlib import Path

import pytest
from reliability.interposed import run_script


@pytest.mark.skipif(os.name != "posix", reason="calls are ended by timers, and memory is limited")
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    pytest.importorskip("sklearn")
    monkeypatch.setenv("MPLBACKEND", "agg")
    found = run_script("limits.py", tmp_path, preload=False)
    assert found["wrong"] == []
    assert sum(found["seen"].values()) > 3000
