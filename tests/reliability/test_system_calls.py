"""Each system call of saves, checkpoints and `learn` fails once: ENOSPC, EIO, EINTR, half a write.

The old file is there or the new one, never a third; the error names the file, and nothing is left
beside it.
"""

from pathlib import Path

from reliability.interposed import needs_interposer, run_script


@needs_interposer
def test_each_call_fails(tmp_path: Path) -> None:
    found = run_script("faulty_calls.py", tmp_path)
    assert found["wrong"] == []
    # Of a file: open, write, flush, close, chmod, rename; of its folder: open, flush, close.
    assert min(found["failed"].values()) == 5 * 9
