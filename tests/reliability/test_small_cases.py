"""The cases that `ci/sanitizers.sh memory` runs are right without a tool, too."""

from pathlib import Path

from reliability.interposed import run_script

from fastgmm import kernels


def test_small_cases(tmp_path: Path) -> None:
    found = run_script("small_cases.py", tmp_path, preload=False)
    assert found == {"instruction set": kernels.CHOSEN.name}
