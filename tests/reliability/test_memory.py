"""Allocations fail, and threads cannot start: an error or the right result, and the state is whole.

FASTGMM_FAULTS=all lets every allocation fail in turn.
"""

from pathlib import Path

import pytest
from reliability.interposed import needs_interposer, run_script


@needs_interposer
def test_allocations_fail(tmp_path: Path) -> None:
    found = run_script("faulty_memory.py", tmp_path, "memory")
    assert found["wrong"] == []
    for name, seen in found["seen"].items():
        assert seen.get("MemoryError", 0) > 0, name


@needs_interposer
@pytest.mark.parametrize(("first", "all_after"), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1)])
def test_threads_cannot_start(first: int, all_after: int, tmp_path: Path) -> None:
    assert run_script("faulty_memory.py", tmp_path, "threads", str(first), str(all_after)) == []
