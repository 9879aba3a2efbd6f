"""Public methods that would take more memory than there is: a sentence with the bytes, or a result.

FASTGMM_HUGE=1 reads 2^31 rows of a file that is one hole, which takes a minute.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from reliability.interposed import run_script

SENTENCE = re.compile(
    r".* takes some [\d.,]+ [GM]B \([\d,]+ bytes\).*, and [\d.,]+ [GM]B can be had"
)
HUGE = """
import os, numpy as np, fastgmm
n = (1 << 31) + 1000
open("holes", "wb").close()
os.truncate("holes", 4 * n)
rows = np.memmap("holes", dtype=np.float32, mode="r", shape=(n, 1))
model = fastgmm.GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
statistics = model.e_step(rows)
expected = model.score_one(np.zeros(1))
assert statistics.n_samples == n and statistics.weight == n
assert abs(statistics.component_weight.sum() / n - 1.0) < 1e-6  # of float32
assert abs(model.score(rows) - expected) < 1e-6, model.score(rows)
"""
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not kept everywhere")


@LINUX
def test_a_sentence_or_a_result(tmp_path: Path) -> None:
    found = run_script("limited_memory.py", tmp_path, preload=False)
    wrong = {k: said for k, said in found.items() if said != "done" and not SENTENCE.match(said)}
    assert wrong == {}
    assert sum(said != "done" for said in found.values()) > 25


@LINUX
@pytest.mark.skipif("FASTGMM_HUGE" not in os.environ, reason="it takes a minute, and 8 GB of cache")
def test_more_rows_than_an_int_counts(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", HUGE], cwd=tmp_path, timeout=1800, check=False)
    assert done.returncode == 0
